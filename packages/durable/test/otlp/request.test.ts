import { ProtobufLogsSerializer, ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteWriter } from '../../src/otlp/bytes.js';
import { encodeLogRecord } from '../../src/otlp/log-record.js';
import { originOf } from '../../src/otlp/origin.js';
import { assembleRequest, readResponse, RequestMemory } from '../../src/otlp/request.js';
import { encodeSpan } from '../../src/otlp/span.js';
import { KIND } from '../../src/spool/frame.js';
import type { Frame, Origin } from '../../src/spool/frame.js';
import { decode, encode } from './decoded.ts';
import type { Decoded } from './decoded.ts';
import { attributes, value } from './values.ts';

const RESOURCES = [
  { attributes: { 'service.name': 'one' }, schemaUrl: 'https://example.com/1' },
  { attributes: { 'service.name': 'x'.repeat(200) } },
];
const SCOPES = [
  { name: 'a', version: '1' },
  { name: 'b', schemaUrl: 'https://example.com/2' },
];
const PAIRS = RESOURCES.flatMap((resource) => SCOPES.map((scope) => ({ resource, instrumentationScope: scope })));

function frame(kind: Frame['kind'], origin: Origin, encodeRecord: (writer: ByteWriter) => unknown): Frame {
  const writer = new ByteWriter();
  expect(encodeRecord(writer)).toBe('encoded');
  const payload = writer.buffer.subarray(0, writer.length);
  return { kind, origin, sequence: 1, timeMs: 0, leafHash: new Uint8Array(32), payload };
}

test('log records of several origins decode as they do from the stock serializer', () => {
  const record = fc.record({ pair: fc.constantFrom(...PAIRS), body: value, attributes });
  const property = fc.property(fc.array(record, { maxLength: 12 }), (given) => {
    const records = given.map(
      ({ pair, ...rest }) =>
        ({
          ...rest,
          ...pair,
          hrTime: [1, 2],
          hrTimeObserved: [3, 4],
          droppedAttributesCount: 0,
        }) as unknown as ReadableLogRecord,
    );
    // The stock serializer groups the whole batch, we do consecutive records: so each group comes in one piece.
    const grouped = records.toSorted((one, other) => index(one) - index(other));
    const frames = grouped.map((record) =>
      frame(KIND.logRecord, originOf(record.resource, record.instrumentationScope), (writer) =>
        encodeLogRecord(writer, record, undefined),
      ),
    );
    const ours = decode('ExportLogsServiceRequest', assembleRequest(frames));
    const stock = decode('ExportLogsServiceRequest', ProtobufLogsSerializer.serializeRequest(grouped)!);
    expect(flat(ours, 'resource_logs', 'scope_logs')).toEqual(flat(stock, 'resource_logs', 'scope_logs'));
  });
  fc.assert(property, { numRuns: 100 });
});

function index(record: { resource: unknown; instrumentationScope: unknown }): number {
  return PAIRS.findIndex(
    (pair) => pair.resource === record.resource && pair.instrumentationScope === record.instrumentationScope,
  );
}

/** Each scope with its resource: the stock serializer puts several scopes into one resource. */
function flat(request: Decoded, resources: string, scopes: string): Decoded[] {
  return (request[resources] as Decoded[]).flatMap(({ [scopes]: inner, ...resource }) =>
    (inner as Decoded[]).map((scope) => ({ ...resource, scope })),
  );
}

test('spans of two origins decode as they do from the stock serializer', () => {
  const context = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', traceFlags: 1 };
  const span = {
    name: 'predict',
    kind: 0,
    spanContext: () => context,
    startTime: [1, 2],
    endTime: [3, 4],
    status: { code: 0 },
    attributes: {},
    events: [],
    links: [],
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
  const spans = [PAIRS[0], PAIRS[0], PAIRS[3]].map((pair) => ({ ...span, ...pair }) as unknown as ReadableSpan);
  const frames = spans.map((span) =>
    frame(KIND.span, originOf(span.resource, span.instrumentationScope), (writer) => encodeSpan(writer, span)),
  );
  const ours = decode('ExportTraceServiceRequest', assembleRequest(frames));
  const stock = decode('ExportTraceServiceRequest', ProtobufTraceSerializer.serializeRequest(spans)!);
  expect(ours).toEqual(stock);
});

test('the order of frames is kept, where origins alternate too', () => {
  const frames = [0, 1, 0].map((pair, number) => {
    const { resource, instrumentationScope } = PAIRS[pair]!;
    const record = { hrTime: [number, 0], hrTimeObserved: [0, 0], body: String(number) } as const;
    return frame(KIND.logRecord, originOf(resource, instrumentationScope), (writer) =>
      encodeLogRecord(writer, record, undefined),
    );
  });
  const request = assembleRequest(frames);
  const scopes = flat(decode('ExportLogsServiceRequest', request), 'resource_logs', 'scope_logs');
  expect(scopes.map(({ scope }) => (scope as { log_records: Decoded[] }).log_records.length)).toEqual([1, 1, 1]);
  expect(assembleRequest([])).toHaveLength(0);
  // Requests one after the other are one request.
  const parts = Buffer.concat(frames.map((frame) => assembleRequest([frame])));
  expect(parts.equals(request)).toBe(true);
});

test('log records and spans are not put into one request', () => {
  const { resource, instrumentationScope } = PAIRS[0]!;
  const origin = originOf(resource, instrumentationScope);
  const log = {
    kind: KIND.logRecord,
    origin,
    sequence: 1,
    timeMs: 0,
    leafHash: new Uint8Array(32),
    payload: Buffer.from([0x12, 0]),
  };
  expect(() => assembleRequest([log, { ...log, kind: KIND.span }])).toThrow(TypeError);
});

const response = fc.record({
  rejected: fc.maxSafeInteger().map(Math.abs),
  message: fc.string({ unit: 'grapheme', maxLength: 3000 }),
});

function bytesOf({ rejected, message }: { rejected: number; message: string }): Uint8Array {
  return encode('ExportLogsServiceResponse', {
    partial_success: { rejected_log_records: rejected, error_message: message },
  });
}

test('a response is read as it was written, its message up to 1,024 characters', () => {
  const property = fc.property(response, ({ rejected, message }) => {
    const read = readResponse(bytesOf({ rejected, message }))!;
    expect(read.rejected).toBe(rejected);
    expect(message.startsWith(read.message)).toBe(true);
    expect(read.message.length).toBeLessThanOrEqual(1024);
    expect(read.message.length).toBeGreaterThanOrEqual(Math.min(message.length, 1023));
  });
  fc.assert(property);
  expect(readResponse(new Uint8Array())).toEqual({ rejected: 0, message: '' });
  expect(readResponse(Buffer.from([0x0a, 0]))).toEqual({ rejected: 0, message: '' });
  expect(readResponse(bytesOf({ rejected: 1, message: `${'x'.repeat(1023)}😀` }))!.message).toBe('x'.repeat(1023));
});

test('fields of later versions are passed over', () => {
  // One field of each wire type, the varint of them the largest.
  const later = Buffer.from('10011a0161250000000031000000000000000038ffffffffffffffffff01', 'hex');
  const inner = Buffer.from('08071d0000000022016112026f6b', 'hex');
  const bytes = Buffer.concat([later, Buffer.from([0x0a, inner.length]), inner, later]);
  expect(readResponse(bytes)).toEqual({ rejected: 7, message: 'ok' });
});

test('what is not a response is none, and nothing throws', () => {
  const cut = fc.tuple(response, fc.nat()).map(([response, at]) => {
    const bytes = bytesOf(response);
    return bytes.subarray(0, at % (bytes.length + 1));
  });
  const property = fc.property(fc.oneof(fc.uint8Array({ maxLength: 64 }), cut), (bytes) => {
    const read = readResponse(bytes);
    if (read === undefined) return;
    expect(Number.isSafeInteger(read.rejected)).toBe(true);
    expect(read.message.length).toBeLessThanOrEqual(1024);
  });
  fc.assert(property, { numRuns: 1000 });
  const none = [
    '0a',
    '0a05',
    '0a020801ff',
    '0a0208',
    '0a0108',
    '0a0b08ffffffffffffffffff01',
    '0b',
    '0c',
    '0801',
    '00',
    '0a021001',
    Buffer.from('<html>').toString('hex'),
  ];
  for (const hex of none) expect(readResponse(Buffer.from(hex, 'hex')), hex).toBeUndefined();
});

test('a request in memory that is used again is the same; what may still be sent is left alone', () => {
  const origin = originOf(RESOURCES[0]!, SCOPES[0]!);
  const frames = (texts: readonly string[]): Frame[] =>
    texts.map((body) => {
      const record = { hrTime: [1, 0], hrTimeObserved: [1, 0], body } as const;
      return frame(KIND.logRecord, origin, (writer) => encodeLogRecord(writer, record, undefined));
    });
  const step = fc.record({
    sizes: fc.array(fc.integer({ min: 0, max: 100_000 }), { minLength: 1, maxLength: 4 }),
    taken: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const memory = new RequestMemory();
      const unread: { request: Buffer; copy: Buffer }[] = [];
      for (const [index, { sizes, taken }] of steps.entries()) {
        const batch = frames(sizes.map((size) => String(index).repeat(size + 1)));
        const request = assembleRequest(batch, memory.allocate);
        expect(request.equals(assembleRequest(batch))).toBe(true);
        if (taken) memory.release();
        else unread.push({ request, copy: Buffer.from(request) });
        for (const { request: sending, copy } of unread) expect(sending.equals(copy)).toBe(true);
      }
    }),
    { numRuns: 30 },
  );
});
