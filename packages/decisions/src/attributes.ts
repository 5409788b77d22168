import {
  ATTR_AUDIT_ACTION,
  ATTR_AUDIT_ACTOR_ID,
  ATTR_AUDIT_ACTOR_TYPE,
  ATTR_AUDIT_OUTCOME,
  ATTR_AUDIT_RECORD_ID,
  ATTR_AUDIT_SCHEMA_VERSION,
  ATTR_AUDIT_TARGET_ID,
  ATTR_AUDIT_TARGET_TYPE,
  ATTR_DECISION_BATCH_ID,
  ATTR_DECISION_BATCH_INDEX,
  ATTR_DECISION_ID,
  ATTR_DECISION_INPUT,
  ATTR_DECISION_MASKED,
  ATTR_DECISION_MODEL_DIGEST,
  ATTR_DECISION_MODEL_NAME,
  ATTR_DECISION_MODEL_PROVIDER,
  ATTR_DECISION_MODEL_VERSION,
  ATTR_DECISION_REASONS,
  ATTR_DECISION_SCORE,
  ATTR_DECISION_SUBJECT_ID,
  ATTR_DECISION_SUBJECT_TYPE,
  ATTR_DECISION_THRESHOLD,
  ATTR_DECISION_TIMESTAMP,
  ATTR_DECISION_TRUNCATED,
  ATTR_DECISION_VALUE,
  ATTR_ERROR_TYPE,
  ATTRIBUTE_JSON_BYTES_MAX,
  SCHEMA,
} from './conventions.js';
import type { EncodedJson } from './json.js';
import type { Model } from './options.js';
import { fieldText, valueOf } from './record.js';
import type { Batch, RecordFields } from './record.js';
import { beginning, wellFormed } from './text.js';

/** Attributes of a span or log record, as OpenTelemetry takes them. */
export type Attributes = Record<string, string | number | boolean | string[]>;

/** Reason codes in `decision.reasons` at most, and their bytes. */
const REASONS_MAX = 32;
const REASONS_BYTES_MAX = 2 * 1024;

/** Bytes of the names and values of all `decision.input.<field>` at most. */
const INDEXED_BYTES_MAX = 2 * 1024;

/** Bytes of an id, type or code in an attribute at most. Together with all other limits this is less than 16 KiB. */
const NAME_BYTES_MAX = 256;

/** What of a decision is projected to attributes besides the fields of its record. */
export interface Projected {
  id: string;
  timestamp: string;
  model: Model;
  batch: Batch | undefined;
  /** Whether it is known that the model decided, or failed. */
  outcome: 'success' | 'failure' | 'unknown';
  /** Fields of the input that are copied to attributes of their own. */
  index: readonly string[];
  truncated: boolean;
  /** Number of paths that redaction touched. */
  masked: number;
}

/**
 * The attributes of a decision's span. What may hold personal data is read from the fields as they were encoded, so
 * that nothing shows here that is not in the record.
 */
export function spanAttributes(fields: RecordFields, projected: Projected): Attributes {
  const { model, batch } = projected;
  const reasons = valueOf(fields['reasons']);
  return defined({
    [ATTR_DECISION_ID]: projected.id,
    [ATTR_DECISION_INPUT]: fields['input'] && fieldText(fields['input'], ATTRIBUTE_JSON_BYTES_MAX),
    [ATTR_DECISION_VALUE]: fields['decision'] && scalarOrJson(fields['decision']),
    [ATTR_DECISION_TIMESTAMP]: projected.timestamp,
    [ATTR_DECISION_MODEL_NAME]: short(model.name),
    [ATTR_DECISION_MODEL_VERSION]: text(model, 'version'),
    [ATTR_DECISION_SCORE]: number(valueOf(fields['score'])),
    [ATTR_DECISION_THRESHOLD]: number(valueOf(fields['threshold'])),
    [ATTR_DECISION_REASONS]: Array.isArray(reasons) ? codes(reasons) : undefined,
    [ATTR_DECISION_BATCH_ID]: batch?.id,
    [ATTR_DECISION_BATCH_INDEX]: batch?.index,
    [ATTR_DECISION_TRUNCATED]: projected.truncated,
    [ATTR_DECISION_MASKED]: projected.masked,
    [ATTR_ERROR_TYPE]: text(valueOf(fields['error']), 'type'),
    ...indexed(fields['input'], projected.index),
  });
}

/** The attributes of a decision's log record: those of its span, and what only the audit trail needs. */
export function logAttributes(span: Attributes, fields: RecordFields, projected: Projected): Attributes {
  const { model } = projected;
  const subject = valueOf(fields['subject']);
  const actor = valueOf(fields['actor']);
  return defined({
    ...span,
    [ATTR_DECISION_MODEL_DIGEST]: text(model, 'digest'),
    [ATTR_DECISION_MODEL_PROVIDER]: text(model, 'provider'),
    [ATTR_DECISION_SUBJECT_ID]: text(subject, 'id'),
    [ATTR_DECISION_SUBJECT_TYPE]: text(subject, 'type'),
    [ATTR_AUDIT_RECORD_ID]: projected.id,
    [ATTR_AUDIT_ACTOR_ID]: text(actor, 'id'),
    [ATTR_AUDIT_ACTOR_TYPE]: text(actor, 'type'),
    [ATTR_AUDIT_ACTION]: 'DECIDE',
    [ATTR_AUDIT_OUTCOME]: projected.outcome,
    [ATTR_AUDIT_TARGET_ID]: text(subject, 'id'),
    [ATTR_AUDIT_TARGET_TYPE]: text(subject, 'type'),
    [ATTR_AUDIT_SCHEMA_VERSION]: SCHEMA,
  });
}

/** A string member of a value that may be anything, cut to what an attribute takes. */
export function text(value: unknown, member: string): string | undefined {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, member)) return undefined;
  const part = (value as Record<string, unknown>)[member];
  return typeof part === 'string' ? short(part) : undefined;
}

function number(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

function codes(reasons: readonly unknown[]): string[] {
  let bytesLeft = REASONS_BYTES_MAX;
  return reasons
    .slice(0, REASONS_MAX)
    .map((reason) => text(reason, 'code'))
    .filter((code) => code !== undefined && (bytesLeft -= Buffer.byteLength(code)) >= 0) as string[];
}

function scalarOrJson(encoded: EncodedJson): string | number | boolean {
  const json = fieldText(encoded, ATTRIBUTE_JSON_BYTES_MAX);
  if (json.startsWith('{') || json.startsWith('[') || json === 'null') return json;
  const scalar = JSON.parse(json) as string | number | boolean;
  return typeof scalar === 'string' ? wellFormed(scalar) : scalar;
}

function indexed(input: EncodedJson | undefined, names: readonly string[]): Attributes {
  const fields = names.length === 0 ? undefined : valueOf(input);
  if (typeof fields !== 'object' || fields === null) return {};
  const attributes: Attributes = {};
  let bytesLeft = INDEXED_BYTES_MAX;
  for (const name of names) {
    const value = scalar(Object.hasOwn(fields, name) ? (fields as Record<string, unknown>)[name] : undefined);
    if (value === undefined) continue;
    const attribute = `${ATTR_DECISION_INPUT}.${wellFormed(name)}`;
    bytesLeft -= Buffer.byteLength(attribute + String(value));
    if (bytesLeft >= 0) attributes[attribute] = value;
  }
  return attributes;
}

/** A string, a number or a boolean as an attribute takes it; nothing of anything else. */
export function scalar(value: unknown): string | number | boolean | undefined {
  if (typeof value === 'string') return short(value);
  return typeof value === 'number' || typeof value === 'boolean' ? value : undefined;
}

function short(value: string): string {
  return beginning(value, NAME_BYTES_MAX);
}

/** The attributes that have a value. */
export function defined(attributes: Record<string, Attributes[string] | undefined>): Attributes {
  const those: Attributes = {};
  for (const name of Object.keys(attributes)) {
    const value = attributes[name];
    if (value !== undefined) those[name] = value;
  }
  return those;
}
