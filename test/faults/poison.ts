const DEPTH = 10_000;
const MIB = 1024 * 1024;

/** What a model may be asked about, and hardly anything can serialise: twenty kinds, each made anew. */
export const POISONS: readonly (() => unknown)[] = [
  function cycle() {
    const node: { self?: unknown } = {};
    node.self = node;
    return node;
  },
  function throwingGetter() {
    return Object.defineProperty({}, 'score', { enumerable: true, get: failing });
  },
  function throwingToJson() {
    return { toJSON: failing };
  },
  function deep() {
    let value: unknown = 'bottom';
    for (let depth = 0; depth < DEPTH; depth++) value = { in: value };
    return value;
  },
  function deepList() {
    let value: unknown = 'bottom';
    for (let depth = 0; depth < DEPTH; depth++) value = [value];
    return value;
  },
  () => ({ score: Number.NaN, highest: Infinity, zero: -0 }),
  () => ({ label: 12_345_678_901_234_567_890n, labels: new BigInt64Array([1n, -1n]) }),
  () => ({ symbol: Symbol('score'), [Symbol('key')]: 1 }),
  () => ({ model: failing, Class: class {} }),
  () => ({ at: new Date(Number.NaN) }),
  () => new Map<unknown, unknown>([[{}, new Set([1])]]),
  () => ({ text: '\ud800 alone', '\udc00': '\u0000\u2028' }),
  () => new Proxy({}, { get: failing, ownKeys: failing, getPrototypeOf: failing, has: failing }),
  function revokedProxy() {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  },
  () => ({ text: 'x'.repeat(5 * MIB) }),
  () => ({ pixels: new Float32Array(MIB / 16) }),
  function sparse() {
    const list: unknown[] = [];
    list.length = MIB;
    return list;
  },
  () => Object.fromEntries(Array.from({ length: 100_000 }, (_, index) => [`feature ${index}`, index])),
  () => Object.assign(Object.create(null) as object, JSON.parse('{"__proto__": 1, "constructor": null}')),
  function errors() {
    const error = new Error('cause of itself');
    error.cause = new AggregateError([error, Promise.resolve(), new WeakMap()]);
    return error;
  },
];

function failing(): never {
  throw new TypeError('not to be read');
}
