import { readSpool } from '@decision-trail/durable/inspect';
import type { SpoolRecord } from '@decision-trail/durable/inspect';
import { ReviewError } from '../../errors.js';
import { complain, LineWriter } from '../../output.js';
import type { LogRecord, Span } from '../../otlp/read.js';
import { DECISION_EVENT_PREFIX } from '../../rows.js';
import { DamageSeen } from '../../spool/damage.js';
import { decoded } from '../../spool/decode.js';
import { guardReading } from '../../spool/guard.js';
import { printable } from '../../text/printable.js';
import { jsonLine } from '../list.js';

export interface CatOptions {
  /** Only of this stream. */
  stream?: string;
  /** Spans as well. */
  spans: boolean;
  json: boolean;
}

/** Characters of a value in a readable line at most. */
const VALUE_CHARS_MAX = 1_024;

/**
 * Prints the log records of a spool, stream by stream, in the order of their sequence numbers.
 *
 * @throws ReviewError `NOT_FOUND` where there is no such stream.
 */
export async function spoolCat(directory: string, { stream, spans, json }: CatOptions): Promise<void> {
  const out = new LineWriter(process.stdout);
  const seen = new DamageSeen();
  let isFound = false;
  for await (const { streamId, records, damage } of guardReading(readSpool(directory))) {
    if (stream !== undefined && streamId !== stream) continue;
    isFound = true;
    seen.add(damage);
    for (const { frame, log, span } of decoded(records)) {
      const isLog = frame.kind === 1;
      if (isLog || spans) await out.line(json ? asJson(frame, isLog, log ?? span) : asText(frame, isLog, log, span));
    }
  }
  if (stream !== undefined && !isFound) throw new ReviewError('NOT_FOUND', `the spool has no stream ${stream}`);
  seen.warn(directory, complain);
  seen.assertRead();
}

function asJson(record: SpoolRecord, isLog: boolean, decoded: LogRecord | Span | undefined): string {
  const { streamId, segment, offset, sequence, timeMs, isWaiting } = record;
  const place = { stream: streamId, segment, offset, sequence, appended: new Date(timeMs).toISOString(), isWaiting };
  const value = { ...place, signal: isLog ? 'logs' : 'traces', record: decoded ?? null };
  return JSON.stringify(value, (_, field: unknown) => (typeof field === 'bigint' ? field.toString() : field));
}

function asText(record: SpoolRecord, isLog: boolean, log: LogRecord | undefined, span: Span | undefined): string {
  if (log !== undefined && log.eventName.startsWith(DECISION_EVENT_PREFIX) && typeof log.body === 'string') {
    return jsonLine({ body: log.body });
  }
  return printable(`${new Date(record.timeMs).toISOString()} ${isLog ? logText(log) : spanText(span)}`);
}

function logText(log: LogRecord | undefined): string {
  if (log === undefined) return 'log record that is not what OTLP says';
  const body = typeof log.body === 'string' ? log.body : (JSON.stringify(log.body) ?? '');
  return `log ${log.eventName === '' ? '' : `${log.eventName} `}${body.slice(0, VALUE_CHARS_MAX)}`;
}

function spanText(span: Span | undefined): string {
  if (span === undefined) return 'span that is not what OTLP says';
  const { name, traceId, spanId, startUnixNano, endUnixNano } = span;
  const ms = Number(endUnixNano - startUnixNano) / 1e6;
  return `span ${name.slice(0, VALUE_CHARS_MAX)} ${traceId ?? '-'}/${spanId ?? '-'} ${ms} ms`;
}
