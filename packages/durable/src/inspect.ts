/**
 * Looks into a spool from outside of the application that writes it, and delivers what is left in one. Made for the
 * `decision-trail` command; what reads changes nothing on disk, and may run beside the application.
 */
export { SpoolError } from './errors.js';
export type { SpoolErrorCode } from './errors.js';
export { inspectSpool } from './inspect/contents.js';
export type { SegmentContents, SignalContents, StreamContents } from './inspect/contents.js';
export { deadLetters, retryDeadLetters } from './inspect/dead-letters.js';
export type { StreamDeadLetter } from './inspect/dead-letters.js';
export { readSpool } from './inspect/read.js';
export type { SpoolRecord, StreamReading } from './inspect/read.js';
export { removeAbandoned } from './inspect/remove-abandoned.js';
export { sendRecords } from './inspect/resend.js';
export type { Resent } from './inspect/resend.js';
export { sendLeft } from './inspect/send-left.js';
export type { SendLeftOptions, Sent, SentStream } from './inspect/send-left.js';
export type { DeliveryOptions } from './inspect/delivery-options.js';
export { assembleRequest } from './otlp/request.js';
export type { Frame } from './spool/frame.js';
export type { Damage } from './spool/reader.js';
export type { Signal } from './send/settings.js';
