/**
 * One decorator that turns every decision of a model into an OpenTelemetry span and a complete log record.
 *
 * Only the OpenTelemetry API is used: where the application has registered an SDK, of either line, decisions are
 * recorded; where it has not, decorated functions are called straight through. Importing has no side effects.
 */
export { audited } from './audited.js';
export type { AuditedDecorator } from './audited.js';
export * as conventions from './conventions.js';
export { currentDecision, withDecisions } from './current.js';
export type { CurrentDecision, MadeDecision, WithDecisions } from './current.js';
export { registerDecisionSink } from './delivery.js';
export type { DecisionLogger, DecisionSink, Delivery, SinkRecord, Taken } from './delivery.js';
export { AuditUnavailableError, DecisionTrailError } from './errors.js';
export type { DecisionTrailErrorCode } from './errors.js';
export { recordOutcome, recordReview } from './follow-up.js';
export type { DecisionOutcome, DecisionReference, DecisionReview, OutcomeRecord, ReviewRecord } from './follow-up.js';
export type { Truncation } from './json.js';
export { recordDecision, startDecision } from './manual.js';
export type { DecisionStart, MadeAlready, PendingDecision } from './manual.js';
export type {
  Actor,
  Alternative,
  BaggageKeys,
  BatchList,
  BatchParts,
  DecisionDetails,
  DecisionOptions,
  Model,
  Reason,
  StreamItems,
  Subject,
} from './options.js';
export type { Batch, DecisionRecord, Stream } from './record.js';
export type { Masked } from './redact/masker.js';
export type { RedactMethod, RedactRule } from './redact/rules.js';
export { configureDecisions } from './settings.js';
export type { DecisionSettings } from './settings.js';
