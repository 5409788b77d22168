/** Records and spans as the stock SDK hands them to its serializers. */
import type { JsonLogsSerializer, JsonTraceSerializer } from '@opentelemetry/otlp-transformer';

export type StockLogRecord = Parameters<typeof JsonLogsSerializer.serializeRequest>[0][number];
export type StockSpan = Parameters<typeof JsonTraceSerializer.serializeRequest>[0][number];

type AttributeValue = string | number | boolean | string[];

export const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';
export const SPAN_ID = 'b7ad6b7169203331';
export const PARENT_SPAN_ID = '00f067aa0ba902b7';

const resource = { attributes: { 'service.name': 'loans', 'service.instance.id': 'i-1' } };
const instrumentationScope = { name: '@decision-trail/decisions', version: '0.1.0' };

export function logRecord(fields: {
  body: unknown;
  eventName?: string;
  attributes?: Record<string, unknown>;
  hrTime?: [number, number];
}): StockLogRecord {
  return {
    hrTime: [1_790_000_000, 123_456_789],
    hrTimeObserved: [1_790_000_001, 1],
    severityNumber: 9,
    severityText: 'INFO',
    eventName: 'decision.made',
    attributes: {},
    droppedAttributesCount: 0,
    spanContext: { traceId: TRACE_ID, spanId: SPAN_ID, traceFlags: 1 },
    resource,
    instrumentationScope,
    ...fields,
  } as unknown as StockLogRecord;
}

export function span(
  fields: { name?: string; attributes?: Record<string, AttributeValue>; spanId?: string } = {},
): StockSpan {
  const { spanId = SPAN_ID, ...rest } = fields;
  return {
    name: 'decision loan',
    kind: 0,
    spanContext: () => ({ traceId: TRACE_ID, spanId, traceFlags: 1 }),
    parentSpanContext: { traceId: TRACE_ID, spanId: PARENT_SPAN_ID, traceFlags: 1 },
    startTime: [1_790_000_000, 5],
    endTime: [1_790_000_000, 1_000_005],
    status: { code: 2, message: 'no such model' },
    attributes: {},
    links: [{ context: { traceId: TRACE_ID, spanId: PARENT_SPAN_ID, traceFlags: 1 }, attributes: { why: 'batch' } }],
    events: [{ name: 'exception', time: [1_790_000_000, 7], attributes: { 'exception.type': 'Error' } }],
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
    resource,
    instrumentationScope,
    ...rest,
  } as unknown as StockSpan;
}

/** The body of a decision record. */
export function body(id: string, fields: Record<string, unknown> = {}): string {
  return JSON.stringify({
    schema: 'decision/1',
    id,
    timestamp: '2026-09-21T14:13:20.123Z',
    durationMs: 1.5,
    model: { name: 'loan', version: '2.1.0' },
    input: { age: 30, income: 50_000, note: 'ü "q"\n\u2028' },
    decision: 'approve',
    score: 0.93,
    ...fields,
  });
}
