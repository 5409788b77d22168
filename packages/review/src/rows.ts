import { createHash } from 'node:crypto';
import { conventions } from '@decision-trail/decisions';
import { modelNameOf, parseEntry } from './entry.js';
import { ReviewError } from './errors.js';
import { isObject, parseJson } from './json.js';
import { ID_CHARS_MAX } from './limits.js';
import type { Attributes, LogRecord, Span } from './otlp/read.js';
import { fitsInt64, parseTimestamp } from './time.js';

/** Log records whose EventName begins with this are kept. */
export const DECISION_EVENT_PREFIX = 'decision.';

/** A row of the table `record`. */
export interface RecordRow {
  event: string;
  id: string;
  timeUnixNano: bigint;
  body: string;
  serviceName: string | null;
  modelName: string | null;
  traceId: string | null;
  spanId: string | null;
  attributes: string;
  resource: string;
}

/** A row of the table `span`. */
export interface SpanRow {
  traceId: string;
  spanId: string;
  parentSpanId: string | null;
  name: string;
  kind: number;
  startUnixNano: bigint;
  endUnixNano: bigint;
  statusCode: number;
  statusMessage: string;
  serviceName: string | null;
  decisionId: string | null;
  attributes: string;
  events: string;
  links: string;
  resource: string;
}

/**
 * Turns a log record whose EventName begins with `decision.` into a row.
 *
 * @throws ReviewError `MALFORMED` where it is not what the conventions say; the message does not quote the record.
 */
export function recordRow(record: LogRecord): RecordRow {
  const { body } = record;
  if (typeof body !== 'string') throw new ReviewError('MALFORMED', 'the body is no string');
  // A lone surrogate has no UTF-8 form, so the bytes that were hashed could not be stored.
  if (Buffer.from(body).toString() !== body) throw new ReviewError('MALFORMED', 'the body is not valid Unicode');
  const { id, timeUnixNano, modelName } =
    record.eventName === conventions.EVENT_DECISION_MADE ? identifyDecision(body) : identifyOther(record, body);
  return {
    event: record.eventName,
    id,
    timeUnixNano,
    body,
    serviceName: serviceNameOf(record.resource),
    modelName,
    traceId: record.traceId ?? null,
    spanId: record.spanId ?? null,
    attributes: JSON.stringify(record.attributes),
    resource: JSON.stringify(record.resource),
  };
}

/**
 * Turns a span into a row.
 *
 * @throws ReviewError `MALFORMED` where it has no valid ids.
 */
export function spanRow(span: Span): SpanRow {
  if (span.traceId === undefined || span.spanId === undefined) {
    throw new ReviewError('MALFORMED', 'the span has no valid trace id and span id');
  }
  if (!fitsInt64(span.startUnixNano) || !fitsInt64(span.endUnixNano)) {
    throw new ReviewError('MALFORMED', 'the span starts or ends after the year 2262');
  }
  const decisionId = span.attributes[conventions.ATTR_DECISION_ID];
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    parentSpanId: span.parentSpanId ?? null,
    name: span.name,
    kind: span.kind,
    startUnixNano: span.startUnixNano,
    endUnixNano: span.endUnixNano,
    statusCode: span.statusCode,
    statusMessage: span.statusMessage,
    serviceName: serviceNameOf(span.resource),
    decisionId: typeof decisionId === 'string' ? decisionId : null,
    attributes: JSON.stringify(span.attributes),
    events: JSON.stringify(span.events),
    links: JSON.stringify(span.links),
    resource: JSON.stringify(span.resource),
  };
}

type Identity = Pick<RecordRow, 'id' | 'timeUnixNano' | 'modelName'>;

function identifyDecision(body: string): Identity {
  const { record, timeUnixNano } = parseEntry(body);
  return { id: record.id, timeUnixNano, modelName: modelNameOf(record) ?? null };
}

/**
 * Outcomes, reviews, losses and checkpoints. Several may speak of one decision, so where a record carries no id of its
 * own, the digest of its body is one: a retry is still recognised, and nothing different is taken for it.
 */
function identifyOther(record: LogRecord, body: string): Identity {
  const { id, timestamp } = fieldsOf(body);
  const hasId = typeof id === 'string' && id !== '' && id.length <= ID_CHARS_MAX;
  const timeUnixNano = (typeof timestamp === 'string' ? parseTimestamp(timestamp) : undefined) ?? record.timeUnixNano;
  if (!fitsInt64(timeUnixNano)) throw new ReviewError('MALFORMED', 'the log record is from after the year 2262');
  return {
    id: hasId ? id : `sha256:${createHash('sha256').update(body).digest('hex')}`,
    timeUnixNano,
    modelName: null,
  };
}

/** The fields of a body that is a JSON object; none of any other, such as the signed note of a checkpoint. */
function fieldsOf(body: string): Record<string, unknown> {
  try {
    const parsed = parseJson(body);
    return isObject(parsed) ? parsed : {};
  } catch {
    return {};
  }
}

function serviceNameOf(resource: Attributes): string | null {
  const name = resource['service.name'];
  return typeof name === 'string' ? name : null;
}
