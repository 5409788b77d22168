import {
  ATTR_AUDIT_ACTION,
  ATTR_AUDIT_ACTOR_ID,
  ATTR_AUDIT_ACTOR_TYPE,
  ATTR_AUDIT_OUTCOME,
  ATTR_AUDIT_RECORD_ID,
  ATTR_AUDIT_SCHEMA_VERSION,
  ATTR_AUDIT_TARGET_ID,
  ATTR_AUDIT_TARGET_TYPE,
  ATTR_DECISION_ID,
  ATTR_DECISION_INPUT,
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
  RECORD_BYTES_MAX,
  SCHEMA,
} from './conventions.js';
import { cutJson } from './cut.js';
import type { EncodedJson } from './json.js';
import type { Actor, Model, Reason, Subject } from './options.js';

/** Attributes of a span or log record, as OpenTelemetry takes them. */
export type Attributes = Record<string, string | number | boolean | string[]>;

/** Reason codes in `decision.reasons` at most. */
const REASONS_MAX = 32;

/** UTF-16 units of an id, type or code in an attribute at most. */
const NAME_CHARS_MAX = 256;

/** What of a decision is projected to attributes. Only what the record says, so nothing shows here that is not there. */
export interface Projected {
  id: string;
  timestamp: string;
  model: Model;
  input: EncodedJson;
  /** Absent when the model failed. */
  decision: EncodedJson | undefined;
  errorType: string | undefined;
  score: number | undefined;
  threshold: number | undefined;
  reasons: readonly Reason[] | undefined;
  subject: Subject | undefined;
  actor: Actor | undefined;
  /** Fields of the input that are copied to attributes of their own. */
  index: readonly string[];
  truncated: boolean;
}

/** The attributes of a decision's span. */
export function spanAttributes(projected: Projected): Attributes {
  const { model } = projected;
  return defined({
    [ATTR_DECISION_ID]: projected.id,
    [ATTR_DECISION_INPUT]: fit(projected.input),
    [ATTR_DECISION_VALUE]: projected.decision && scalarOrJson(projected.decision),
    [ATTR_DECISION_TIMESTAMP]: projected.timestamp,
    [ATTR_DECISION_MODEL_NAME]: model.name,
    [ATTR_DECISION_MODEL_VERSION]: model.version,
    [ATTR_DECISION_SCORE]: projected.score,
    [ATTR_DECISION_THRESHOLD]: projected.threshold,
    [ATTR_DECISION_REASONS]: projected.reasons?.slice(0, REASONS_MAX).map((reason) => short(reason.code)),
    [ATTR_DECISION_TRUNCATED]: projected.truncated,
    [ATTR_ERROR_TYPE]: projected.errorType,
    ...indexed(projected.input, projected.index),
  });
}

/** The attributes of a decision's log record: those of its span, and what only the audit trail needs. */
export function logAttributes(span: Attributes, projected: Projected): Attributes {
  const { model, subject, actor } = projected;
  return defined({
    ...span,
    [ATTR_DECISION_MODEL_DIGEST]: model.digest,
    [ATTR_DECISION_MODEL_PROVIDER]: model.provider,
    [ATTR_DECISION_SUBJECT_ID]: short(subject?.id),
    [ATTR_DECISION_SUBJECT_TYPE]: short(subject?.type),
    [ATTR_AUDIT_RECORD_ID]: projected.id,
    [ATTR_AUDIT_ACTOR_ID]: short(actor?.id),
    [ATTR_AUDIT_ACTOR_TYPE]: short(actor?.type),
    [ATTR_AUDIT_ACTION]: 'DECIDE',
    [ATTR_AUDIT_OUTCOME]: projected.errorType === undefined ? 'success' : 'failure',
    [ATTR_AUDIT_TARGET_ID]: short(subject?.id),
    [ATTR_AUDIT_TARGET_TYPE]: short(subject?.type),
    [ATTR_AUDIT_SCHEMA_VERSION]: SCHEMA,
  });
}

function fit(encoded: EncodedJson): string {
  return encoded.textBytes <= ATTRIBUTE_JSON_BYTES_MAX ? encoded.text : cutJson(encoded.text, ATTRIBUTE_JSON_BYTES_MAX);
}

function scalarOrJson(encoded: EncodedJson): string | number | boolean {
  const json = fit(encoded);
  if (json.startsWith('{') || json.startsWith('[') || json === 'null') return json;
  return JSON.parse(json) as string | number | boolean;
}

function indexed(input: EncodedJson, names: readonly string[]): Attributes {
  if (names.length === 0 || !input.text.startsWith('{')) return {};
  const fields = JSON.parse(
    input.textBytes === Infinity ? cutJson(input.text, RECORD_BYTES_MAX) : input.text,
  ) as Record<string, unknown>;
  const attributes: Attributes = {};
  for (const name of names) {
    const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (typeof value === 'string') attributes[`${ATTR_DECISION_INPUT}.${name}`] = short(value);
    else if (typeof value === 'number' || typeof value === 'boolean')
      attributes[`${ATTR_DECISION_INPUT}.${name}`] = value;
  }
  return attributes;
}

function short(text: string): string;
function short(text: string | undefined): string | undefined;
function short(text: string | undefined): string | undefined {
  return text?.slice(0, NAME_CHARS_MAX);
}

function defined(attributes: Record<string, Attributes[string] | undefined>): Attributes {
  for (const [name, value] of Object.entries(attributes)) if (value === undefined) delete attributes[name];
  return attributes as Attributes;
}
