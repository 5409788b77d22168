/**
 * Everything that JavaScript can hand over: whatever comes in, the caller gets what it got before, and one record comes
 * out that parses, is within its limits and says what it could not hold.
 */
import { createHash, createSecretKey } from 'node:crypto';
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { PassThrough, Readable } from 'node:stream';
import { runInNewContext } from 'node:vm';
import * as moduleNamespace from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { audited, conventions, currentDecision } from '@decision-trail/decisions';
import type { DecisionDetails, DecisionRecord } from '@decision-trail/decisions';
import { startSdk, stopSdk } from './telemetry.js';
import type { Seen, SeenLog } from './telemetry.js';

const { RECORD_BYTES_MAX, ATTRIBUTE_JSON_BYTES_MAX } = conventions;
const ATTRIBUTES_BYTES_MAX = 16 * 1024;
const ATTRIBUTES_MAX = 64;
const MB = 1_000_000;

/** The form of what JSON leaves out. */
const NOTHING: unique symbol = Symbol('nothing');

interface Hostile {
  /** Makes the value, anew for each place where that matters. */
  make: () => unknown;
  /** The recorded form, where the conventions define one; of one with a `$ref`, by the pointer to the value. */
  form?: unknown;
  /** Looks at the recorded form, where it is too large to be written down here. */
  look?: (form: unknown, record: DecisionRecord) => void;
  /** Whether a limit cuts it. */
  cut?: boolean;
  /** As a result it is observed rather than recorded at once: a stream, a thenable. */
  live?: boolean;
  /** What of an error is recorded, where it is thrown. */
  thrown?: { type: string; message: string };
  /** Whether the value is as it was. */
  unchanged?: (value: never) => unknown;
}

type Corpus = Record<string, Hostile>;

const is = (make: () => unknown, form: unknown, more: Omit<Hostile, 'make'> = {}): Hostile => ({ make, form, ...more });
const valid = (make: () => unknown, more: Omit<Hostile, 'make'> = {}): Hostile => ({ make, ...more });
const cut = (make: () => unknown, look?: Hostile['look']): Hostile => ({ make, cut: true, ...(look && { look }) });
const unreadable = (make: () => unknown, kind: string, more: Omit<Hostile, 'make'> = {}): Hostile =>
  is(make, { $unreadable: kind }, more);
const fails = (make: () => unknown, type: string, message: string): Hostile =>
  is(make, { type, message }, { thrown: { type, message } });

const fail = (): never => {
  throw new RangeError('hostile');
};
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const bytesForm = (bytes: Uint8Array): unknown => ({
  $bytes: { length: bytes.length, sha256: sha256(bytes), base64: Buffer.from(bytes).toString('base64') },
});
const tensorForm = (data: NodeJS.TypedArray, type: string, elements: unknown[]): unknown => ({
  $tensor: {
    type,
    dims: [data.length],
    sha256: sha256(new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
    data: elements,
  },
});
const once = <T>(make: () => T): (() => T) => {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
};
const nested = (levels: number, around: (inner: unknown) => unknown): unknown => {
  let value: unknown = 'bottom';
  for (let level = 0; level < levels; level++) value = around(value);
  return value;
};
/** A value without a static type, for what TypeScript knows to be wrong, and for what older versions of Node.js lack. */
const untyped = (value: unknown): any => value;
const has = (name: string): boolean => name in globalThis;
const globals: Record<string, any> = globalThis;

const primitives: Corpus = {
  undefined: is(() => undefined, NOTHING),
  null: is(() => null, null),
  'negative zero': is(() => -0, -0),
  'not a number': is(() => Number.NaN, { $number: 'NaN' }),
  'negative infinity': is(() => -Infinity, { $number: '-Infinity' }),
  'the smallest number': is(() => 5e-324, 5e-324),
  'a symbol': is(() => Symbol('s'), NOTHING),
  'a registered symbol': is(() => Symbol.for('hostile'), NOTHING),
  'a BigInt beyond 64 bits': is(() => -(2n ** 70n), String(-(2n ** 70n))),
  'a BigInt of a million digits': cut(
    once(() => 1n << 3_321_928n),
    (form) => expect(form).toEqual({ $unreadable: 'bigint' }),
  ),
  'a text of lone surrogates': is(() => '\udc00\ud800', '\udc00\ud800'),
  'a text of control characters, line separators and a byte order mark': is(
    () => '\u0000\u001f\u2028\u2029\ufeff\u007f',
    '\u0000\u001f\u2028\u2029\ufeff\u007f',
  ),
  'a text of quotes that doubles in size': cut(() => '"'.repeat(40_000)),
  'a text of control characters that grows sixfold': cut(() => '\u0001'.repeat(60_000)),
  'a text of emoji, cut between two halves of one': cut(() => `x${'😀'.repeat(40_000)}`),
  'a text of 100 MB': cut(
    once(() => Buffer.alloc(100 * MB, 'x').toString('latin1')),
    (form) => expect(form).toMatch(/^x{1000,}$/),
  ),
};

const functions: Corpus = {
  'a function': is(() => () => 1, NOTHING),
  'a class': is(() => class Model {}, NOTHING),
  'an async generator function': is(() => async function* () {}, NOTHING),
  'a bound function': is(() => Math.max.bind(null), NOTHING),
  'a function with toJSON': is(() => Object.assign(() => 1, { toJSON: () => 'x' }), NOTHING),
  'a callable proxy that throws': is(
    () => new Proxy(() => 1, { get: fail, apply: fail, getPrototypeOf: fail, ownKeys: fail }),
    NOTHING,
  ),
};

const lengthIs = (length: unknown): unknown =>
  new Proxy([1, 2], { get: (target, key) => (key === 'length' ? length : Reflect.get(target, key)) });

const lists: Corpus = {
  'an empty list': is(() => [], []),
  // oxlint-disable-next-line no-sparse-arrays
  'a sparse list': is(() => [, 1, , 2], [null, 1, null, 2]),
  'a list of 4,294,967,295 holes': cut(() => Object.assign([], { length: 2 ** 32 - 1 })),
  'a list of a million elements': cut(
    once(() => Array.from({ length: MB }, (_, i) => i)),
    (form) => expect((form as number[]).slice(0, 3)).toEqual([0, 1, 2]),
  ),
  'a list with members': is(() => Object.assign([1], { extra: 2 }), [1]),
  'a list with toJSON': is(() => Object.assign([1, 2], { toJSON: fail }), [1, 2]),
  'a list whose iterator, map and toString throw': is(
    () => Object.assign([1], { [Symbol.iterator]: fail, map: fail, every: fail, toString: fail, join: fail }),
    [1],
  ),
  'a list of a class of its own': is(() => untyped(class Rows extends Array {}).of(1, [2]), [1, [2]]),
  'a frozen list': is(() => Object.freeze([Object.freeze({ a: 1 })]), [{ a: 1 }]),
  'a list that claims 2^53 - 1 elements': cut(
    () => lengthIs(Number.MAX_SAFE_INTEGER),
    (form) => expect((form as unknown[]).slice(0, 3)).toEqual([1, 2, null]),
  ),
  'a list that claims endless elements': cut(() => lengthIs(Infinity)),
  'a list that claims a negative length': is(() => lengthIs(-1), []),
  'a list that claims the length NaN': is(() => lengthIs(Number.NaN), []),
  'a list whose length is a text': is(() => lengthIs('2'), [1, 2]),
  'a list whose length is a symbol': unreadable(() => lengthIs(Symbol('l')), 'TypeError'),
  'a list whose length throws when it is used': unreadable(() => lengthIs({ valueOf: fail }), 'RangeError'),
  'a list whose length changes whenever it is read': valid(() => {
    let reads = 0;
    return new Proxy([1], { get: (target, key) => (key === 'length' ? (reads += 7) : Reflect.get(target, key)) });
  }),
  'a list whose elements throw': is(
    () => Object.defineProperty([1, 2], 0, { get: fail }),
    [{ $unreadable: 'RangeError' }, 2],
  ),
  'a list in itself': is(
    () => {
      const list: unknown[] = [1];
      list.push(list, [list]);
      return list;
    },
    (at: string) => [1, { $ref: at }, [{ $ref: at }]],
  ),
  'a list of another realm': is(() => runInNewContext('[1, [2]]') as unknown, [1, [2]]),
  'lists 10,000 levels deep': cut(() => nested(10_000, (inner) => [inner])),
  'an arguments object': is(
    () =>
      (function (..._args: unknown[]) {
        // oxlint-disable-next-line prefer-rest-params
        return arguments;
      })(1, 'a'),
    { 0: 1, 1: 'a' },
  ),
};

class Point {
  x = 1;
  #y = 2;
  get sum(): number {
    return this.x + this.#y;
  }
  #hidden(): number {
    return this.#y;
  }
  visible(): number {
    return this.#hidden();
  }
}

/** A list whose last element can be reached on 2^40 ways. */
const bomb = (around: (inner: unknown) => unknown): unknown => nested(40, (inner) => around(inner));

const getter = (get: () => unknown): object => Object.defineProperty({}, 'a', { get, enumerable: true });

const endless = (): object => getter(() => endless());
const endlessAndWide = (): object => ({
  get left() {
    return endlessAndWide();
  },
  get right() {
    return endlessAndWide();
  },
});

const objects: Corpus = {
  'an object without a prototype': is(() => Object.assign(Object.create(null) as object, { a: 1 }), { a: 1 }),
  'a frozen object': is(() => Object.freeze({ a: 1 }), { a: 1 }),
  'a sealed object': is(() => Object.seal({ a: 1 }), { a: 1 }),
  'an instance of a class with private members and accessors': is(() => new Point(), { x: 1 }),
  'an object with hidden and symbolic members': is(
    () => Object.defineProperty({ a: 1, [Symbol('s')]: 2 }, 'hidden', { value: 3, enumerable: false }),
    { a: 1 },
  ),
  'an object with a setter alone': is(() => Object.defineProperty({}, 'a', { set: fail, enumerable: true }), {}),
  'keys that look like numbers': is(() => ({ b: 1, 2: 2, a: 3, 1: 4 }), { 1: 4, 2: 2, b: 1, a: 3 }),
  'keys that JavaScript gives a meaning': is(
    () =>
      JSON.parse(
        '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"prototype":2,"toString":3,"valueOf":4,"then":5,"length":6,"hasOwnProperty":7}',
      ) as unknown,
    JSON.parse(
      '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"prototype":2,"toString":3,"valueOf":4,"then":5,"length":6,"hasOwnProperty":7}',
    ),
  ),
  'keys that are parts of pointers, or nothing': is(() => ({ '': 1, '/': 2, '~': 3, '~1': 4, '*': 5, '**': 6 }), {
    '': 1,
    '/': 2,
    '~': 3,
    '~1': 4,
    '*': 5,
    '**': 6,
  }),
  'keys of lone surrogates': is(() => ({ '\ud800': 1, '\udc00': 2 }), { '\ud800': 1, '\udc00': 2 }),
  'keys that are the forms of the conventions': is(
    () => ({ $ref: '/input', $number: 'NaN', $bytes: 1, $tensor: {}, $unreadable: null }),
    { $ref: '/input', $number: 'NaN', $bytes: 1, $tensor: {}, $unreadable: null },
  ),
  'a key of 1 MB': cut(() => ({ a: 1, ['k'.repeat(MB)]: 2 })),
  'a key of 20 MB': cut(
    once(() => ({ a: 1, [Buffer.alloc(20 * MB, 'k').toString('latin1')]: 2 })),
    (form) => expect(form).toEqual({ a: 1 }),
  ),
  '100,000 keys': cut(
    once(() => Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`key${i}`, i]))),
    (form) => expect(form).toMatchObject({ key0: 0, key1: 1 }),
  ),
  'a great many texts under a key of 500 characters': cut(
    once(() => ({ ['k'.repeat(500)]: Array.from({ length: 50_000 }, (_, i) => `text ${i}`) })),
  ),
  'something like a list that is none': is(() => ({ length: 2 ** 40, 0: 'a' }), { length: 2 ** 40, 0: 'a' }),
  'an object in itself': is(
    () => {
      const object: Record<string, unknown> = { a: {} };
      object['self'] = object;
      (object['a'] as Record<string, unknown>)['b/c~d'] = { up: object['a'] };
      return object;
    },
    (at: string) => ({ a: { 'b/c~d': { up: { $ref: `${at}/a` } } }, self: { $ref: at } }),
  ),
  'one object in many places': is(() => {
    const shared = { a: 1 };
    return [shared, shared, { shared }];
  }, [{ a: 1 }, { a: 1 }, { shared: { a: 1 } }]),
  'a list with 2^40 ways through it': cut(() => bomb((inner) => [inner, inner])),
  'an object with 2^40 ways through it': cut(() => bomb((inner) => ({ l: inner, r: inner }))),
  'a Map with 2^40 ways through it': cut(() => bomb((inner) => new Map([[inner, inner]]))),
  '2^40 ways to nothing': cut(() => bomb((inner) => (inner === 'bottom' ? {} : { l: inner, r: inner }))),
  'objects 10,000 levels deep': cut(() => nested(10_000, (inner) => ({ inner }))),
  'a getter that throws': is(
    () => ({
      ...getter(() => 1),
      get b() {
        return fail();
      },
    }),
    {
      a: 1,
      b: { $unreadable: 'RangeError' },
    },
  ),
  'a getter that throws nothing': is(
    () =>
      getter(() => {
        // oxlint-disable-next-line no-throw-literal
        throw undefined;
      }),
    { a: { $unreadable: 'undefined' } },
  ),
  'a getter that throws a proxy that throws': is(
    () =>
      getter(() => {
        throw throwing({});
      }),
    { a: { $unreadable: 'object' } },
  ),
  'a getter that throws an error whose name throws': is(
    () =>
      getter(() => {
        throw Object.defineProperty(new Error('x'), 'name', { get: fail });
      }),
    { a: { $unreadable: 'Error' } },
  ),
  'a getter that throws an error whose name is an object': is(
    () =>
      getter(() => {
        throw Object.assign(new Error('x'), { name: { toString: fail } });
      }),
    { a: { $unreadable: 'Error' } },
  ),
  'a getter that throws an error with a name of 1 MB': valid(() =>
    getter(() => {
      throw Object.assign(new Error('x'), { name: 'N'.repeat(MB) });
    }),
  ),
  'a getter that changes the object': is(
    () => {
      const object: Record<string, unknown> = {};
      Object.defineProperty(object, 'a', {
        enumerable: true,
        configurable: true,
        get: () => {
          delete object['b'];
          object['c'] = 3;
          return 1;
        },
      });
      object['b'] = 2;
      return object;
    },
    undefined,
    { look: (form) => expect(form).toMatchObject({ a: 1 }) },
  ),
  'a getter that gives endless depth': cut(endless),
  'getters that give endless depth and width': cut(endlessAndWide),
  'a getter that gives a promise which is rejected': is(() => getter(() => Promise.reject(new Error('nobody asked'))), {
    a: { $unreadable: 'Promise' },
  }),
  'a tag that throws': valid(() => Object.defineProperty({ a: 1 }, Symbol.toStringTag, { get: fail })),
  'a tag of 1 MB': valid(() => ({ a: 1, [Symbol.toStringTag]: 't'.repeat(MB) })),
  'an object whose conversions throw': is(() => ({ a: 1, [Symbol.toPrimitive]: fail, valueOf: fail, toString: fail }), {
    a: 1,
  }),
  'members that are read to tell what it is, and throw': is(
    () =>
      Object.defineProperties(
        { a: 1 },
        Object.fromEntries(['type', 'dtype', 'pipe', 'on', 'then', 'next'].map((name) => [name, { get: fail }])),
      ),
    { a: 1 },
  ),
  'a boxed number whose valueOf throws': is(() => Object.assign(Object(1) as object, { valueOf: fail }), 1),
  'a boxed text whose valueOf gives another object': is(
    () => Object.assign(Object('a') as object, { valueOf: () => ({ b: 1 }), extra: 1 }),
    'a',
  ),
  'a boxed BigInt': is(() => Object(2n ** 64n) as object, String(2n ** 64n)),
  'a boxed symbol': is(() => Object(Symbol('s')) as object, NOTHING),
};

const toJson = (json: unknown): object => ({ a: 1, toJSON: () => json });

const toJSONs: Corpus = {
  'toJSON that gives nothing': is(() => toJson(undefined), NOTHING),
  'toJSON that gives a function': is(() => toJson(() => 1), NOTHING),
  'toJSON that gives a BigInt': is(() => toJson(1n), '1'),
  'toJSON that gives the object': is(
    () => ({
      a: 1,
      toJSON(): unknown {
        return this;
      },
    }),
    { a: 1 },
  ),
  'toJSON that gives what has toJSON': is(() => toJson(toJson(toJson('x'))), 'x'),
  'toJSON 10,000 levels deep': cut(() => nested(10_000, toJson)),
  'toJSON without an end': cut(() => {
    const again = (): object => ({ toJSON: again });
    return again();
  }),
  'toJSON in a circle': valid(() => {
    const a: Record<string, unknown> = {};
    const b = { toJSON: () => a };
    a['toJSON'] = () => b;
    return a;
  }),
  'toJSON that gives a text of 50 MB': cut(() => toJson(HUGE_TEXT())),
  'toJSON that throws': unreadable(() => ({ toJSON: fail }), 'RangeError'),
  'toJSON that throws null': unreadable(
    () => ({
      toJSON: () => {
        // oxlint-disable-next-line no-throw-literal
        throw null;
      },
    }),
    'object',
  ),
  'toJSON that cannot be read': unreadable(() => Object.defineProperty({}, 'toJSON', { get: fail }), 'RangeError'),
  'toJSON that is no function': is(() => ({ a: 1, toJSON: 2 }), { a: 1, toJSON: 2 }),
  'toJSON that gives a promise which is rejected': unreadable(
    () => ({ toJSON: () => Promise.reject(new Error('nobody asked')) }),
    'Promise',
  ),
  'toJSON that overflows the stack': unreadable(() => {
    const recurse = (): unknown => [recurse()];
    return { toJSON: recurse };
  }, 'RangeError'),
  'toJSON that takes its key': is(() => ({ toJSON: (key: unknown) => typeof key }), 'string'),
};
const HUGE_TEXT = once(() => Buffer.alloc(50 * MB, 'y').toString('latin1'));

/** A proxy all of whose traps throw. */
function throwing(target: object): object {
  const traps = Object.getOwnPropertyNames(Reflect).map((name) => [name, fail]);
  return new Proxy(target, Object.fromEntries(traps) as ProxyHandler<object>);
}
function revoked(target: object): object {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

const proxies: Corpus = {
  'a proxy that throws whatever is done': unreadable(() => throwing({}), 'RangeError'),
  'a proxy of a list that throws whatever is done': unreadable(() => throwing([]), 'RangeError'),
  'a revoked proxy': unreadable(() => revoked({}), 'TypeError'),
  'a revoked proxy of a list': unreadable(() => revoked([]), 'TypeError'),
  'a proxy of a proxy that is revoked': unreadable(() => new Proxy(revoked({}), {}), 'TypeError'),
  'a proxy that lies about its keys': is(
    () =>
      new Proxy(
        { a: 1 },
        {
          ownKeys: () => ['ghost', 'a', 'undescribed'],
          getOwnPropertyDescriptor: (target, key) =>
            key === 'undescribed'
              ? undefined
              : { value: Reflect.get(target, key), enumerable: true, configurable: true },
        },
      ),
    { a: 1 },
  ),
  'a proxy that breaks its invariants': unreadable(
    () => new Proxy(Object.freeze({ a: 1 }), { ownKeys: () => ['b'] }),
    'TypeError',
  ),
  'a proxy that names a key twice': unreadable(() => new Proxy({}, { ownKeys: () => ['a', 'a'] }), 'TypeError'),
  // All of its keys are walked, and none has a value: nothing of it is cut.
  'a proxy with 100,000 keys of nothing': is(
    once(() => {
      const keys = Array.from({ length: 100_000 }, (_, i) => `k${i}`);
      const property = { value: 1, enumerable: true, configurable: true };
      return new Proxy({}, { ownKeys: () => keys, getOwnPropertyDescriptor: () => property, get: () => undefined });
    }),
    {},
  ),
  'a proxy that gives something else each time': valid(() => {
    let reads = 0;
    return new Proxy({ a: 1, b: 2 }, { get: (_, key) => (typeof key === 'symbol' ? undefined : (reads += 1)) });
  }),
  'a proxy that has everything': valid(
    () => {
      const everything: unknown = new Proxy(() => everything, { get: () => everything, has: () => true });
      return new Proxy({}, { get: () => everything, has: () => true });
    },
    { live: true },
  ),
  'a proxy that has everything but `then`': valid(() => {
    const everything: unknown = new Proxy(() => everything, { get: () => everything, has: () => true });
    return new Proxy({}, { get: (_, key) => (key === 'then' ? undefined : everything), has: () => true });
  }),
  'a proxy with endless prototypes': valid(() => {
    const descend = (): object => new Proxy({}, { getPrototypeOf: descend, has: () => true });
    return descend();
  }),
  'a proxy whose prototype throws': unreadable(() => new Proxy({ a: 1 }, { getPrototypeOf: fail }), 'RangeError'),
  'proxies 10,000 deep': valid(() => nested(10_000, (inner) => new Proxy(Object(inner) as object, {}))),
  'a proxy of a Map': unreadable(() => new Proxy(new Map([[1, 2]]), {}), 'Map'),
  'a proxy of a Date': unreadable(() => new Proxy(new Date(0), {}), 'TypeError'),
  'a proxy of an error': valid(() => new Proxy(new RangeError('bad'), {})),
  'a proxy of a typed array': valid(() => new Proxy(new Float32Array([1, 2]), {})),
  'a proxy of a promise': unreadable(() => new Proxy(Promise.resolve(1), {}), 'Promise', { live: true }),
};

const resizable = (length: number, maxByteLength: number): ArrayBuffer =>
  new (untyped(ArrayBuffer))(length, { maxByteLength }) as ArrayBuffer;
const resize = (buffer: ArrayBuffer, length: number): void => untyped(buffer).resize(length);
const detached = <T>(view: (buffer: ArrayBuffer) => T): T => {
  const buffer = new ArrayBuffer(16);
  const result = view(buffer);
  structuredClone(buffer, { transfer: [buffer] });
  return result;
};
const outOfBounds = <T>(view: (buffer: ArrayBuffer) => T): T => {
  const buffer = resizable(16, 32);
  const result = view(buffer);
  resize(buffer, 2);
  return result;
};
const shared = (bytes: number[]): SharedArrayBuffer => {
  const buffer = new SharedArrayBuffer(bytes.length);
  new Uint8Array(buffer).set(bytes);
  return buffer;
};
class LyingArray extends Float32Array {
  override get length(): number {
    return 2 ** 40;
  }
  override get byteLength(): number {
    return 1;
  }
  override get buffer(): never {
    return fail();
  }
  override get [Symbol.toStringTag](): never {
    return fail();
  }
  override [Symbol.iterator](): never {
    return fail();
  }
  toJSON(): never {
    return fail();
  }
}
const sizeAlone = (length: number, bytes: () => Uint8Array): Hostile['look'] => {
  const digest = once(() => sha256(bytes()));
  return (form, record) => {
    const said = JSON.stringify([form, record.truncated]);
    expect(said).toContain(String(length));
    expect(said).not.toContain('base64');
    if (length <= 16 * 1024 * 1024) expect(said).toContain(digest());
  };
};
const HUGE_BYTES = once(() => new Uint8Array(100 * MB).fill(7));

const binary: Corpus = {
  'an empty ArrayBuffer': is(() => new ArrayBuffer(0), bytesForm(new Uint8Array())),
  'an empty Buffer': is(() => Buffer.alloc(0), bytesForm(new Uint8Array())),
  'a slice of the pool of Buffers': is(() => Buffer.from('pool').subarray(1, 3), bytesForm(Buffer.from('oo'))),
  'a detached ArrayBuffer': valid(() => detached((buffer) => buffer)),
  'a view of a detached ArrayBuffer': valid(() => detached((buffer) => new Uint8Array(buffer))),
  'a typed array of a detached ArrayBuffer': valid(() => detached((buffer) => new Float64Array(buffer))),
  'a DataView of a detached ArrayBuffer': valid(() => detached((buffer) => new DataView(buffer))),
  'a resizable ArrayBuffer': is(() => resizable(2, 10), bytesForm(new Uint8Array(2))),
  'a view that tracks the length of its buffer': is(
    () => {
      const buffer = resizable(2, 10);
      const view = new Uint8Array(buffer);
      resize(buffer, 4);
      return view;
    },
    bytesForm(new Uint8Array(4)),
  ),
  'a view out of the bounds of its buffer': valid(() => outOfBounds((buffer) => new Uint8Array(buffer, 4, 4))),
  'a typed array out of the bounds of its buffer': valid(() => outOfBounds((buffer) => new Float32Array(buffer, 8))),
  'a DataView out of the bounds of its buffer': valid(() => outOfBounds((buffer) => new DataView(buffer, 8))),
  'a SharedArrayBuffer': is(() => shared([1, 2]), bytesForm(new Uint8Array([1, 2]))),
  'a view of a SharedArrayBuffer': is(() => new Uint8Array(shared([1, 2])), bytesForm(new Uint8Array([1, 2]))),
  'a typed array of a SharedArrayBuffer': is(
    () => new Int16Array(shared([1, 0, 255, 255])),
    tensorForm(new Int16Array([1, -1]), 'int16', [1, -1]),
  ),
  'a DataView of a part': is(
    () => new DataView(new Uint8Array([1, 2, 3]).buffer, 1, 1),
    bytesForm(new Uint8Array([2])),
  ),
  'a BigInt64Array': is(
    () => new BigInt64Array([-1n, 2n ** 62n]),
    tensorForm(new BigInt64Array([-1n, 2n ** 62n]), 'bigint64', ['-1', String(2n ** 62n)]),
  ),
  'a Uint8ClampedArray': is(
    () => new Uint8ClampedArray([1, 300]),
    tensorForm(new Uint8ClampedArray([1, 255]), 'uint8clamped', [1, 255]),
  ),
  'a typed array with a negative zero, NaN and infinities': is(
    () => new Float64Array([-0, Number.NaN, Infinity, 5e-324]),
    tensorForm(new Float64Array([-0, Number.NaN, Infinity, 5e-324]), 'float64', [
      -0,
      { $number: 'NaN' },
      { $number: 'Infinity' },
      5e-324,
    ]),
  ),
  'a typed array that lies about everything': is(
    () => new LyingArray([1, 2]),
    tensorForm(new Float32Array([1, 2]), 'float32', [1, 2]),
  ),
  'bytes that lie about their length': is(
    () => Object.defineProperty(new Uint8Array([1, 2]), 'length', { value: 2 ** 40 }),
    bytesForm(new Uint8Array([1, 2])),
  ),
  'a Buffer of 100 MB': cut(() => Buffer.from(HUGE_BYTES().buffer), sizeAlone(100 * MB, HUGE_BYTES)),
  'a typed array of 100 MB': cut(() => new Float64Array(HUGE_BYTES().buffer), sizeAlone(100 * MB, HUGE_BYTES)),
  'an ArrayBuffer of 100 MB': cut(() => HUGE_BYTES().buffer, sizeAlone(100 * MB, HUGE_BYTES)),
  'a typed array of 1 MB': cut(
    once(() => new Float32Array(MB / 4)),
    sizeAlone(MB, () => new Uint8Array(MB)),
  ),
  'a thousand typed arrays of 100 KB': cut(once(() => Array.from({ length: 1000 }, () => new Float32Array(25_000)))),
  ...(has('Float16Array') && {
    'a Float16Array': is(
      () => new globals['Float16Array']([1.5]) as unknown,
      tensorForm(new (globals['Float16Array'] as Float32ArrayConstructor)([1.5]), 'float16', [1.5]),
    ),
  }),
};

class OrtTensor {
  readonly type: string;
  readonly dims: readonly number[];
  readonly location: string;
  readonly #data: unknown;
  constructor(type: string, data: unknown, dims: readonly number[], location = 'cpu') {
    this.type = type;
    this.dims = dims;
    this.location = location;
    this.#data = data;
  }
  get data(): unknown {
    if (this.location !== 'cpu' || this.#data === undefined) throw new TypeError('The data is not on CPU.');
    return this.#data;
  }
}
class TfTensor {
  isDisposed = false;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly values: () => unknown;
  constructor(dtype: string, shape: readonly number[], values: () => unknown) {
    this.dtype = dtype;
    this.shape = shape;
    this.values = values;
  }
  dataSync(): unknown {
    if (this.isDisposed) throw new Error('Tensor is disposed.');
    return this.values();
  }
}

const tensors: Corpus = {
  'a tensor of ONNX Runtime': is(() => new OrtTensor('float32', new Float32Array([1, 2]), [1, 2]), {
    $tensor: {
      type: 'float32',
      dims: [1, 2],
      sha256: sha256(new Uint8Array(new Float32Array([1, 2]).buffer)),
      data: [1, 2],
    },
  }),
  'a tensor of texts': is(() => new OrtTensor('string', ['a', 'b'], [2]), {
    $tensor: { type: 'string', dims: [2], data: ['a', 'b'] },
  }),
  'a tensor on a graphics card': is(() => new OrtTensor('float32', undefined, [2, 3], 'gpu-buffer'), {
    $tensor: { type: 'float32', dims: [2, 3] },
  }),
  'a tensor whose data cannot be read': unreadable(() => new OrtTensor('float32', undefined, [2]), 'TypeError'),
  'a tensor whose data is detached': valid(
    () =>
      new OrtTensor(
        'float32',
        detached((buffer) => new Float32Array(buffer)),
        [4],
      ),
  ),
  'a tensor of 100 MB': cut(() => new OrtTensor('uint8', HUGE_BYTES(), [100 * MB]), sizeAlone(100 * MB, HUGE_BYTES)),
  'a tensor whose dimensions say something else as JSON': is(
    () => new OrtTensor('float32', [1], Object.assign([1], { toJSON: () => 'shape', every: fail })),
    { $tensor: { type: 'float32', dims: [1], data: [1] } },
  ),
  'a tensor whose dimensions change': valid(() => {
    let reads = 0;
    const dims = new Proxy([1], {
      get: (target, key) => (key === '0' && ++reads > 1 ? 'one' : Reflect.get(target, key)),
    });
    return new OrtTensor('float32', [1], dims);
  }),
  'something with a type and dimensions that is no tensor': is(
    () => ({ type: 'chart', dims: [2], data: [1, 2], title: 'Sales' }),
    { type: 'chart', dims: [2], data: [1, 2], title: 'Sales' },
  ),
  'a tensor as a protocol writes it, with a name': is(
    () => ({ name: 'input', type: 'float32', dims: [1], data: [1] }),
    { name: 'input', type: 'float32', dims: [1], data: [1] },
  ),
  'something whose type is 1 MB': cut(() => ({ type: 't'.repeat(MB), dims: [1], data: [1] })),
  'a tensor of TensorFlow.js': is(() => new TfTensor('int32', [2], () => new Int32Array([1, 2])), {
    $tensor: {
      type: 'int32',
      dims: [2],
      sha256: sha256(new Uint8Array(new Int32Array([1, 2]).buffer)),
      data: [1, 2],
    },
  }),
  'a disposed tensor of TensorFlow.js': unreadable(() => {
    const tensor = new TfTensor('int32', [2], () => new Int32Array([1, 2]));
    tensor.isDisposed = true;
    return tensor;
  }, 'Error'),
  'a tensor of TensorFlow.js too large to be fetched': cut(
    () => new TfTensor('float32', [65_536, 65_536], fail),
    (form) => expect(form).toEqual({ $tensor: { type: 'float32', dims: [65_536, 65_536] } }),
  ),
};

class LyingDate extends Date {
  override getTime(): number {
    return fail();
  }
  override toISOString(): string {
    return fail();
  }
  override toJSON(): string {
    return fail();
  }
  override valueOf(): number {
    return fail();
  }
}
class LyingMap extends Map<unknown, unknown> {
  override entries(): never {
    return fail();
  }
  override [Symbol.iterator](): never {
    return fail();
  }
  override get(): never {
    return fail();
  }
  override get size(): number {
    return fail();
  }
}
class Growing extends Set<unknown> {
  grow(): this {
    this.add(getter(() => this.grow()));
    return this;
  }
}
const fakeHeaders = (entries: () => unknown): object => ({ [Symbol.toStringTag]: 'Headers', entries });
const stepping =
  (next: () => unknown): (() => unknown) =>
  () => ({ next });

const collections: Corpus = {
  'an invalid Date': is(() => new Date(Number.NaN), 'Invalid Date'),
  'the last Date': is(() => new Date(8.64e15), new Date(8.64e15).toISOString()),
  'a Date of a class that throws': is(() => new LyingDate(0), '1970-01-01T00:00:00.000Z'),
  'a Date of another realm': is(() => runInNewContext('new Date(0)') as unknown, '1970-01-01T00:00:00.000Z'),
  'a Map with keys of all kinds': is(
    () =>
      new Map<unknown, unknown>([
        [{ k: 1 }, 1],
        [Number.NaN, 2],
        [undefined, 3],
        [Symbol('s'), 4],
        [[5], [6]],
        [-0, 7n],
      ]),
    [
      [{ k: 1 }, 1],
      [{ $number: 'NaN' }, 2],
      [null, 3],
      [null, 4],
      [[5], [6]],
      [0, '7'],
    ],
  ),
  'a Map of lists of two': is(() => new Map([['a', ['b', 'c']]]), [['a', ['b', 'c']]]),
  'a Set of lists, whose elements all stay': is(
    () =>
      new Set([
        ['a', 'b', 'c'],
        ['d', 'e'],
        [undefined, null, 'f'],
      ]),
    [
      ['a', 'b', 'c'],
      ['d', 'e'],
      [null, null, 'f'],
    ],
  ),
  'a Map that says it is something else': is(
    () => Object.defineProperty(new Map([['a', 1]]), Symbol.toStringTag, { value: 'Headers' }),
    [['a', 1]],
  ),
  'a Map of a class that throws': is(() => Map.prototype.set.call(new LyingMap(), 'a', 1), [['a', 1]]),
  'a Map in itself, as key and as value': is(
    () => {
      const map = new Map<unknown, unknown>();
      return map.set(map, 1).set('a', [map]);
    },
    (at: string) => [
      [{ $ref: at }, 1],
      ['a', [{ $ref: at }]],
    ],
  ),
  'a Set in itself': is(
    () => {
      const set = new Set<unknown>();
      return set.add(set);
    },
    (at: string) => [{ $ref: at }],
  ),
  'a Map and an object in each other': is(
    () => {
      const map = new Map<unknown, unknown>();
      return map.set('a', { map });
    },
    (at: string) => [['a', { map: { $ref: at } }]],
  ),
  'Maps 10,000 levels deep': cut(() => nested(10_000, (inner) => new Map([['inner', inner]]))),
  'Sets 10,000 levels deep': cut(() => nested(10_000, (inner) => new Set([inner]))),
  'Maps 10,000 levels deep in their keys': cut(() => nested(10_000, (inner) => new Map([[inner, 1]]))),
  'a Map of a million entries': cut(once(() => new Map(Array.from({ length: MB }, (_, i) => [i, i])))),
  'a Set that grows while it is read': cut(() => new Growing().grow()),
  'headers that throw': unreadable(() => fakeHeaders(fail), 'RangeError'),
  'headers that give nothing to iterate': valid(() => fakeHeaders(() => undefined)),
  'headers whose steps throw': is(() => fakeHeaders(stepping(fail)), [{ $unreadable: 'RangeError' }]),
  'headers whose steps are no objects': valid(() => fakeHeaders(stepping(() => 1))),
  'headers whose steps are proxies that throw': valid(() => fakeHeaders(stepping(() => throwing({})))),
  'headers whose entries are revoked': valid(() => fakeHeaders(stepping(() => ({ done: false, value: revoked([]) })))),
  'headers whose entries throw': valid(() =>
    fakeHeaders(() => [Object.defineProperty(['a', 'b'], 0, { get: fail })].values()),
  ),
  'headers without an end': cut(() => fakeHeaders(stepping(() => ({ done: false, value: undefined })))),
  'a WeakMap': unreadable(() => new WeakMap([[{}, 1]]), 'WeakMap'),
  'a WeakSet': unreadable(() => new WeakSet([{}]), 'WeakSet'),
  'a WeakRef': unreadable(() => new WeakRef({}), 'WeakRef'),
  'a FinalizationRegistry': unreadable(() => new FinalizationRegistry(() => {}), 'FinalizationRegistry'),
};

function* generator(): Generator<number> {
  yield 1;
  yield 2;
}

const untouched = (stream: Readable): void => {
  expect([stream.readableFlowing, stream.readableDidRead, stream.listenerCount('data')]).toEqual([null, false, 0]);
};

const live: Corpus = {
  'a promise that never settles': unreadable(() => new Promise(() => {}), 'Promise', { live: true }),
  'a generator': unreadable(generator, 'Generator', {
    live: true,
    unchanged: (value: Generator<number>) => expect(value.next()).toEqual({ done: false, value: 1 }),
  }),
  'an iterator of a list': unreadable(() => [1, 2].values(), 'Array Iterator', {
    live: true,
    unchanged: (value: ArrayIterator<number>) => expect([...value]).toEqual([1, 2]),
  }),
  'an iterator of a Map': unreadable(() => new Map([[1, 2]]).entries(), 'Map Iterator', {
    live: true,
    unchanged: (value: MapIterator<number>) => expect([...value]).toHaveLength(1),
  }),
  'an iterable whose iterator throws': is(() => ({ a: 1, [Symbol.iterator]: fail }), { a: 1 }),
  'an async iterable whose iterator throws': is(
    () => ({ a: 1, [Symbol.asyncIterator]: fail }),
    { a: 1 },
    { live: true },
  ),
  'a web stream': unreadable(() => ReadableStream.from(['a']), 'ReadableStream', {
    live: true,
    unchanged: async (value: ReadableStream<string>) => {
      expect(value.locked).toBe(false);
      const chunks: string[] = [];
      for await (const chunk of value) chunks.push(chunk);
      expect(chunks).toEqual(['a']);
    },
  }),
  'a web stream that is locked': unreadable(
    () => {
      const stream = ReadableStream.from(['a']);
      stream.getReader();
      return stream;
    },
    'ReadableStream',
    { live: true },
  ),
  'a WritableStream': unreadable(() => new WritableStream(), 'WritableStream'),
  'a TransformStream': unreadable(() => new TransformStream(), 'TransformStream'),
  'a stream of Node.js': unreadable(() => Readable.from(['a']), 'object', { live: true, unchanged: untouched }),
  'a duplex stream of Node.js': unreadable(() => new PassThrough().end('a'), 'object', {
    live: true,
    unchanged: untouched,
  }),
  'a request that a server gets': unreadable(() => new IncomingMessage(new Socket()), 'object', {
    live: true,
    unchanged: untouched,
  }),
  'a request of fetch, with a body': unreadable(
    () => new Request('http://a.test/', { method: 'POST', body: 'secret body' }),
    'Request',
    { unchanged: async (value: Request) => expect(await value.text()).toBe('secret body') },
  ),
  'a response of fetch, with a body': unreadable(() => new Response('body'), 'Response', {
    unchanged: async (value: Response) => expect([value.bodyUsed, await value.text()]).toEqual([false, 'body']),
  }),
  'a Blob': unreadable(() => new Blob(['content']), 'Blob'),
  'a File': unreadable(() => new File(['content'], 'name.txt'), 'File'),
};

const platform: Corpus = {
  'a URL': is(() => new URL('http://a.test/b?c=d'), 'http://a.test/b?c=d'),
  'search parameters': is(
    () => new URLSearchParams('a=1&a=2'),
    [
      ['a', '1'],
      ['a', '2'],
    ],
  ),
  headers: is(
    () =>
      new Headers([
        ['x-b', '1'],
        ['x-a', '2'],
        ['x-b', '3'],
      ]),
    [
      ['x-a', '2'],
      ['x-b', '1, 3'],
    ],
  ),
  'form data with a file': is(() => {
    const form = new FormData();
    form.append('a', '1');
    form.append('file', new Blob(['content']));
    return form;
  }, [
    ['a', '1'],
    ['file', { $unreadable: 'File' }],
  ]),
  'a regular expression': is(() => Object.assign(/a+/gi, { lastIndex: 3, toString: fail }), '/a+/gi', {
    unchanged: (value: RegExp) => expect(value.lastIndex).toBe(3),
  }),
  'an AbortSignal': valid(() => AbortSignal.abort(new Error('x'))),
  'an EventTarget': valid(() => new EventTarget()),
  'an event': valid(() => new Event('click')),
  'a formatter of numbers': unreadable(() => new Intl.NumberFormat('de'), 'Intl.NumberFormat'),
  'a formatter of dates': unreadable(() => new Intl.DateTimeFormat('de'), 'Intl.DateTimeFormat'),
  'a locale': unreadable(() => new Intl.Locale('de-CH'), 'Intl.Locale'),
  'the object Math': unreadable(() => Math, 'Math'),
  'a key object': valid(() => createSecretKey(Buffer.alloc(32))),
  'something like a Temporal': is(
    () =>
      new (class PlainDate {
        get [Symbol.toStringTag](): string {
          return 'Temporal.PlainDate';
        }
        toJSON(): string {
          return '2026-11-24';
        }
        valueOf(): never {
          throw new TypeError('use compare()');
        }
      })(),
    '2026-11-24',
  ),
  ...(has('Temporal') && {
    'a Temporal': is(() => globals['Temporal'].PlainDate.from('2026-11-24') as unknown, '2026-11-24'),
  }),
  globalThis: valid(() => globalThis),
  'the process': valid(() => process),
  'a module': valid(() => moduleNamespace, {
    look: (form) => expect(form).toMatchObject({ sep: moduleNamespace.sep }),
  }),
  'the global of another realm': valid(() => runInNewContext('globalThis') as unknown),
  'a thenable whose `then` throws': is(() => Object.defineProperty({ a: 1 }, 'then', { get: fail }), { a: 1 }),
  'a thenable that is frozen': is(() => Object.freeze({ a: 1, then: () => {} }), { a: 1 }, { live: true }),
};

const errors: Corpus = {
  'an error': fails(() => new RangeError('bad'), 'RangeError', 'bad'),
  'an error with causes 10,000 deep': fails(
    () => nested(10_000, (cause) => new Error('top', { cause })),
    'Error',
    'top',
  ),
  'an error that is its own cause': fails(
    () => {
      const error = new Error('circle');
      error.cause = error;
      return error;
    },
    'Error',
    'circle',
  ),
  'an error whose message throws': valid(() => Object.defineProperty(new Error('x'), 'message', { get: fail })),
  'an error whose message is an object': valid(() => Object.assign(new Error('x'), { message: { toString: fail } })),
  'an error whose message is a symbol': valid(() => Object.assign(new Error('x'), { message: Symbol('m') })),
  'an error whose message is 100 MB': valid(() => Object.assign(new Error('x'), { message: HUGE_TEXT() })),
  'an error whose name throws': valid(() => Object.defineProperty(new Error('x'), 'name', { get: fail })),
  'an error whose name is 1 MB': valid(() => Object.assign(new Error('x'), { name: 'N'.repeat(MB) })),
  'an error whose name is a number': valid(() => Object.assign(new Error('x'), { name: 1 })),
  'an error with a huge stack': fails(
    () => Object.assign(new Error('x'), { stack: 's'.repeat(10 * MB) }),
    'Error',
    'x',
  ),
  'an error whose stack throws': fails(
    () => Object.defineProperty(new Error('x'), 'stack', { get: fail }),
    'Error',
    'x',
  ),
  'an error without a prototype': valid(() => Object.setPrototypeOf(new Error('x'), null) as unknown),
  'an error without a constructor': valid(() => Object.assign(new Error('x'), { constructor: undefined })),
  'an error of another realm': fails(() => runInNewContext('new TypeError("far")') as unknown, 'TypeError', 'far'),
  'an AggregateError': fails(() => new AggregateError([new Error('a'), 'b'], 'both'), 'AggregateError', 'both'),
  'a DOMException': fails(() => new DOMException('stopped', 'AbortError'), 'AbortError', 'stopped'),
  'an error with toJSON': is(
    () => Object.assign(new Error('x'), { toJSON: () => ({ code: 7 }) }),
    { code: 7 },
    {
      thrown: { type: 'Error', message: 'x' },
    },
  ),
  'an error made without its constructor': valid(() => Object.create(Error.prototype) as unknown),
  'an error that is frozen': fails(() => Object.freeze(new Error('cold')), 'Error', 'cold'),
  'an error with a message of lone surrogates': fails(() => new Error('\ud800x'), 'Error', '\ud800x'),
  ...(has('SuppressedError') && {
    'a SuppressedError': fails(
      () => new globals['SuppressedError'](new Error('a'), new Error('b'), 'two') as unknown,
      'SuppressedError',
      'two',
    ),
  }),
};

const corpus: Corpus = {
  ...primitives,
  ...functions,
  ...lists,
  ...objects,
  ...toJSONs,
  ...proxies,
  ...binary,
  ...tensors,
  ...collections,
  ...live,
  ...platform,
  ...errors,
};

let seen: Seen;
let pristine: string;
beforeEach(async () => {
  seen = await startSdk();
  pristine = builtIns();
});
afterEach(async () => {
  expect(builtIns()).toBe(pristine);
  await stopSdk();
});

/** The members of what everything inherits from. */
function builtIns(): string {
  return [Object, Array, Function, Map, Promise, Error]
    .map(({ prototype }) => Reflect.ownKeys(prototype).map(String).join())
    .join(';');
}

/** The only record, after all that holds for any record. */
function onlyRecord(): DecisionRecord {
  expect([seen.logs.length, seen.spans.length]).toEqual([1, 1]);
  const [log] = seen.logs as [SeenLog];
  const body = log.body as string;
  expect(typeof body).toBe('string');
  expect(Buffer.byteLength(body)).toBeLessThanOrEqual(RECORD_BYTES_MAX);
  expect(Buffer.from(body).toString() === body).toBe(true);
  const record = JSON.parse(body) as DecisionRecord;
  expect(record.schema).toBe('decision/1');
  for (const { path } of record.truncated ?? []) expect(path).toMatch(/^\/[a-z]+/);
  expect(log.attributes['decision.truncated']).toBe(record.truncated !== undefined);
  checkAttributes(log.attributes, record);
  checkAttributes(seen.spans[0]!.attributes, record);
  return record;
}

function checkAttributes(attributes: Record<string, unknown>, record: DecisionRecord): void {
  expect(Object.keys(attributes).length).toBeLessThanOrEqual(ATTRIBUTES_MAX);
  const texts = Object.entries(attributes).flat(2).map(String);
  expect(Buffer.byteLength(texts.join(''))).toBeLessThanOrEqual(ATTRIBUTES_BYTES_MAX);
  for (const value of Object.values(attributes).flat()) {
    if (typeof value === 'string') expect(Buffer.from(value).toString() === value).toBe(true);
  }
  const { 'decision.input': input, 'decision.value': decision } = attributes;
  expect(Buffer.byteLength(input as string)).toBeLessThanOrEqual(ATTRIBUTE_JSON_BYTES_MAX);
  expect(() => JSON.parse(input as string) as unknown).not.toThrow();
  expect(decision === undefined).toBe(record.decision === undefined);
  if (decision === undefined) return;
  expect(Buffer.byteLength(String(decision))).toBeLessThanOrEqual(ATTRIBUTE_JSON_BYTES_MAX);
  if (typeof record.decision === 'object') expect(() => JSON.parse(String(decision)) as unknown).not.toThrow();
}

interface Place {
  pointer: string;
  /** What stands there for what JSON leaves out. */
  nothing: null | undefined;
  form: (record: DecisionRecord) => unknown;
}

/** The form that the conventions define, and what was cut. */
function checkForm(hostile: Hostile, record: DecisionRecord, { pointer, nothing, form }: Place): void {
  const actual = form(record);
  if (hostile.form !== undefined) {
    const { form: expected } = hostile;
    const there = typeof expected === 'function' ? (expected as (at: string) => unknown)(pointer) : expected;
    expect(actual).toEqual(there === NOTHING ? nothing : there);
  }
  hostile.look?.(actual, record);
  if (hostile.cut === true) expect(record.truncated).not.toBeUndefined();
  else if (hostile.form !== undefined) expect(record).not.toHaveProperty('truncated');
  const top = `/${pointer.split('/')[1]}`;
  if (hostile.cut === true) expect(record.truncated!.some(({ path }) => path.startsWith(top))).toBe(true);
}

const cases = Object.entries(corpus);

test('the corpus is as large as it says', () => {
  expect(cases.length).toBeGreaterThanOrEqual(200);
});

describe('as input', () => {
  const decide = audited({ model: 'm' })((input: unknown): unknown => [input]);
  test.each(cases)('%s', async (_, hostile) => {
    const input = hostile.make();
    expect(Object.is((decide(input) as unknown[])[0], input)).toBe(true);
    const nothing = null;
    checkForm(hostile, onlyRecord(), { pointer: '/input', nothing, form: (record) => record.input });
    await hostile.unchanged?.(input as never);
  });
});

describe('as result', () => {
  test.each(cases)('%s', (_, hostile) => {
    const result = hostile.make();
    const decide = audited({ model: 'm' })((): unknown => result);
    const returned = decide();
    if (hostile.live === true && result instanceof Promise) return expect(returned).toBeInstanceOf(Promise);
    expect(Object.is(returned, result)).toBe(true);
    if (hostile.live === true) return;
    const nothing = null;
    checkForm(hostile, onlyRecord(), { pointer: '/decision', nothing, form: (record) => record.decision });
  });
});

describe('as what a promise resolves to', () => {
  test.each(cases.filter(([, hostile]) => hostile.live !== true))('%s', async (_, hostile) => {
    // What throws when `then` is read cannot be awaited by anybody.
    const result = hostile.make();
    const promise = new Promise<unknown>((resolve) => resolve(result));
    const original = await Promise.allSettled([promise]);
    const decorated = await Promise.allSettled([audited({ model: 'm' })(() => promise)()]);
    const [was, now] = [original[0], decorated[0]].map((settled) =>
      settled!.status === 'fulfilled' ? settled!.value : (settled as PromiseRejectedResult).reason,
    );
    expect([decorated[0]!.status, Object.is(was, now)]).toEqual([original[0]!.status, true]);
    const record = onlyRecord();
    if (now !== result || decorated[0]!.status === 'rejected') return;
    checkForm(hostile, record, { pointer: '/decision', nothing: null, form: ({ decision }) => decision });
  });
});

describe('thrown', () => {
  test.each(cases)('%s', (_, hostile) => {
    const error = hostile.make();
    const decide = audited({ model: 'm' })((): unknown => {
      throw error;
    });
    let thrown: { value: unknown } | undefined;
    try {
      decide();
    } catch (value) {
      thrown = { value };
    }
    expect(Object.is(thrown!.value, error)).toBe(true);
    const record = onlyRecord();
    expect(record).not.toHaveProperty('decision');
    expect(record.error).toEqual({ type: expect.any(String) as string, message: expect.any(String) as string });
    expect(record.error!.message.length).toBeLessThanOrEqual(1024);
    expect(record.error!.type.length).toBeLessThanOrEqual(256);
    expect(seen.spans[0]!.status.code).toBe(2);
    if (hostile.thrown !== undefined) expect(record.error).toEqual(hostile.thrown);
  });
});

describe('as an element of a stream', () => {
  test.each(cases)('%s', async (_, hostile) => {
    const item = hostile.make();
    const decide = audited({ model: 'm' })(function* () {
      yield item;
      return 'end';
    });
    const items = [...decide()];
    expect([items.length, Object.is(items[0], item)]).toEqual([1, true]);
    const nothing = null;
    const record = onlyRecord();
    expect(record.stream).toEqual({ items: 1, ended: 'completed', returned: 'end' });
    checkForm(hostile, record, { pointer: '/decision/0', nothing, form: ({ decision }) => (decision as unknown[])[0] });
    await hostile.unchanged?.(item as never);
  });
});

describe('as the value of an attribute', () => {
  test.each(cases)('%s', async (_, hostile) => {
    const value = hostile.make();
    const decide = audited({ model: 'm', attributes: () => ({ value }) })(() => 'approve');
    expect(decide()).toBe('approve');
    const record = onlyRecord();
    expect(record.decision).toBe('approve');
    const nothing = undefined;
    checkForm(hostile, record, {
      pointer: '/attributes/value',
      nothing,
      form: ({ attributes }) => attributes?.['value'],
    });
    await hostile.unchanged?.(value as never);
  });
});

describe('as what every callback gives', () => {
  test.each(cases)('%s', async (_, hostile) => {
    const value = hostile.make();
    const give = (): never => value as never;
    const decide = audited(
      {
        model: 'm',
        input: give,
        decision: give,
        score: give,
        threshold: give,
        reasons: give,
        alternatives: give,
        subject: give,
        actor: give,
        attributes: give,
        index: ['a', 'length', 'type'],
      },
      (x: number) => x + 1,
    );
    expect(decide(1)).toBe(2);
    onlyRecord();
    await hostile.unchanged?.(value as never);
  });
});

describe('told by the model itself', () => {
  const fields = ['score', 'threshold', 'reasons', 'alternatives', 'model', 'subject', 'actor', 'attributes'] as const;
  test.each(cases)('%s', async (_, hostile) => {
    const value = hostile.make();
    const decide = audited({ model: 'm' })(() => {
      currentDecision()!.update(value as DecisionDetails);
      for (const field of fields) currentDecision()!.update({ [field]: value } as DecisionDetails);
      currentDecision()!.update({
        reasons: [{ code: 'R', text: value as string }],
        alternatives: [{ decision: value }],
        subject: { id: 's', type: value as string },
        model: { version: value as string },
      });
      return 'approve';
    });
    expect(decide()).toBe('approve');
    expect(onlyRecord().decision).toBe('approve');
    await hostile.unchanged?.(value as never);
  });
});

describe('in a batch', () => {
  test.each(cases)('%s', (_, hostile) => {
    const row = hostile.make();
    const decide = audited({ model: 'm', batch: true })((rows: unknown[]) => rows.map((value) => value));
    expect(Object.is(decide([1, row])[1], row)).toBe(true);
    expect(seen.logs).toHaveLength(2);
    const nothing = null;
    seen.logs.shift();
    seen.spans.splice(0, seen.spans.length, ...seen.spans.filter(({ name }) => name === 'decision m').slice(1));
    checkForm({ ...hostile, look: undefined! }, onlyRecord(), {
      pointer: '/input',
      nothing,
      form: ({ input }) => input,
    });
  });
});

test('a graph that getters make up without an end is read some thousand times, whatever the rules', () => {
  let reads = 0;
  const grow = (): object => ({
    get left() {
      reads += 1;
      return grow();
    },
    get right() {
      reads += 1;
      return grow();
    },
  });
  const rules = ['/**/left/**/a/*', '/**/b/**', '/**/right/*/c', '/**/left/**/d/**'];
  const redact = rules.map((path) => ({ path, method: 'drop' as const }));
  audited({ model: 'm', redact })((_input: unknown) => 'ok')(grow());
  expect(onlyRecord().truncated?.map(({ path }) => path)).toContain('/input');
  expect(reads).toBeGreaterThan(200);
  expect(reads).toBeLessThan(10_000);
});

test('a typed array of 100 MB is not copied', () => {
  const data = new Float64Array(HUGE_BYTES().buffer);
  const decide = audited({ model: 'm' })((_input: unknown) => 'ok');
  const before = process.memoryUsage().arrayBuffers;
  decide({ data });
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(MB);
  expect(onlyRecord().truncated).toEqual([{ path: '/input/data', bytes: 100 * MB }]);
});

test('a large input and a large decision are both kept in part', () => {
  const list = Array.from({ length: 50_000 }, (_, i) => i);
  audited({ model: 'm' })((input: unknown) => [input])(list);
  const { input, decision } = onlyRecord() as { input: number[]; decision: number[][] };
  expect([input.length > 5_000, decision[0]!.length > 5_000]).toEqual([true, true]);
});

test('any mixture of what is hostile, in any order, in lists, objects, Maps and Sets', () => {
  const small = cases.filter(([name]) => !/MB|million|100,000|thousand|2\^40|4,294|2\^53|many|endless/i.test(name));
  // Names, for the values themselves would be hostile to fast-check as well.
  type Plan =
    | { leaf: string }
    | { list: Plan[] }
    | { object: [string, Plan][] }
    | { map: [Plan, Plan][] }
    | { set: Plan[] };
  const { plan } = fc.letrec<{ plan: Plan }>((tie) => {
    const inner = fc.array(tie('plan'), { maxLength: 4 });
    const key = fc.constantFrom('a', '__proto__', 'toJSON', 'then', 'length', 'type', '$ref');
    return {
      plan: fc.oneof(
        { maxDepth: 4, withCrossShrink: true },
        fc.record({ leaf: fc.constantFrom(...small.map(([name]) => name)) }),
        fc.record({ list: inner }),
        fc.record({ object: fc.array(fc.tuple(key, tie('plan')), { maxLength: 4 }) }),
        fc.record({ map: fc.array(fc.tuple(tie('plan'), tie('plan')), { maxLength: 3 }) }),
        fc.record({ set: inner }),
      ),
    };
  });
  const build = (planned: Plan): unknown => {
    if ('leaf' in planned) return corpus[planned.leaf]!.make();
    if ('list' in planned) return planned.list.map(build);
    if ('object' in planned) return Object.fromEntries(planned.object.map(([key, value]) => [key, build(value)]));
    if ('map' in planned) return new Map(planned.map.map(([key, value]) => [build(key), build(value)]));
    return new Set(planned.set.map(build));
  };
  fc.assert(
    fc.property(plan, (planned) => {
      const input = build(planned);
      seen.logs.length = 0;
      seen.spans.length = 0;
      audited({ model: 'm' })((_input: unknown) => 'ok')(input);
      expect(onlyRecord().decision).toBe('ok');
    }),
  );
});
