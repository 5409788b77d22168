import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { emptyResource } from '@opentelemetry/resources';
import { TracerProvider } from '@opentelemetry/sdk-trace';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteWriter } from '../../src/otlp/bytes.js';
import { encodeSpan } from '../../src/otlp/span.js';
import type { SpanLike } from '../../src/otlp/span.js';
import { attribute, decode, setField } from './decoded.ts';
import type { Decoded } from './decoded.ts';
import { attributes, count, spanContext, text, time } from './values.ts';

const CONTEXT = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', traceFlags: 1 };
const PLAIN: SpanLike = { name: 'predict', kind: 0, spanContext: () => CONTEXT, startTime: [1, 2], endTime: [3, 4] };

function encoded(span: SpanLike): Decoded {
  const writer = new ByteWriter();
  writer.reset(64);
  expect(encodeSpan(writer, span)).toBe('encoded');
  return (decode('ScopeSpans', writer.buffer.subarray(64, writer.length))['spans'] as Decoded[])[0]!;
}

function stock(span: SpanLike): Decoded {
  const origin = { resource: { value: emptyResource() }, instrumentationScope: { value: { name: 'test' } } };
  const bytes = ProtobufTraceSerializer.serializeRequest([Object.create(span, origin) as ReadableSpan])!;
  const request = decode('ExportTraceServiceRequest', bytes);
  return (request['resource_spans'] as { scope_spans: { spans: Decoded[] }[] }[])[0]!.scope_spans[0]!.spans[0]!;
}

const span = fc
  .record(
    {
      name: text,
      context: spanContext,
      parentSpanContext: spanContext,
      kind: fc.integer({ min: 0, max: 4 }),
      startTime: time,
      endTime: time,
      status: fc.record({ code: fc.integer({ min: 0, max: 2 }), message: text }, { requiredKeys: ['code'] }),
      attributes,
      events: fc.array(
        fc.record({ time, name: text, attributes, droppedAttributesCount: count }, { requiredKeys: ['time', 'name'] }),
        { maxLength: 3 },
      ),
      links: fc.array(
        fc.record({ context: spanContext, attributes, droppedAttributesCount: count }, { requiredKeys: ['context'] }),
        { maxLength: 3 },
      ),
      droppedAttributesCount: count,
      droppedEventsCount: count,
      droppedLinksCount: count,
    },
    { noNullPrototype: true },
  )
  .map(({ context, parentSpanContext, ...rest }) => ({
    ...rest,
    spanContext: () => context,
    ...(context.traceFlags % 2 === 0 ? {} : { parentSpanContext }),
  }));

test('every span decodes as it does from the stock serializer', () => {
  const property = fc.property(span, (span) => {
    expect(encoded(span)).toEqual(stock(span));
  });
  fc.assert(property, { numRuns: 300 });
});

test('spans of a TracerProvider decode as they do from the stock serializer', () => {
  const seen: ReadableSpan[] = [];
  const nothing = async (): Promise<void> => {};
  const processor = {
    onStart: () => {},
    onEnd: (span: ReadableSpan) => void seen.push(span),
    forceFlush: nothing,
    shutdown: nothing,
  };
  const tracer = new TracerProvider({ spanProcessors: [processor] }).getTracer('test', '1.0.0');
  const remote = trace.setSpanContext(ROOT_CONTEXT, { ...CONTEXT, isRemote: true });
  const server = tracer.startSpan(
    'POST /decide',
    { kind: SpanKind.SERVER, links: [{ context: CONTEXT, attributes: { a: 1 } }] },
    remote,
  );
  const child = tracer.startSpan('predict', {}, trace.setSpan(remote, server));
  child.setAttributes({ 'decision.score': 0.25, 'decision.reasons': ['income'], 'decision.masked': 3 });
  child.recordException(new TypeError('broken'));
  child.addEvent('checked', { by: 'rules' });
  child.setStatus({ code: SpanStatusCode.ERROR, message: 'broken' });
  child.end();
  server.end();
  expect(seen).toHaveLength(2);
  for (const span of seen) expect(encoded(span)).toEqual(stock(span));
});

test('the parent of an older SDK is kept', () => {
  const parentSpanId = '00f067aa0ba902b7';
  expect(encoded({ ...PLAIN, parentSpanId })['parent_span_id']).toBe(
    Buffer.from(parentSpanId, 'hex').toString('base64'),
  );
});

test('a field that OTLP cannot hold is absent, and told of once', () => {
  const bad = {
    traceId: 'x',
    spanId: '',
    traceFlags: 256,
    traceState: {
      serialize: () => {
        throw new Error('no');
      },
    },
  };
  const event = { time: [NaN, 0] as const, name: 'event' };
  const seen = encoded({
    ...PLAIN,
    spanContext: () => bad,
    kind: 1.5,
    events: [event, event],
    links: [{ context: bad }],
  });
  const { values } = attribute(seen, 'decision.unencoded')!['array_value'] as { values: unknown[] };
  expect(values.map((value) => setField(value)['string_value'])).toEqual([
    'trace_id',
    'trace_state',
    'kind',
    'events.time',
    'flags',
  ]);
  expect(seen).toMatchObject({ name: 'predict', kind: 0, flags: 256, events: [{ name: 'event' }, { name: 'event' }] });
});

test('a span that throws when it is read, or is too large, is refused', () => {
  const writer = new ByteWriter();
  const throwing = {
    ...PLAIN,
    spanContext: () => {
      throw new Error('no');
    },
  };
  expect(encodeSpan(writer, throwing)).toBe('unreadable');
  expect(encodeSpan(writer, { ...PLAIN, attributes: { large: 'x'.repeat(5_000_000) } })).toBe('too-large');
  expect(writer.length).toBe(0);
});
