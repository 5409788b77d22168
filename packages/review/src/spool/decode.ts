import { assembleRequest } from '@decision-trail/durable/inspect';
import type { Frame } from '@decision-trail/durable/inspect';
import { ReviewError } from '../errors.js';
import { readLogRecords, readSpans } from '../otlp/read.js';
import type { LogRecord, Span } from '../otlp/read.js';
import { decodeProtobuf } from '../otlp/schema.js';

/** A record of a spool, decoded; `undefined` both where it is not what OTLP says. */
export interface Decoded<F extends Frame> {
  readonly frame: F;
  readonly log: LogRecord | undefined;
  readonly span: Span | undefined;
}

/** The kind of a frame that holds a log record: `docs/spec/spool.md`. */
const LOG_RECORD = 1;

/** Decodes log records and spans of a spool, in their order. */
export function decoded<F extends Frame>(frames: readonly F[]): Decoded<F>[] {
  const isLog = ({ kind }: Frame): boolean => kind === LOG_RECORD;
  const logs = decodeAll(frames.filter(isLog), logsIn)[Symbol.iterator]();
  const spans = decodeAll(
    frames.filter((frame) => !isLog(frame)),
    spansIn,
  )[Symbol.iterator]();
  return frames.map((frame) => ({
    frame,
    log: isLog(frame) ? logs.next().value : undefined,
    span: isLog(frame) ? undefined : spans.next().value,
  }));
}

function logsIn(frames: readonly Frame[]): LogRecord[] {
  return readLogRecords(decodeProtobuf('ExportLogsServiceRequest', assembleRequest(frames)));
}

function spansIn(frames: readonly Frame[]): Span[] {
  return readSpans(decodeProtobuf('ExportTraceServiceRequest', assembleRequest(frames)));
}

/** All at once, which is fast; where one of them is malformed, one by one. */
function decodeAll<T>(frames: readonly Frame[], decode: (frames: readonly Frame[]) => T[]): (T | undefined)[] {
  if (frames.length === 0) return [];
  try {
    const records = decode(frames);
    if (records.length === frames.length || frames.length === 1) return records;
  } catch (error) {
    if (!(error instanceof ReviewError)) throw error;
    if (frames.length === 1) return [undefined];
  }
  return frames.map((frame) => decodeAll([frame], decode)[0]);
}
