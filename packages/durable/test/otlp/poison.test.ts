import vm from 'node:vm';
import { expect, test } from 'vitest';
import { ByteWriter } from '../../src/otlp/bytes.js';
import { encodeLogRecord } from '../../src/otlp/log-record.js';
import type { LogRecordLike } from '../../src/otlp/log-record.js';
import { originOf } from '../../src/otlp/origin.js';
import { assembleRequest } from '../../src/otlp/request.js';
import { attribute, decode, logRecordsOf, setField } from './decoded.ts';
import type { Decoded } from './decoded.ts';

const ORIGIN = originOf({ attributes: {} }, { name: 'test' });
const text = (string: string): Decoded => ({ string_value: string });

class Empty {}
class Account {
  #balance = 1;
  owner = 'me';
  get balance(): number {
    return this.#balance;
  }
}

function circular(): unknown {
  const node: Record<string, unknown> = { name: 'node' };
  node['self'] = [node];
  return node;
}

function nested(depth: number): unknown {
  let value: unknown = 'end';
  for (let level = 0; level < depth; level++) value = level % 2 === 0 ? [value] : { a: value };
  return value;
}

function throwing(message = 'getter'): () => never {
  return () => {
    throw new Error(message);
  };
}

function revoked(target: object): unknown {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

/** An AnyValue as what a person would write for it. */
function plain(value: unknown): unknown {
  const [[field, content] = []] = Object.entries(setField(value));
  if (field === 'array_value') return (content as { values: unknown[] }).values.map(plain);
  if (field !== 'kvlist_value') return field === undefined ? undefined : content;
  const { values } = content as { values: { key: string; value: unknown }[] };
  return Object.fromEntries(values.map((member) => [member.key, plain(member.value)]));
}

const POISONED: readonly (readonly [name: string, value: unknown, seen: unknown])[] = [
  ['NaN', NaN, NaN],
  ['Infinity', -Infinity, -Infinity],
  ['a bigint', 2n ** 70n, '1180591620717411303424'],
  ['an enormous bigint', 1n << 70_000n, '[bigint too large]'],
  ['a date', new Date(0), '1970-01-01T00:00:00.000Z'],
  ['an invalid date', new Date(NaN), '[invalid date]'],
  [
    'a map with string keys',
    new Map<string, unknown>([
      ['__proto__', 1n],
      ['b', new Set([2])],
    ]),
    JSON.parse('{"__proto__":"1","b":["2"]}'),
  ],
  [
    'a map with other keys',
    new Map<unknown, unknown>([
      [1, 'a'],
      [{}, 'b'],
    ]),
    [
      ['1', 'a'],
      [{}, 'b'],
    ],
  ],
  ['a set', new Set(['a', 'b']), ['a', 'b']],
  ['an error', new TypeError('broken'), 'TypeError: broken'],
  ['a regular expression', /a+/u, '/a+/u'],
  ['a symbol', Symbol('secret'), 'Symbol(secret)'],
  ['a function', function decide() {}, '[function decide]'],
  ['a class', Empty, '[function Empty]'],
  ['an instance without members', new Empty(), '[object Empty]'],
  ['an instance with members', new Account(), { owner: 'me' }],
  ['a promise', Promise.resolve(1), '[object Promise]'],
  ['a URL', new URL('https://example.com/a'), 'https://example.com/a'],
  ['a boxed string', Object('boxed'), 'boxed'],
  ['a boxed bigint', Object(5n), '5'],
  ['64-bit labels', new BigInt64Array([1n, -1n]), ['1', '-1']],
  ['floats', new Float32Array([0.5, 1]), [0.5, '1']],
  ['a DataView', new DataView(new Uint8Array([1, 2, 3]).buffer, 1), 'AgM='],
  ['an ArrayBuffer', new Uint8Array([1, 2, 3]).buffer, 'AQID'],
  ['lone surrogates', 'a\ud800b\udc00', 'a\ufffdb\ufffd'],
  ['lone surrogates in keys', { '\ud800': '\udfff' }, { '\ufffd': '\ufffd' }],
  ['a cycle', circular(), { name: 'node', self: ['[circular]'] }],
  ['the same object twice', ((same) => [same, same])({ a: 'b' }), [{ a: 'b' }, { a: 'b' }]],
  [
    'a throwing getter',
    {
      before: 'a',
      get bad() {
        return throwing()();
      },
      after: 'b',
    },
    { before: 'a', bad: '[unreadable]', after: 'b' },
  ],
  [
    'a proxy that throws',
    new Proxy({ a: 1 }, { get: throwing(), ownKeys: throwing(), getPrototypeOf: throwing() }),
    '[unreadable]',
  ],
  ['a proxy whose members throw', new Proxy({ a: 1 }, { get: throwing() }), { a: '[unreadable]' }],
  ['a revoked proxy', revoked({}), '[unreadable]'],
  ['a revoked array', [revoked([])], ['[unreadable]']],
  ['a revoked function', revoked(() => {}), '[function]'],
  ['a proxy of bytes', [new Proxy(new Uint8Array(2), {})], [{ 0: '0', 1: '0' }]],
  [
    'a date whose methods lie',
    Object.assign(new Date(0), { getTime: throwing(), toISOString: throwing() }),
    '1970-01-01T00:00:00.000Z',
  ],
  ['a map whose methods throw', Object.assign(new Map([['a', 'b']]), { entries: throwing() }), { a: 'b' }],
  ['a toJSON that throws', Object.create({ toJSON: throwing() }), '[unreadable]'],
  ['an object without a prototype', Object.assign(Object.create(null) as object, { a: 'b' }), { a: 'b' }],
  ['an object of another realm', vm.runInNewContext('({ a: [{}] })'), { a: [{}] }],
  ['a hole', [, 'a'], [undefined, 'a']], // oxlint-disable-line no-sparse-arrays
];

function payloadOf(record: Partial<LogRecordLike>): Uint8Array {
  const writer = new ByteWriter();
  const whole = {
    hrTime: [1, 0],
    hrTimeObserved: [1, 0],
    attributes: {},
    droppedAttributesCount: 0,
    ...record,
  } as LogRecordLike;
  expect(encodeLogRecord(writer, whole, { streamId: 's', sequence: 1, leafHash: undefined })).toBe('encoded');
  return writer.buffer.subarray(0, writer.length);
}

/** The record of a request in which it stands between two others, which have to be as they were. */
function between(record: Partial<LogRecordLike>): Decoded {
  const neighbour = payloadOf({ body: 'neighbour', attributes: { a: 'b' } });
  const payloads = [neighbour, payloadOf(record), neighbour];
  const frames = payloads.map(
    (payload) => ({ kind: 1, origin: ORIGIN, sequence: 1, timeMs: 0, leafHash: new Uint8Array(32), payload }) as const,
  );
  const records = logRecordsOf(decode('ExportLogsServiceRequest', assembleRequest(frames)));
  expect(records).toHaveLength(3);
  for (const index of [0, 2]) expect(setField(records[index]!['body'])).toEqual(text('neighbour'));
  return records[1]!;
}

test.each(POISONED)('%s says what it was, and leaves its neighbours alone', (_, value, seen) => {
  expect(plain(between({ body: value })['body'])).toEqual(seen);
  expect(plain(between({ body: { in: [value] } })['body'])).toEqual({ in: [seen] });
  const attributes = between({ attributes: { before: 'a', value, after: 'b' } });
  expect(plain(attributeValue(attributes, 'value'))).toEqual(seen);
  expect(attribute(attributes, 'before')).toEqual(text('a'));
  expect(attribute(attributes, 'after')).toEqual(text('b'));
});

function attributeValue(record: Decoded, key: string): unknown {
  return (record['attributes'] as { key: string; value: unknown }[]).find((attribute) => attribute.key === key)?.value;
}

test('what is nested too deep says so where it is cut, and can be read by decoders that stop at 100 messages', () => {
  let value = plain(between({ body: nested(10_000) })['body']);
  let depth = 0;
  for (; typeof value === 'object'; depth++) value = (value as { a: unknown }).a ?? (value as unknown[])[0];
  expect({ value, depth }).toEqual({ value: '[too deep]', depth: 30 });
  expect(plain(between({ body: nested(30) })['body'])).toEqual(nested(30));
});

test('an attribute that throws says so, and the others are there', () => {
  const attributes = {
    before: 'a',
    get bad(): string {
      return throwing()();
    },
    after: 'é',
  };
  const seen = between({ attributes });
  expect(attribute(seen, 'bad')).toEqual(text('[unreadable]'));
  expect(attribute(seen, 'after')).toEqual(text('é'));
});

test('an endless structure ends at the limit of a record or of nesting', () => {
  const endless: ProxyHandler<object> = {
    get: () => new Proxy({}, endless),
    ownKeys: () => ['a', 'b'],
    getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true, value: 1 }),
  };
  const writer = new ByteWriter();
  const record = { hrTime: [1, 0], hrTimeObserved: [1, 0], body: new Proxy({}, endless) } as const;
  expect(encodeLogRecord(writer, record, undefined)).toBe('too-large');
});

test('a record that is encoded where the stack is nearly used up is whole, or refused', () => {
  const outcomes = new Set<string>();
  const writer = new ByteWriter();
  const record = { hrTime: [1, 0], hrTimeObserved: [1, 0], body: nested(25), attributes: { a: 'b' } } as const;
  const dive = (): void => {
    try {
      dive();
    } catch {
      // Once for each level on the way up, from where there is no stack left to where there is enough.
      if (outcomes.has('encoded')) return;
    }
    writer.length = 0;
    const outcome = encodeLogRecord(writer, record, undefined);
    outcomes.add(outcome);
    if (outcome === 'encoded') decode('ScopeLogs', writer.buffer.subarray(0, writer.length));
    else expect(writer.length).toBe(0);
    if (outcome !== 'encoded') throw new RangeError('still too deep');
  };
  dive();
  expect([...outcomes]).toContain('encoded');
  expect(writer.inUse).toBe(false);
});
