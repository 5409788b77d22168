/**
 * OpenTelemetry processors that hand log records and spans to the operating system before a decision is returned, keep them on
 * disk until a Collector has acknowledged them, and account for every one.
 */
export { SpoolError } from './errors.js';
export type { SpoolErrorCode } from './errors.js';
