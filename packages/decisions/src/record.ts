import { RECORD_BYTES_MAX } from './conventions.js';
import { cutJson } from './cut.js';
import { encodeJson, plainJson } from './json.js';
import type { EncodedJson, EncodeOptions, Truncation } from './json.js';
import type { Actor, Alternative, Model, Reason, Subject } from './options.js';
import type { Masked } from './redact/masker.js';

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
  /** What it decided; of a stream, what it yielded. Absent when it failed, unless a stream had yielded something by then. */
  decision?: unknown;
  /** Why it failed; absent when it decided. */
  error?: { type: string; message: string };
  score?: number;
  threshold?: number;
  reasons?: Reason[];
  alternatives?: Alternative[];
  subject?: Subject;
  actor?: Actor;
  /** The call that decided about several rows at once. */
  batch?: Batch;
  /** How a result that came bit by bit ended. */
  stream?: Stream;
  /** Id of the enclosing decision, when one model calls another. */
  parentId?: string;
  trace?: { traceId: string; spanId: string };
  attributes?: Record<string, unknown>;
  /** What redaction kept out. */
  masked?: Masked[];
  /** What a limit cut. */
  truncated?: Truncation[];
}

/** A decision's place in a call that decided about several rows at once. */
export interface Batch {
  /** UUIDv7, the same for all decisions of the call. */
  id: string;
  /** Of the row, from 0. */
  index: number;
  /** Number of rows. */
  size: number;
  /** Number of decisions that the model returned, where it is not the number of rows. */
  decisions?: number;
}

/** How a result that came bit by bit ended. */
export interface Stream {
  /** Number of items that the consumer received. */
  items: number;
  /**
   * `completed`: to its end; `returned`: the consumer wanted no more; `failed`: with an error; `aborted`: by an
   * AbortSignal; `abandoned`: nobody consumed it to its end, and it was collected as garbage.
   */
  ended: 'completed' | 'returned' | 'failed' | 'aborted' | 'abandoned';
  /** What a generator returned, or the reason that a consumer gave for wanting no more. */
  returned?: unknown;
}

/** The fields of a record, by name, each as JSON text. */
export type RecordFields = Record<string, EncodedJson | undefined>;

/** What one cut adds to the list of what was cut, at most. */
const TRUNCATION_BYTES_MAX = 256;

/** The order in which the fields of records are written: of decisions, and of what becomes known of them later. */
const ORDER: readonly string[] = [
  'schema',
  'id',
  'decisionId',
  'timestamp',
  'durationMs',
  'model',
  'label',
  'value',
  'source',
  'reviewer',
  'action',
  'input',
  'decision',
  'rationale',
  'error',
  'score',
  'threshold',
  'reasons',
  'alternatives',
  'subject',
  'actor',
  'batch',
  'stream',
  'parentId',
  'trace',
  'attributes',
  'masked',
];

/** One encoded field of a record that nothing of the user's is in. */
export function field(value: unknown): EncodedJson | undefined {
  return value === undefined ? undefined : plainJson(value);
}

/** The JSON text of a field that is kept of it, complete where it is only a beginning. */
export function fieldText({ text, textBytes }: EncodedJson, bytesMax: number = RECORD_BYTES_MAX): string {
  return textBytes <= bytesMax ? text : cutJson(text, bytesMax);
}

/** The value of an encoded field, as a reader of the record gets it. */
export function valueOf(encoded: EncodedJson | undefined): unknown {
  return encoded === undefined ? undefined : (JSON.parse(fieldText(encoded)) as unknown);
}

/** What a rule masked in one field may stand in another that was encoded before: masks it there as well. */
export function maskAgain(fields: RecordFields, options: EncodeOptions): void {
  if (options.masker.remembersNothing) return;
  for (const [name, encoded] of Object.entries(fields)) {
    if (encoded === undefined || OURS.has(name) || !options.masker.leaks(encoded.text)) continue;
    const again = encodeJson(valueOf(encoded), `/${name}`, { ...options, masker: options.masker.echo });
    // The digests are those of texts with the value in them.
    fields[name] = { ...again, truncated: encoded.truncated.map(({ path }) => ({ path })) };
  }
}

/** Fields that nothing of the user's is in. */
const OURS: ReadonlySet<string> = new Set(['schema', 'id', 'decisionId', 'timestamp', 'parentId', 'trace']);

/**
 * Writes a record as one compact JSON text of at most 64 KiB of UTF-8. Where the parts are larger, the largest is cut
 * first; `truncated` names it, with size and digest of the whole.
 */
export function writeRecord(fields: RecordFields): { body: string; truncated: boolean } {
  const parts: Part[] = [];
  const truncated: Truncation[] = [];
  for (const name of ORDER) {
    const encoded = fields[name];
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
    const others = parts.filter((part) => part !== largest && isCuttable(part));
    const bytes = Math.max(largest.bytes - excess, fairShare(largest.bytes, others, excess));
    cut(largest, Math.min(bytes, largest.bytes - 1) - TRUNCATION_BYTES_MAX, truncated);
  }
}

/** The bytes to which the largest part is cut where others are large as well: all of those are cut to the same size. */
function fairShare(largest: number, others: readonly Part[], excess: number): number {
  const sizes = [largest, ...others.map(({ bytes }) => bytes)].sort((a, b) => b - a);
  let sum = 0;
  for (const [index, size] of sizes.entries()) {
    sum += size;
    const share = Math.floor((sum - excess) / (index + 1));
    if (share >= (sizes[index + 1] ?? 0)) return share;
  }
  return 0;
}

const UNCUTTABLE: ReadonlySet<string> = new Set([
  'schema',
  'id',
  'decisionId',
  'timestamp',
  'durationMs',
  'model',
  'action',
  'batch',
  'parentId',
  'trace',
  'masked',
]);

/** What tells one decision from another is never cut, nor what is said about masking; both are small by themselves. */
function isCuttable({ name }: Part): boolean {
  return !UNCUTTABLE.has(name);
}

/** Bytes of a part and of what is said about cuts inside it, which can be more than the part. */
function weight({ name, bytes }: Part, truncated: readonly Truncation[]): number {
  const inside = truncated.filter(({ path }) => path.startsWith(`/${name}/`));
  return bytes + (inside.length === 0 ? 0 : Buffer.byteLength(JSON.stringify(inside)));
}

interface Part {
  name: string;
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
  truncated.push({ path, ...part.encoded.whole?.() });
}

function assemble(parts: readonly Part[], truncated: readonly Truncation[]): string {
  let body = '{';
  for (const { name, text } of parts) body += `${body.length > 1 ? ',' : ''}"${name}":${text}`;
  if (truncated.length > 0) body += `,"truncated":${JSON.stringify(truncated)}`;
  return `${body}}`;
}
