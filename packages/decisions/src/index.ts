/**
 * One decorator that turns every decision of a model into an OpenTelemetry span and a complete log record.
 *
 * Only the OpenTelemetry API is used: where the application has registered an SDK, of either line, decisions are
 * recorded; where it has not, decorated functions are called straight through. Importing has no side effects.
 */
export { audited } from './audited.js';
export type { AuditedDecorator } from './audited.js';
export * as conventions from './conventions.js';
export { DecisionTrailError } from './errors.js';
export type { DecisionTrailErrorCode } from './errors.js';
export type { Truncation } from './json.js';
export type { Actor, Alternative, DecisionOptions, Model, Reason, Subject } from './options.js';
export type { DecisionRecord } from './record.js';
