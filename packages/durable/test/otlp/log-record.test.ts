import { ROOT_CONTEXT, SeverityNumber, trace } from '@opentelemetry/api';
import { ProtobufLogsSerializer } from '@opentelemetry/otlp-transformer';
import { emptyResource } from '@opentelemetry/resources';
import { LoggerProvider } from '@opentelemetry/sdk-logs';
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteWriter, RECORD_BYTES_MAX } from '../../src/otlp/bytes.js';
import { encodeLogRecord } from '../../src/otlp/log-record.js';
import type { LogRecordLike } from '../../src/otlp/log-record.js';
import type { Stamp } from '../../src/otlp/stamp.js';
import { attribute, decode, logRecordsOf, setField } from './decoded.ts';
import type { Decoded } from './decoded.ts';
import { attributes, count, spanContext, text, time, value } from './values.ts';

const RESOURCE = emptyResource();
const SCOPE = { name: 'test' };
const PLAIN: LogRecordLike = { hrTime: [1, 2], hrTimeObserved: [3, 4], attributes: {}, droppedAttributesCount: 0 };
const STAMP: Stamp = {
  streamId: '0190a5c2-7f3e-7000-8000-0123456789ab',
  sequence: 300,
  leafHash: new Uint8Array(32).fill(0xa7),
};

/** What a decoder makes of our encoding of one record. */
function encoded(record: LogRecordLike, stamp?: Stamp): Decoded {
  const writer = new ByteWriter();
  writer.reset(64);
  expect(encodeLogRecord(writer, record, stamp)).toBe('encoded');
  const scopeLogs = decode('ScopeLogs', writer.buffer.subarray(64, writer.length));
  return (scopeLogs['log_records'] as Decoded[])[0]!;
}

function stock(record: LogRecordLike): Decoded {
  const origin = { resource: { value: RESOURCE }, instrumentationScope: { value: SCOPE } };
  const readable = Object.create(record, origin) as ReadableLogRecord;
  return logRecordsOf(decode('ExportLogsServiceRequest', ProtobufLogsSerializer.serializeRequest([readable])!))[0]!;
}

const record = fc.record(
  {
    hrTime: time,
    hrTimeObserved: time,
    spanContext,
    severityNumber: fc.integer({ min: 0, max: 24 }),
    severityText: text,
    body: value,
    eventName: text,
    attributes,
    droppedAttributesCount: count,
  },
  { requiredKeys: ['hrTime', 'hrTimeObserved', 'attributes', 'droppedAttributesCount'] },
);

test('every record decodes as it does from the stock serializer', () => {
  const property = fc.property(record, (record) => {
    expect(encoded(record)).toEqual(stock(record));
  });
  fc.assert(property, { numRuns: 500 });
});

test.each([
  ['undefined', undefined],
  ['null', null],
  ['an empty string', ''],
  ['an empty array', []],
  ['an empty object', {}],
  ['empty bytes', new Uint8Array()],
  ['-0', -0],
  ['64 KiB of ASCII', 'x'.repeat(65_536)],
  ['64 KiB of other characters', '漢'.repeat(21_846)],
  ['an array with a hole', [1, , 2]], // oxlint-disable-line no-sparse-arrays
])('a body of %s decodes as it does from the stock serializer', (_, body) => {
  expect(encoded({ ...PLAIN, body })).toEqual(stock({ ...PLAIN, body }));
});

test('records of a LoggerProvider decode as they do from the stock serializer', () => {
  const seen: ReadableLogRecord[] = [];
  const processor = { onEmit: (log: ReadableLogRecord) => void seen.push(log), forceFlush: nothing, shutdown: nothing };
  const logger = new LoggerProvider({ processors: [processor] }).getLogger('test', '1.0.0');
  const context = trace.setSpanContext(ROOT_CONTEXT, {
    traceId: '0af7651916cd43dd8448eb211c80319c',
    spanId: 'b7ad6b7169203331',
    traceFlags: 1,
  });
  logger.emit({
    body: '{"schema":"decision/1"}',
    eventName: 'decision',
    severityNumber: SeverityNumber.INFO,
    severityText: 'INFO',
    context,
  });
  logger.emit({ body: { nested: [1, { deep: true }] }, attributes: { list: ['a', 'b'], text: 'é', map: { k: 1.5 } } });
  logger.emit({ timestamp: new Date(1_780_000_000_123), exception: new TypeError('broken') });
  expect(seen).toHaveLength(3);
  for (const log of seen) expect(encoded(log)).toEqual(stock(log));
});

async function nothing(): Promise<void> {}

test('all lengths and numbers are in their shortest form', () => {
  const writer = new ByteWriter();
  writer.reset(0);
  for (const size of [0, 100, 119, 120, 121, 122, 127, 128, 16_370, 16_384, 2_097_152]) {
    const record = {
      hrTime: [0, 0] as const,
      hrTimeObserved: [0, 0] as const,
      body: 'é'.repeat(size / 2),
      attributes: { a: 'x'.repeat(size) },
    };
    writer.length = 0;
    if (encodeLogRecord(writer, record, STAMP) !== 'encoded') continue;
    // A varint whose last byte is 0 is longer than it needs to be. Reads tag and length of the message and of its fields.
    const message = Buffer.from(writer.buffer.subarray(0, writer.length));
    const outer = varint(message, 1);
    expect(outer.value).toBe(message.length - outer.end);
    for (let at = outer.end; at < message.length;) at = skipField(message, at);
  }
});

function varint(bytes: Uint8Array, at: number): { value: number; end: number } {
  let end = at;
  let value = 0;
  do value += (bytes[end]! & 127) * 128 ** (end - at);
  while (bytes[end++]! > 127);
  if (end > at + 1) expect(bytes[end - 1]).not.toBe(0);
  return { value, end };
}

function skipField(bytes: Uint8Array, at: number): number {
  const tag = varint(bytes, at);
  const wireType = tag.value & 7;
  if (wireType === 1) return tag.end + 8;
  if (wireType === 5) return tag.end + 4;
  const { value, end } = varint(bytes, tag.end);
  return wireType === 2 ? end + value : end;
}

test('the stamp is in the record, behind its own attributes', () => {
  for (const sequence of [1, 127, 128, 2 ** 31, 2 ** 32, 2 ** 53 - 1]) {
    const seen = encoded({ ...PLAIN, attributes: { own: 'value' } }, { ...STAMP, sequence });
    expect(attribute(seen, 'own')).toEqual({ string_value: 'value' });
    expect(attribute(seen, 'audit.sequence.stream_id')).toEqual({ string_value: STAMP.streamId });
    expect(attribute(seen, 'audit.sequence.number')).toEqual({ int_value: String(sequence) });
    expect(attribute(seen, 'decision.leaf_hash')).toEqual({ string_value: 'a7'.repeat(32) });
  }
  expect(attribute(encoded(PLAIN, { ...STAMP, leafHash: undefined }), 'decision.leaf_hash')).toBeUndefined();
  expect(attribute(encoded(PLAIN, { ...STAMP, streamId: 'another' }), 'audit.sequence.stream_id')).toEqual({
    string_value: 'another',
  });
});

test('a record cannot number itself, and what it claimed is told of', () => {
  const forged = { ...PLAIN, attributes: { 'audit.sequence.number': 7, 'decision.leaf_hash': 'ff', own: 'é' } };
  const seen = encoded(forged, STAMP);
  expect(attribute(seen, 'audit.sequence.number')).toEqual({ int_value: '300' });
  expect(attribute(seen, 'decision.leaf_hash')).toEqual({ string_value: 'a7'.repeat(32) });
  expect(attribute(seen, 'own')).toEqual({ string_value: 'é' });
  const { values } = attribute(seen, 'decision.unencoded')!['array_value'] as { values: unknown[] };
  expect(values.map(setField)).toEqual([
    { string_value: 'audit.sequence.number' },
    { string_value: 'decision.leaf_hash' },
  ]);
  expect(encoded(forged)).toEqual(stock(forged));
});

test('a field that OTLP cannot hold is absent, and told of', () => {
  const odd = {
    hrTime: [-1, 0],
    hrTimeObserved: undefined,
    severityNumber: 1.5,
    severityText: 12,
    eventName: Symbol('name'),
    droppedAttributesCount: -1,
    spanContext: { traceId: 'not hexadecimal', spanId: 'zz'.repeat(8), traceFlags: NaN },
    attributes: new Proxy(
      {},
      {
        ownKeys: () => {
          throw new Error('no');
        },
      },
    ),
  } as unknown as LogRecordLike;
  const seen = encoded(odd, STAMP);
  expect(seen).toMatchObject({
    severity_text: '12',
    event_name: 'Symbol(name)',
    trace_id: '',
    time_unix_nano: '0',
    flags: 0,
  });
  const { values } = attribute(seen, 'decision.unencoded')!['array_value'] as { values: unknown[] };
  expect(values.map((value) => setField(value)['string_value'])).toEqual([
    'time',
    'severity_number',
    'attributes',
    'dropped_attributes_count',
    'flags',
    'trace_id',
    'span_id',
    'observed_time',
  ]);
  expect(attribute(seen, 'audit.sequence.number')).toEqual({ int_value: '300' });
});

test('a record that is too large is refused, and leaves what was written before it', () => {
  const writer = new ByteWriter();
  writer.reset(64);
  expect(encodeLogRecord(writer, PLAIN, STAMP)).toBe('encoded');
  const before = Buffer.from(writer.buffer.subarray(0, writer.length));
  const tooLarge: unknown[] = [
    'x'.repeat(RECORD_BYTES_MAX),
    '漢'.repeat(RECORD_BYTES_MAX / 3),
    new Uint8Array(5_000_000),
    Array.from({ length: 1000 }, () => 'x'.repeat(8000)),
    Object.assign([], { length: 1_000_000_000 }),
    new Float64Array(3_000_000),
  ];
  for (const body of tooLarge) {
    expect(encodeLogRecord(writer, { ...PLAIN, body }, STAMP)).toBe('too-large');
    expect(encodeLogRecord(writer, { ...PLAIN, attributes: { body } }, STAMP)).toBe('too-large');
    expect(Buffer.from(writer.buffer.subarray(0, writer.length)).equals(before)).toBe(true);
  }
  expect(encodeLogRecord(writer, { ...PLAIN, body: 'x'.repeat(RECORD_BYTES_MAX - 300) }, STAMP)).toBe('encoded');
  expect(encodeLogRecord(writer, PLAIN, STAMP)).toBe('encoded');
});

test('a record that throws when it is read is refused', () => {
  const writer = new ByteWriter();
  const thrown = new Proxy(
    {},
    {
      getPrototypeOf: () => {
        throw new Error('again');
      },
    },
  );
  const unreadable = {
    ...PLAIN,
    get body(): unknown {
      throw thrown;
    },
  };
  expect(encodeLogRecord(writer, unreadable, STAMP)).toBe('unreadable');
  expect(writer.length).toBe(0);
  expect(encodeLogRecord(writer, undefined as unknown as LogRecordLike, STAMP)).toBe('unreadable');
});

test('a getter that logs does not get the writer that is encoding it', () => {
  const writer = new ByteWriter();
  const inner: unknown[] = [];
  const body = {
    get member(): string {
      inner.push(writer.inUse, encodeLogRecord(writer, PLAIN, STAMP));
      expect(() => writer.reset(64)).toThrow(/in use/);
      return 'read';
    },
  };
  expect(encodeLogRecord(writer, { ...PLAIN, body }, STAMP)).toBe('encoded');
  expect(inner).toEqual([true, 'in-use']);
  const record = (decode('ScopeLogs', writer.buffer.subarray(0, writer.length))['log_records'] as Decoded[])[0]!;
  expect(record).toEqual(encoded({ ...PLAIN, body: { member: 'read' } }, STAMP));
});
