import { conventions } from '@decision-trail/decisions';
import type { DecisionRecord } from '@decision-trail/decisions';
import { isObject } from '../json.js';

/** What is used of a span in the JSON of Jaeger's query API. */
export interface JaegerSpan {
  traceId: string;
  spanId: string;
  startUnixMicro: number;
  durationMicro: number;
  tags: ReadonlyMap<string, unknown>;
}

const TRACE_ID_CHARS = 32;

/** The spans of one trace that are decisions; `undefined` where the JSON is not a trace of Jaeger's. */
export function decisionSpans(trace: unknown): JaegerSpan[] | undefined {
  const spans = isObject(trace) ? trace['spans'] : undefined;
  if (!Array.isArray(spans)) return undefined;
  const decisions: JaegerSpan[] = [];
  for (const span of spans as unknown[]) {
    if (!isObject(span) || !Array.isArray(span['tags'])) return undefined;
    const { traceID, spanID, startTime, duration } = span;
    if (typeof traceID !== 'string' || typeof spanID !== 'string') return undefined;
    if (!Number.isSafeInteger(startTime) || !Number.isSafeInteger(duration)) return undefined;
    const tags = new Map(span['tags'].filter(isObject).map((tag) => [String(tag['key']), tag['value']]));
    // The spans of outcomes and reviews name the decision as well; a decision has its own time.
    if (!tags.has(conventions.ATTR_DECISION_ID) || !tags.has(conventions.ATTR_DECISION_TIMESTAMP)) continue;
    decisions.push({
      // Jaeger leaves the first half out where it is zero.
      traceId: traceID.padStart(TRACE_ID_CHARS, '0'),
      spanId: spanID,
      startUnixMicro: startTime as number,
      durationMicro: duration as number,
      tags,
    });
  }
  return decisions;
}

/** Whether a span may carry only the beginning of the decision's input or result: it does not say so itself. */
export function mayBeCut({ tags }: JaegerSpan): boolean {
  if (tags.get(conventions.ATTR_DECISION_TRUNCATED) === true) return true;
  return [conventions.ATTR_DECISION_INPUT, conventions.ATTR_DECISION_VALUE].some(
    (name) => Buffer.byteLength(String(tags.get(name) ?? '')) > ATTRIBUTE_BYTES_SURELY_WHOLE,
  );
}

/** A cut falls between two values, so it may leave less than the limit, by the size of one value. */
const ATTRIBUTE_BYTES_SURELY_WHOLE: number = conventions.ATTRIBUTE_JSON_BYTES_MAX - 1024;

/**
 * The record that a span tells of, its fields in the order of the conventions. It is a projection: what the conventions
 * do not put on the span is not in it.
 */
export function recordOf(span: JaegerSpan): DecisionRecord {
  const { tags } = span;
  const record = {
    schema: conventions.SCHEMA,
    id: tags.get(conventions.ATTR_DECISION_ID),
    timestamp: tags.get(conventions.ATTR_DECISION_TIMESTAMP),
    durationMs: span.durationMicro / 1_000,
    model: {
      name: tags.get(conventions.ATTR_DECISION_MODEL_NAME),
      version: tags.get(conventions.ATTR_DECISION_MODEL_VERSION),
      digest: tags.get(conventions.ATTR_DECISION_MODEL_DIGEST),
      provider: tags.get(conventions.ATTR_DECISION_MODEL_PROVIDER),
    },
    input: parsed(tags.get(conventions.ATTR_DECISION_INPUT)),
    decision: parsedContainer(tags.get(conventions.ATTR_DECISION_VALUE)),
    error: errorOf(tags),
    score: tags.get(conventions.ATTR_DECISION_SCORE),
    threshold: tags.get(conventions.ATTR_DECISION_THRESHOLD),
    reasons: reasonsOf(tags.get(conventions.ATTR_DECISION_REASONS)),
    trace: { traceId: span.traceId, spanId: span.spanId },
  };
  return record as unknown as DecisionRecord;
}

function errorOf(tags: ReadonlyMap<string, unknown>): { type: unknown; message: unknown } | undefined {
  const type = tags.get(conventions.ATTR_ERROR_TYPE);
  return type === undefined ? undefined : { type, message: tags.get('otel.status_description') };
}

/** Jaeger keeps a list of strings as the JSON of it. */
function reasonsOf(value: unknown): { code: unknown }[] | undefined {
  const codes = parsed(value);
  return Array.isArray(codes) ? codes.map((code: unknown) => ({ code })) : undefined;
}

function parsed(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

/** A decision that is a string stands as it is; an object, a list or null stands as its JSON. */
function parsedContainer(value: unknown): unknown {
  return typeof value === 'string' && /^[[{]|^null$/.test(value) ? parsed(value) : value;
}
