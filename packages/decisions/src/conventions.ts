/**
 * The names of Decision Trail's records, events, attributes and limits, as written down in
 * `docs/semantic-conventions.md`; a test keeps the two equal.
 */

/** The value of `schema` in every record of this format. */
export const SCHEMA = 'decision/1';

/** Name of the instrumentation scope of every span and log record made here. */
export const SCOPE_NAME = '@decision-trail/decisions';

/** The value of `schema` in the records of what became known later. */
export const SCHEMA_OUTCOME = 'decision-outcome/1';
export const SCHEMA_REVIEW = 'decision-review/1';

/** `EventName` of the log record of a decision: a model decided, or failed to. */
export const EVENT_DECISION_MADE = 'decision.made';

/** `EventName` where it became known what really happened after an earlier decision. */
export const EVENT_DECISION_OUTCOME = 'decision.outcome';

/** `EventName` where a person confirmed, overrode, appealed or escalated an earlier decision. */
export const EVENT_DECISION_REVIEW = 'decision.review';

/** The value of `schema` in the records of what could not be kept. */
export const SCHEMA_LOSS = 'decision-loss/1';

/** `EventName` where records could not be kept, or had to be given up. */
export const EVENT_DECISION_LOSS = 'decision.loss';

export const ATTR_DECISION_ID = 'decision.id';
export const ATTR_DECISION_INPUT = 'decision.input';
export const ATTR_DECISION_VALUE = 'decision.value';
export const ATTR_DECISION_TIMESTAMP = 'decision.timestamp';
export const ATTR_DECISION_MODEL_NAME = 'decision.model.name';
export const ATTR_DECISION_MODEL_VERSION = 'decision.model.version';
export const ATTR_DECISION_MODEL_DIGEST = 'decision.model.digest';
export const ATTR_DECISION_MODEL_PROVIDER = 'decision.model.provider';
export const ATTR_DECISION_SCORE = 'decision.score';
export const ATTR_DECISION_THRESHOLD = 'decision.threshold';
export const ATTR_DECISION_REASONS = 'decision.reasons';
export const ATTR_DECISION_SUBJECT_ID = 'decision.subject.id';
export const ATTR_DECISION_SUBJECT_TYPE = 'decision.subject.type';
export const ATTR_DECISION_BATCH_ID = 'decision.batch.id';
export const ATTR_DECISION_BATCH_INDEX = 'decision.batch.index';
export const ATTR_DECISION_MASKED = 'decision.masked';
export const ATTR_DECISION_LEAF_HASH = 'decision.leaf_hash';
export const ATTR_DECISION_LOSS_COUNT = 'decision.loss.count';
export const ATTR_DECISION_LOSS_REASON = 'decision.loss.reason';
export const ATTR_DECISION_OUTCOME_LABEL = 'decision.outcome.label';
export const ATTR_DECISION_REVIEW_ACTION = 'decision.review.action';
export const ATTR_DECISION_TRUNCATED = 'decision.truncated';
export const ATTR_UNENCODED = 'decision.unencoded';
export const ATTR_ERROR_TYPE = 'error.type';
export const ATTR_AUDIT_RECORD_ID = 'audit.record.id';
export const ATTR_AUDIT_ACTOR_ID = 'audit.actor.id';
export const ATTR_AUDIT_ACTOR_TYPE = 'audit.actor.type';
export const ATTR_AUDIT_ACTION = 'audit.action';
export const ATTR_AUDIT_OUTCOME = 'audit.outcome';
export const ATTR_AUDIT_SEQUENCE_STREAM_ID = 'audit.sequence.stream_id';
export const ATTR_AUDIT_SEQUENCE_NUMBER = 'audit.sequence.number';
export const ATTR_AUDIT_TARGET_ID = 'audit.target.id';
export const ATTR_AUDIT_TARGET_TYPE = 'audit.target.type';
export const ATTR_AUDIT_SCHEMA_VERSION = 'audit.schema.version';

/** UTF-8 bytes of one record's body at most; Loki refuses a line above 256 KiB. */
export const RECORD_BYTES_MAX: number = 64 * 1024;

/** UTF-8 bytes of one attribute that holds JSON (`decision.input`, `decision.value`) at most. */
export const ATTRIBUTE_JSON_BYTES_MAX: number = 4 * 1024;
