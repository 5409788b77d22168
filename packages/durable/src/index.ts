/**
 * OpenTelemetry processors that hand log records and spans to the operating system before a decision is returned, keep them on
 * disk until a Collector has acknowledged them, and account for every one.
 */
export { SpoolError } from './errors.js';
export type { SpoolErrorCode } from './errors.js';
export { withoutDecisions } from './filter.js';
export { DurableLogRecordProcessor } from './log-processor.js';
export type { LogRecordOptions } from './log-processor.js';
export type { SpoolOptions, WhenFull } from './options.js';
export { DurableSpanProcessor } from './span-processor.js';
export type { SpanOptions } from './span-processor.js';
export { openSpool } from './spool.js';
export type { SignalStatus, Spool, SpoolStatus } from './spool.js';
