/**
 * Decision Trail for Node.js in one line: an OpenTelemetry SDK that sends decisions, with all other traces and logs, to a
 * Collector, counts what it sends, and delivers what is left when the process ends.
 */
export { StartError } from './errors.js';
export type { StartErrorCode } from './errors.js';
export { startDecisionTrail } from './start.js';
export type { DecisionTrail, StartOptions } from './start.js';
