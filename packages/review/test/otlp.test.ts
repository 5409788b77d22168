/** The two encodings of OTLP, against what the stock exporters send and what nobody should. */
import {
  JsonLogsSerializer,
  JsonTraceSerializer,
  ProtobufLogsSerializer,
  ProtobufTraceSerializer,
} from '@opentelemetry/otlp-transformer';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeRequest, encodeResponse, encodingOf } from '../src/otlp/encoding.js';
import type { OtlpEncoding } from '../src/otlp/encoding.js';
import { readLogRecords, readSpans } from '../src/otlp/read.js';
import type { LogRecord, Span } from '../src/otlp/read.js';
import { PARENT_SPAN_ID, SPAN_ID, TRACE_ID, body, logRecord, span } from './stock.js';
import type { StockLogRecord, StockSpan } from './stock.js';

const PROTOBUF = 'application/x-protobuf';
const JSON_TYPE = 'application/json';

function logsThrough(encoding: OtlpEncoding, records: StockLogRecord[]): LogRecord[] {
  const serializer = encoding === JSON_TYPE ? JsonLogsSerializer : ProtobufLogsSerializer;
  return decodedLogs(encoding, Buffer.from(serializer.serializeRequest(records)!));
}

function decodedLogs(encoding: OtlpEncoding, bytes: Buffer): LogRecord[] {
  return readLogRecords(decodeRequest('ExportLogsServiceRequest', encoding, bytes));
}

function spansThrough(encoding: OtlpEncoding, spans: StockSpan[]): Span[] {
  const serializer = encoding === JSON_TYPE ? JsonTraceSerializer : ProtobufTraceSerializer;
  const bytes = Buffer.from(serializer.serializeRequest(spans)!);
  return readSpans(decodeRequest('ExportTraceServiceRequest', encoding, bytes));
}

function jsonLogs(record: Record<string, unknown>): LogRecord {
  const request = { resourceLogs: [{ scopeLogs: [{ logRecords: [record] }] }] };
  return decodedLogs(JSON_TYPE, Buffer.from(JSON.stringify(request)))[0]!;
}

describe.each([PROTOBUF, JSON_TYPE] as const)('what the stock exporter sends as %s', (encoding) => {
  test('a log record keeps its event, body, time, ids, attributes and resource', () => {
    const attributes = { 'decision.id': 'd-1', score: 0.5, count: -7, flag: true, codes: ['a', 'b'], none: [] };
    expect(logsThrough(encoding, [logRecord({ body: body('d-1'), attributes })])).toEqual([
      {
        eventName: 'decision.made',
        body: body('d-1'),
        timeUnixNano: 1_790_000_000_123_456_789n,
        traceId: TRACE_ID,
        spanId: SPAN_ID,
        attributes,
        resource: { 'service.name': 'loans', 'service.instance.id': 'i-1' },
      },
    ]);
  });

  test('a span keeps its times, status, parent, events and links', () => {
    expect(spansThrough(encoding, [span({ attributes: { 'decision.id': 'd-1' } })])).toEqual([
      {
        traceId: TRACE_ID,
        spanId: SPAN_ID,
        parentSpanId: PARENT_SPAN_ID,
        name: 'decision loan',
        kind: 1,
        startUnixNano: 1_790_000_000_000_000_005n,
        endUnixNano: 1_790_000_000_001_000_005n,
        statusCode: 2,
        statusMessage: 'no such model',
        attributes: { 'decision.id': 'd-1' },
        events: [{ name: 'exception', timeUnixNano: '1790000000000000007', attributes: { 'exception.type': 'Error' } }],
        links: [{ traceId: TRACE_ID, spanId: PARENT_SPAN_ID, attributes: { why: 'batch' } }],
        resource: { 'service.name': 'loans', 'service.instance.id': 'i-1' },
      },
    ]);
  });

  test('a body of maps, lists and bytes is read as it was', () => {
    const value = { list: [1, 'two', { three: false }], bytes: new Uint8Array([1, 2, 255]), __proto: 1 };
    const [record] = logsThrough(encoding, [logRecord({ body: value })]);
    expect(record?.body).toEqual({ list: [1, 'two', { three: false }], bytes: 'AQL/', __proto: 1 });
  });

  test('any string is read as it was', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' }), { maxLength: 5 }), (texts) => {
        const records = texts.map((text) => logRecord({ body: text, attributes: { key: text } }));
        const read = logsThrough(encoding, records);
        expect(read.map((record) => [record.body, record.attributes])).toEqual(
          texts.map((text) => [text, { key: text }]),
        );
      }),
    );
  });
});

describe('protobuf', () => {
  const whole = Buffer.from(
    ProtobufLogsSerializer.serializeRequest([logRecord({ body: body('d-1'), attributes: { a: 1, b: ['c'] } })])!,
  );

  test('a message that ends early, at whichever byte, is malformed or a shorter message', () => {
    for (let length = 0; length < whole.length; length++) {
      const read = (): LogRecord[] => decodedLogs(PROTOBUF, whole.subarray(0, length));
      // Only where a field of the outermost message ends is the rest a message: there is one such field.
      if (length === 0) expect(read()).toEqual([]);
      else expect(read, `at byte ${length}`).toThrow(expect.objectContaining({ code: 'MALFORMED' }));
    }
  });

  test('a message with one byte changed, whichever, is malformed or another message', () => {
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, byte) => {
        const changed = Buffer.from(whole);
        changed[at] = byte;
        expectMalformedOrRead(PROTOBUF, changed);
      }),
      { numRuns: 2_000 },
    );
  });

  test('unknown fields are skipped', () => {
    const unknown = Buffer.from([0xfa, 0x3e, 3, 1, 2, 3]);
    expect(decodedLogs(PROTOBUF, Buffer.concat([unknown, whole, unknown]))).toHaveLength(1);
  });

  test('text that is not UTF-8 is malformed, for what would be stored is not what was hashed', () => {
    const bytes = Buffer.from(whole);
    bytes[bytes.indexOf('approve')] = 0xff;
    expect(() => decodedLogs(PROTOBUF, bytes)).toThrow(expect.objectContaining({ code: 'MALFORMED' }));
  });

  test('values nested without an end are malformed', () => {
    let value: Buffer = Buffer.alloc(0);
    for (let depth = 0; depth < 5_000; depth++) value = field(5, field(1, value));
    const request = field(1, field(2, field(2, field(5, value))));
    expect(() => decodedLogs(PROTOBUF, request)).toThrow(expect.objectContaining({ code: 'MALFORMED' }));
  });
});

describe('JSON', () => {
  test('64-bit integers are read from strings and from numbers', () => {
    const record = jsonLogs({
      timeUnixNano: 1_790_000_000,
      attributes: [
        { key: 'text', value: { intValue: '9007199254740993' } },
        { key: 'number', value: { intValue: 5 } },
      ],
    });
    expect(record.timeUnixNano).toBe(1_790_000_000n);
    expect(record.attributes).toEqual({ text: '9007199254740993', number: 5 });
  });

  test('ids are hex of either case, and one of another length is none', () => {
    const record = jsonLogs({ traceId: TRACE_ID.toUpperCase(), spanId: 'AAAAAAAAAAAAAAAAAAAAAA==' });
    expect(record).toMatchObject({ traceId: TRACE_ID, spanId: undefined });
  });

  test('unknown fields and nulls are skipped, and names in snake_case are unknown', () => {
    const record = jsonLogs({ eventName: null, event_name: 'decision.made', body: null, new: { a: [1] } });
    expect(record).toMatchObject({ eventName: '', body: undefined });
  });

  test('an attribute named __proto__ is an attribute', () => {
    const record = jsonLogs({ attributes: [{ key: '__proto__', value: { stringValue: 'x' } }] });
    expect(Object.entries(record.attributes)).toEqual([['__proto__', 'x']]);
  });

  test.each([
    ['no JSON', '{'],
    ['no object', '[]'],
    ['not UTF-8', Buffer.from([0x22, 0xff, 0x22])],
    ['a list that is none', '{"resourceLogs":{}}'],
    ['a time that is no integer', '{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"soon"}]}]}]}'],
    ['a negative time', '{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"-1"}]}]}]}'],
    ['an event that is no string', '{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"eventName":1}]}]}]}'],
    ['brackets without an end', '['.repeat(1_000_000)],
    ['brackets behind a string that hides none', `{"a":"\\"[","b":${'['.repeat(300)}${']'.repeat(300)}}`],
  ])('%s is malformed', (_, text) => {
    expect(() => decodedLogs(JSON_TYPE, Buffer.from(text as string))).toThrow(
      expect.objectContaining({ code: 'MALFORMED' }),
    );
  });

  test('any JSON is malformed or read', () => {
    fc.assert(
      fc.property(fc.json(), fc.string(), (json, text) => {
        expectMalformedOrRead(JSON_TYPE, Buffer.from(json));
        expectMalformedOrRead(JSON_TYPE, Buffer.from(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[${json}]}]}]}`));
        expectMalformedOrRead(JSON_TYPE, Buffer.from(text));
      }),
    );
  });
});

test('any bytes are malformed or read, in either encoding', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => {
      expectMalformedOrRead(PROTOBUF, Buffer.from(bytes));
      expectMalformedOrRead(JSON_TYPE, Buffer.from(bytes));
    }),
    { numRuns: 1_000 },
  );
});

describe.each([
  [PROTOBUF, ProtobufLogsSerializer],
  [JSON_TYPE, JsonLogsSerializer],
] as const)('an answer as %s', (encoding, serializer) => {
  test('a partial success is what the stock exporter reads', () => {
    const partialSuccess = { rejectedLogRecords: '2', errorMessage: 'why' };
    const bytes = encodeResponse('ExportLogsServiceResponse', encoding, { partialSuccess });
    expect(serializer.deserializeResponse(bytes)).toMatchObject({
      partialSuccess: { errorMessage: 'why', rejectedLogRecords: encoding === JSON_TYPE ? '2' : 2 },
    });
  });

  test('a full success is empty', () => {
    const bytes = encodeResponse('ExportLogsServiceResponse', encoding, {});
    expect(bytes.toString()).toBe(encoding === JSON_TYPE ? '{}' : '');
  });
});

test.each([
  ['application/json', JSON_TYPE],
  ['Application/JSON; charset=utf-8', JSON_TYPE],
  ['application/x-protobuf;x', PROTOBUF],
  ['application/protobuf', undefined],
  ['text/plain', undefined],
  ['', undefined],
  [undefined, undefined],
])('the content type %s means the encoding %s', (contentType, encoding) => {
  expect(encodingOf(contentType)).toBe(encoding);
});

/** A protobuf field of bytes. */
function field(number: number, content: Buffer): Buffer {
  const length: number[] = [];
  for (let rest = content.length; ; rest >>>= 7) {
    if (rest < 128) {
      length.push(rest);
      break;
    }
    length.push((rest & 127) | 128);
  }
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...length]), content]);
}

function expectMalformedOrRead(encoding: OtlpEncoding, bytes: Buffer): void {
  for (const [name, read] of [
    ['ExportLogsServiceRequest', readLogRecords],
    ['ExportTraceServiceRequest', readSpans],
  ] as const) {
    try {
      read(decodeRequest(name, encoding, bytes));
    } catch (error) {
      expect(error).toMatchObject({ code: 'MALFORMED' });
    }
  }
}
