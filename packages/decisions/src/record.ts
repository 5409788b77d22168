import { RECORD_BYTES_MAX, SCHEMA } from './conventions.js';
import { cutJson } from './cut.js';
import { encodeJson } from './json.js';
import type { EncodedJson, Truncation } from './json.js';
import type { Actor, Alternative, Model, Reason, Subject } from './options.js';

/**
 * The body of a `decision.made` log record, as a reader gets it by `JSON.parse`. The meaning of each field stands in
 * `docs/semantic-conventions.md`.
 */
export interface DecisionRecord {
  /** `decision/1`. */
  schema: string;
  /** UUIDv7; stable across retries: readers deduplicate by it. */
  id: string;
  /** When the decision was made: RFC 3339, UTC, milliseconds. */
  timestamp: string;
  /** From call to decision by the monotonic clock, in milliseconds. */
  durationMs: number;
  model: Model;
  /** What the model was given, as it was when the call began. */
  input: unknown;
  /** What it decided; absent when it failed. */
  decision?: unknown;
  /** Why it failed; absent when it decided. */
  error?: { type: string; message: string };
  score?: number;
  threshold?: number;
  reasons?: Reason[];
  alternatives?: Alternative[];
  subject?: Subject;
  actor?: Actor;
  /** Id of the enclosing decision, when one model calls another. */
  parentId?: string;
  trace?: { traceId: string; spanId: string };
  attributes?: Record<string, unknown>;
  /** What a limit cut. */
  truncated?: Truncation[];
}

/** The fields of a record in their order, each as JSON text. */
export type RecordFields = { [Field in keyof DecisionRecord]?: EncodedJson | undefined };

/** What one cut adds to the list of what was cut, at most. */
const TRUNCATION_BYTES_MAX = 256;

/** The order in which the fields of a record are written. */
const ORDER: readonly (keyof DecisionRecord)[] = [
  'schema',
  'id',
  'timestamp',
  'durationMs',
  'model',
  'input',
  'decision',
  'error',
  'score',
  'threshold',
  'reasons',
  'alternatives',
  'subject',
  'actor',
  'parentId',
  'trace',
  'attributes',
];

/** One encoded field of a record. */
export function field(name: keyof DecisionRecord, value: unknown): EncodedJson | undefined {
  return value === undefined ? undefined : encodeJson(value, `/${name}`);
}

/**
 * Writes a record as one compact JSON text of at most 64 KiB of UTF-8. Where the parts are larger, the largest is cut
 * first; `truncated` names it, with size and digest of the whole.
 */
export function writeRecord(fields: RecordFields): { body: string; truncated: boolean } {
  const parts: Part[] = [];
  const truncated: Truncation[] = [];
  for (const name of ORDER) {
    const encoded = name === 'schema' ? field(name, SCHEMA) : fields[name];
    if (encoded === undefined) continue;
    truncated.push(...encoded.truncated);
    parts.push({ name, encoded, text: encoded.text, bytes: encoded.textBytes });
  }

  // Of a part beyond the limit only the beginning is in memory, so it is no JSON text until it is cut.
  for (const part of parts) if (part.bytes > RECORD_BYTES_MAX) cut(part, RECORD_BYTES_MAX, truncated);
  for (;;) {
    const body = assemble(parts, truncated);
    const excess = Buffer.byteLength(body) - RECORD_BYTES_MAX;
    if (excess <= 0) return { body, truncated: truncated.length > 0 };
    const largest = parts.filter(isCuttable).reduce((a, b) => (weight(b, truncated) > weight(a, truncated) ? b : a));
    cut(largest, largest.bytes - excess - TRUNCATION_BYTES_MAX, truncated);
  }
}

/** What tells one decision from another is never cut; it is small by itself. */
function isCuttable({ name }: Part): boolean {
  return !['schema', 'id', 'timestamp', 'durationMs', 'model', 'parentId', 'trace'].includes(name);
}

/** Bytes of a part and of what is said about cuts inside it, which can be more than the part. */
function weight({ name, bytes }: Part, truncated: readonly Truncation[]): number {
  const inside = truncated.filter(({ path }) => path.startsWith(`/${name}/`));
  return bytes + (inside.length === 0 ? 0 : Buffer.byteLength(JSON.stringify(inside)));
}

interface Part {
  name: keyof DecisionRecord;
  encoded: EncodedJson;
  text: string;
  bytes: number;
}

function cut(part: Part, bytesMax: number, truncated: Truncation[]): void {
  const path = `/${part.name}`;
  part.text = cutJson(part.encoded.text, bytesMax);
  part.bytes = Buffer.byteLength(part.text);
  // The digest of the whole part covers the cuts inside it.
  const others = truncated.filter((truncation) => !`${truncation.path}/`.startsWith(`${path}/`));
  truncated.splice(0, truncated.length, ...others);
  truncated.push({ path, bytes: part.encoded.wholeBytes, sha256: part.encoded.wholeSha256() });
}

function assemble(parts: readonly Part[], truncated: readonly Truncation[]): string {
  let body = '{';
  for (const { name, text } of parts) body += `${body.length > 1 ? ',' : ''}"${name}":${text}`;
  if (truncated.length > 0) body += `,"truncated":${JSON.stringify(truncated)}`;
  return `${body}}`;
}
