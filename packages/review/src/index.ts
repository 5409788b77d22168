/**
 * What the `decision-trail` command is made of, for programs: an embedded OTLP receiver and its store, and readers of
 * decisions from SQLite, Loki and Jaeger. Needs Node.js 22.13 or newer.
 */
export type { Entry } from './entry.js';
export { ReviewError } from './errors.js';
export type { ReviewErrorCode } from './errors.js';
export type { IngestCounts, Sink } from './ingest.js';
export { startReceiver } from './receiver.js';
export type { Receiver, ReceiverOptions } from './receiver.js';
export type { RecordRow, SpanRow } from './rows.js';
export { openSource } from './sources/open.js';
export type { Source, SourceOptions } from './sources/source.js';
export { Store } from './store.js';
export type { DecisionQuery, WriteResult } from './store.js';
