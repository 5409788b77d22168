/**
 * Nobody who calls a decorated function can tell it from the original: for arbitrary functions, called in arbitrary ways,
 * and also when everything beside the function fails. The differences that docs/adr/0004 states are not looked for: a
 * promise is another one, which settles a few microtasks later.
 */
import { setImmediate as macrotask } from 'node:timers/promises';
import { isPromise } from 'node:util/types';
import * as api from '@opentelemetry/api';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { audited, configureDecisions } from '@decision-trail/decisions';
import type { DecisionOptions } from '@decision-trail/decisions';
import { startSdk, stopSdk, useLoggerProvider } from './telemetry.js';
import type { Seen } from './telemetry.js';

type Callable = (this: unknown, ...args: unknown[]) => unknown;

/** Values by their identity; none of them is a thenable, for awaiting one gives another value. */
const VALUES: readonly unknown[] = [
  undefined,
  null,
  true,
  0,
  -0,
  Number.NaN,
  7,
  2n ** 70n,
  '',
  'approve',
  Symbol('s'),
  {},
  { label: 'approve', score: 0.5 },
  Object.freeze({ frozen: [1] }),
  Object.create(null) as unknown,
  [1, [2]],
  new Map([['a', 1]]),
  new Date(0),
  new Float32Array([1, 2]),
  new RangeError('out of range'),
  Object.freeze(new Error('cold')),
  () => 1,
  class Model {},
  { then: 'no function' },
  new Proxy({}, { ownKeys: () => ['a', 'a'] }),
];
const value = fc.constantFrom(...VALUES);

/** What a function does when it is called. */
type Deed =
  | { does: 'return' | 'throw' | 'fulfil' | 'reject'; value: unknown; ticks: number }
  | { does: 'return this' | 'return the first argument' | 'return the same promise again' }
  | { does: 'return a thenable' | 'return a promise of a class'; value: unknown; isFulfilled: boolean }
  | { does: 'iterate' | 'iterate later'; yields: unknown[]; ending: 'return' | 'throw'; value: unknown };

const deed: fc.Arbitrary<Deed> = fc.oneof(
  fc.record({
    does: fc.constantFrom('return' as const, 'throw' as const, 'fulfil' as const, 'reject' as const),
    value,
    ticks: fc.nat(3),
  }),
  fc.record({
    does: fc.constantFrom(
      'return this' as const,
      'return the first argument' as const,
      'return the same promise again' as const,
    ),
  }),
  fc.record({
    does: fc.constantFrom('return a thenable' as const, 'return a promise of a class' as const),
    value,
    isFulfilled: fc.boolean(),
  }),
  fc.record({
    does: fc.constantFrom('iterate' as const, 'iterate later' as const),
    yields: fc.array(value, { maxLength: 3 }),
    ending: fc.constantFrom('return' as const, 'throw' as const),
    value,
  }),
);

const KINDS = [
  'function',
  'arrow',
  'method',
  'async',
  'async method',
  'generator',
  'async generator',
  'bound',
] as const;

interface Plan {
  kind: (typeof KINDS)[number];
  name: string | undefined;
  length: number | undefined;
  members: [string | symbol, PropertyDescriptor][];
  isFrozen: boolean;
  deed: Deed;
}

const MEMBERS = ['meta', 'displayName', 'toString', 'then', Symbol.for('meta'), Symbol.toStringTag];

const plan: fc.Arbitrary<Plan> = fc.record({
  kind: fc.constantFrom(...KINDS),
  name: fc.option(fc.constantFrom('', 'predict', 'get x', '[decide]', '名前'), { nil: undefined }),
  length: fc.option(fc.nat(5), { nil: undefined }),
  members: fc.uniqueArray(
    fc.tuple(
      fc.constantFrom(...MEMBERS),
      fc.record({ value, enumerable: fc.boolean(), writable: fc.boolean(), configurable: fc.boolean() }),
    ),
    { maxLength: 3, selector: ([name]) => name },
  ),
  isFrozen: fc.boolean(),
  deed,
});

/** One way of calling: what is given, and by which steps an iterator is consumed. */
interface Use {
  how: 'call' | 'construct' | 'construct a subclass';
  self: unknown;
  args: unknown[];
  steps: ['next' | 'return' | 'throw', unknown][];
}

const use: fc.Arbitrary<Use> = fc.record({
  how: fc.constantFrom('call', 'call', 'call', 'construct', 'construct a subclass'),
  self: value,
  args: fc.array(value, { maxLength: 4 }),
  steps: fc.array(fc.tuple(fc.constantFrom('next', 'next', 'next', 'return', 'throw'), value), { maxLength: 5 }),
}) as fc.Arbitrary<Use>;

class Query {
  readonly deed: Extract<Deed, { isFulfilled: boolean }>;
  awaited = 0;
  constructor(given: Query['deed']) {
    this.deed = given;
  }
  then(onFulfilled?: (value: unknown) => unknown, onRejected?: (error: unknown) => unknown): Promise<unknown> {
    this.awaited += 1;
    const { isFulfilled, value: settled } = this.deed;
    // oxlint-disable-next-line prefer-promise-reject-errors
    return (isFulfilled ? Promise.resolve(settled) : Promise.reject(settled)).then(onFulfilled, onRejected);
  }
}

class OwnPromise extends Promise<unknown> {}

/** A function as planned, and what it saw. */
class Subject {
  readonly fn: Callable;
  /** What happened, in its order: for each call what the function was given, then what the caller saw. */
  readonly trace: unknown[] = [];
  /** What the function returned last. */
  made: unknown;
  readonly #plan: Plan;
  readonly #cached: Promise<unknown>;

  constructor(planned: Plan) {
    this.#plan = planned;
    this.#cached = Promise.resolve('cached');
    this.fn = this.#build();
  }

  #build(): Callable {
    const fn = this.#functionOf();
    const { name, length, members, isFrozen } = this.#plan;
    if (name !== undefined) Object.defineProperty(fn, 'name', { value: name });
    if (length !== undefined) Object.defineProperty(fn, 'length', { value: length });
    for (const [key, descriptor] of members) Object.defineProperty(fn, key, descriptor);
    return isFrozen ? Object.freeze(fn) : fn;
  }

  #functionOf(): Callable {
    // oxlint-disable-next-line no-this-alias
    const subject = this;
    const run = (self: unknown, args: unknown[], target?: unknown): unknown => this.#run(self, args, target);
    switch (this.#plan.kind) {
      case 'function':
        return function decide(this: unknown, ...args: unknown[]): unknown {
          return run(
            new.target === undefined ? this : 'an instance',
            args,
            new.target === subject.fn ? 'itself' : typeof new.target,
          );
        };
      case 'arrow':
        return (...args) => run('no this', args);
      case 'method':
        return {
          decide(...args: unknown[]): unknown {
            return run(this, args);
          },
        }.decide;
      case 'async':
        return async function decide(this: unknown, _a: unknown, ...args: unknown[]) {
          return run(this, [_a, ...args]);
        };
      case 'async method':
        return {
          async decide(...args: unknown[]): Promise<unknown> {
            await Promise.resolve();
            return run(this, args);
          },
        }.decide;
      case 'generator':
        return function* decide(this: unknown, ...args: unknown[]) {
          yield 'before';
          return run(this, args);
        };
      case 'async generator':
        return async function* decide(this: unknown, ...args: unknown[]) {
          yield 'before';
          return run(this, args);
        };
      default:
        return function decide(this: unknown, ...args: unknown[]): unknown {
          return run(new.target === undefined ? this : 'an instance', args);
        }.bind('bound');
    }
  }

  #run(self: unknown, args: unknown[], target?: unknown): unknown {
    this.trace.push('the function was called', self, args.length, ...args, target);
    return (this.made = this.#do(self, args));
  }

  #do(self: unknown, args: unknown[]): unknown {
    const planned = this.#plan.deed;
    switch (planned.does) {
      case 'return':
        return planned.value;
      case 'throw':
        throw planned.value;
      case 'fulfil':
      case 'reject':
        return later(planned);
      case 'return this':
        return self;
      case 'return the first argument':
        return args[0];
      case 'return the same promise again':
        return this.#cached;
      case 'return a thenable':
        return new Query(planned);
      case 'return a promise of a class':
        return planned.isFulfilled ? OwnPromise.resolve(planned.value) : OwnPromise.reject(planned.value);
      case 'iterate':
        return iterate(planned);
      default:
        return iterateLater(planned);
    }
  }
}

async function later({ does, value: settled, ticks }: Extract<Deed, { ticks: number }>): Promise<unknown> {
  for (let tick = 0; tick < ticks; tick++) await Promise.resolve();
  if (does === 'reject') throw settled;
  return settled;
}

function* iterate({ yields, ending, value: last }: Extract<Deed, { yields: unknown[] }>): Generator {
  for (const item of yields) yield item;
  if (ending === 'throw') throw last;
  return last;
}

async function* iterateLater({ yields, ending, value: last }: Extract<Deed, { yields: unknown[] }>): AsyncGenerator {
  for (const item of yields) yield item;
  if (ending === 'throw') throw last;
  return last;
}

/** Calls a function in the ways that are planned, one directly after the other, and then looks at what came of it. */
async function play(subject: Subject, fn: Callable, uses: readonly Use[]): Promise<unknown[]> {
  const { trace } = subject;
  const results = uses.map((planned) => {
    trace.push('before the call');
    subject.made = undefined;
    const result = outcomeOf(() => called(fn, planned));
    trace.push('after the call', ...seenBy(subject, fn, result));
    return result;
  });
  // Whoever is told first: all were called before any of them could settle. With `new` it is no decision, so nothing is
  // chained, and it may be told before a call that came earlier.
  const instances: unknown[] = [];
  const settled = results.map(async (result, index) => {
    const told = uses[index]!.how === 'call' ? trace : instances;
    if ('value' in result && isThenable(result.value)) told.push(`call ${index}`, ...(await settling(result.value)));
  });
  await Promise.all(settled);
  trace.push(...instances);
  for (const [index, result] of results.entries()) {
    if ('value' in result) trace.push(...(await stepping(result.value, uses[index]!.steps)));
    if ('value' in result && result.value instanceof Query) trace.push('awaited', result.value.awaited);
  }
  const given = results.filter((_, index) => uses[index]!.how === 'call');
  const promises = new Set(given.map((result) => ('value' in result && isPromise(result.value) ? result.value : null)));
  trace.push('different promises', promises.size);
  return trace;
}

type Outcome = { value: unknown } | { thrown: unknown };

function outcomeOf(run: () => unknown): Outcome {
  try {
    return { value: run() };
  } catch (thrown) {
    return { thrown };
  }
}

function called(fn: Callable, { how, self, args }: Use): unknown {
  if (how === 'call') return Reflect.apply(fn, self, args);
  if (how === 'construct') return Reflect.construct(fn, args) as unknown;
  return new (class extends (fn as unknown as new (...args: unknown[]) => object) {})(...args);
}

/** What a caller sees of an outcome: its identity, or its kind where each call makes another. */
function seenBy(subject: Subject, fn: Callable, result: Outcome): unknown[] {
  // What the engine says of a function that is no constructor quotes its source.
  if ('thrown' in result) return ['threw', VALUES.includes(result.thrown) ? result.thrown : kindOf(result.thrown)];
  const { value: returned } = result;
  if (VALUES.includes(returned)) return ['returned', returned];
  const isPlainPromise = isPromise(returned) && Object.getPrototypeOf(returned) === Promise.prototype;
  return [
    'returned',
    typeof returned,
    isPlainPromise ? 'a promise' : Object.is(returned, subject.made),
    returned === fn,
    typeof returned === 'object' && returned !== null && Object.getPrototypeOf(returned) === fn.prototype,
    Object.prototype.toString.call(returned),
    Object.keys(Object(returned) as object).join(),
  ];
}

function kindOf(error: unknown): string {
  return error instanceof Error ? error.name : typeof error;
}

function isThenable(returned: unknown): returned is PromiseLike<unknown> {
  return typeof (returned as { then?: unknown } | null | undefined)?.then === 'function';
}

function settling(thenable: PromiseLike<unknown>): Promise<unknown[]> {
  return Promise.resolve(
    thenable.then(
      (settled) => (VALUES.includes(settled) ? ['fulfilled', settled] : ['fulfilled', String(settled)]),
      (error: unknown) => ['rejected', error],
    ),
  );
}

async function stepping(returned: unknown, steps: Use['steps']): Promise<unknown[]> {
  const iterator = returned as Record<string, ((value: unknown) => unknown) | undefined> | null | undefined;
  if (typeof iterator?.['next'] !== 'function') return [];
  const trace: unknown[] = [];
  for (const [step, given] of steps) {
    try {
      const result = (await iterator[step]!(given)) as IteratorResult<unknown>;
      trace.push(step, result.done, VALUES.includes(result.value) ? result.value : typeof result.value);
      if (isThenable(result.value)) trace.push(...(await settling(result.value)));
    } catch (thrown) {
      trace.push(step, 'threw', thrown);
    }
  }
  return trace;
}

/** What fails beside the function, and with what. */
interface Sabotage {
  callbacks: readonly string[];
  redactor: boolean;
  tracer: 'whole' | 'getTracer' | 'startSpan' | 'span';
  logger: 'whole' | 'getLogger' | 'enabled' | 'emit';
  diag: boolean;
  context: boolean;
  thrown: unknown;
}

const CALLBACKS = [
  'input',
  'decision',
  'score',
  'threshold',
  'reasons',
  'alternatives',
  'subject',
  'actor',
  'attributes',
];
const PARTS = ['rows', 'decisions'];

const sabotage: fc.Arbitrary<Sabotage> = fc.record({
  callbacks: fc.subarray([...CALLBACKS, ...PARTS]),
  redactor: fc.boolean(),
  tracer: fc.constantFrom('whole', 'getTracer', 'startSpan', 'span'),
  logger: fc.constantFrom('whole', 'getLogger', 'enabled', 'emit'),
  diag: fc.boolean(),
  context: fc.boolean(),
  thrown: value,
});

/** How often something beside the function has failed. */
let failures = 0;

const failing =
  (thrown: unknown): (() => never) =>
  () => {
    failures += 1;
    throw thrown;
  };

/** Options whose callbacks fail, and fine ones beside them. */
function optionsOf({ callbacks, diag, thrown }: Sabotage): DecisionOptions {
  const fail = failing(thrown);
  const options: Record<string, unknown> = { model: 'm', redact: [{ path: '/**', method: 'encrypt' }] };
  // Where diag fails it is told of something, too.
  if (diag) options['score'] = () => 'no number';
  for (const name of CALLBACKS) if (callbacks.includes(name)) options[name] = fail;
  if (PARTS.some((part) => callbacks.includes(part))) {
    const part = (name: string): unknown => (callbacks.includes(name) ? fail : () => [1, 2]);
    options['batch'] = { rows: part('rows'), decisions: part('decisions') };
  }
  return options as unknown as DecisionOptions;
}

/** Registers what fails as it is planned to. */
async function sabotaged({ redactor, tracer, logger, diag, context, thrown }: Sabotage): Promise<void> {
  const fail = failing(thrown);
  configureDecisions({ encrypt: redactor ? fail : (text) => text.toUpperCase() });
  if (context) {
    api.context.disable();
    api.context.setGlobalContextManager({
      active: () => api.ROOT_CONTEXT,
      with: fail,
      bind: (_, target) => target,
      enable: fail,
      disable: () => ({}) as never,
    });
  }
  if (tracer !== 'whole') {
    const span = new Proxy({}, { get: () => fail });
    const startSpan = tracer === 'startSpan' ? fail : () => span;
    api.trace.disable();
    api.trace.setGlobalTracerProvider({ getTracer: tracer === 'getTracer' ? fail : () => ({ startSpan }) as never });
  }
  if (logger !== 'whole') {
    const emit = logger === 'emit' ? fail : () => {};
    const enabled = logger === 'enabled' ? fail : () => true;
    await useLoggerProvider({ getLogger: logger === 'getLogger' ? fail : () => ({ emit, enabled }) });
  }
  if (diag) api.diag.setLogger({ error: fail, warn: fail, info: fail, debug: fail, verbose: fail });
}

let seen: Seen;
beforeEach(async () => {
  failures = 0;
  seen = await startSdk();
});
afterEach(async () => {
  configureDecisions({ encrypt: undefined });
  await stopSdk();
});

/** Plays the same on a function and on a decorated one that is built alike. */
async function expectAlike(planned: Plan, uses: readonly Use[], options: DecisionOptions): Promise<void> {
  const [original, other] = [new Subject(planned), new Subject(planned)];
  const decorated = audited(options)(other.fn) as Callable;
  const expected = await play(original, original.fn, uses);
  const actual = await play(other, decorated, uses);
  // By identity: `toEqual` takes two errors, or two empty objects, for the same.
  const different = expected.findIndex((entry, index) => !Object.is(entry, actual[index]));
  expect([different, actual[different], actual.length]).toEqual([-1, undefined, expected.length]);
}

const uses = fc.array(use, { minLength: 1, maxLength: 3 });

describe('a caller cannot tell a decorated function from the original', () => {
  test('by looking at it', () => {
    fc.assert(
      fc.property(plan, (planned) => {
        const { fn } = new Subject(planned);
        const decorated = audited({ model: 'm' })(fn) as Callable;
        expect(typeof decorated).toBe('function');
        const keys = Reflect.ownKeys(fn);
        expect(new Set(Reflect.ownKeys(decorated))).toEqual(new Set(keys));
        for (const key of keys) {
          const [is, was] = [decorated, fn].map((it) => Reflect.getOwnPropertyDescriptor(it, key)!);
          expect(Object.keys(is!)).toEqual(Object.keys(was!));
          for (const name of Object.keys(was!) as (keyof PropertyDescriptor)[]) {
            expect(Object.is(is![name], was![name])).toBe(true);
          }
        }
        expect(Object.getPrototypeOf(decorated)).toBe(Object.getPrototypeOf(fn));
        expect([Object.isExtensible(decorated), Object.isFrozen(decorated)]).toEqual([
          Object.isExtensible(fn),
          Object.isFrozen(fn),
        ]);
      }),
      { numRuns: 300 },
    );
  });

  test('by calling it, and by what it gives', async () => {
    await fc.assert(
      fc.asyncProperty(plan, uses, async (planned, calls) => {
        await expectAlike(planned, calls, { model: 'm' });
      }),
      { numRuns: 500 },
    );
    await macrotask();
    expect(seen.logs.length).toBeGreaterThan(100);
    for (const log of seen.logs) expect(() => JSON.parse(String(log.body)) as unknown).not.toThrow();
  });

  test('when everything beside it fails: callbacks, redactors, tracer, logger, context manager and diag', async () => {
    await fc.assert(
      fc.asyncProperty(plan, uses, sabotage, async (planned, calls, given) => {
        await startSdk();
        await sabotaged(given);
        await expectAlike(planned, calls, optionsOf(given));
      }),
      { numRuns: 500 },
    );
    expect(failures).toBeGreaterThan(500);
  });

  test.each([...CALLBACKS, ...PARTS, 'redactor', 'tracer', 'logger', 'diag', 'context'])(
    'when this alone fails: %s',
    async (part) => {
      const given: Sabotage = {
        callbacks: [part],
        redactor: part === 'redactor',
        tracer: part === 'tracer' ? 'startSpan' : 'whole',
        logger: part === 'logger' ? 'emit' : 'whole',
        diag: part === 'diag',
        context: part === 'context',
        thrown: new Error('hostile'),
      };
      await sabotaged(given);
      await fc.assert(
        fc.asyncProperty(plan, uses, async (planned, calls) => {
          await expectAlike(planned, calls, optionsOf(given));
        }),
        { numRuns: 50 },
      );
      expect(failures).toBeGreaterThan(0);
    },
  );

  test('where no SDK is registered', async () => {
    await stopSdk();
    await fc.assert(
      fc.asyncProperty(plan, uses, async (planned, calls) => {
        await expectAlike(planned, calls, { model: 'm' });
      }),
      { numRuns: 100 },
    );
  });
});

test('the comparison sees a wrapper that differs in the slightest', async () => {
  const planned: Plan = {
    kind: 'method',
    name: undefined,
    length: undefined,
    members: [],
    isFrozen: false,
    deed: { does: 'return', value: VALUES[11], ticks: 0 },
  };
  const calls: Use[] = [{ how: 'call', self: VALUES[12], args: [1], steps: [] }];
  const wrappers: Record<string, (fn: Callable) => Callable> = {
    'copies the value': (fn) =>
      function (this: unknown, ...args) {
        return { ...(Reflect.apply(fn, this, args) as object) };
      },
    'loses `this`':
      (fn) =>
      (...args) =>
        fn(...args),
    'adds an argument': (fn) =>
      function (this: unknown, ...args) {
        return Reflect.apply(fn, this, [...args, undefined]);
      },
    'calls it twice': (fn) =>
      function (this: unknown, ...args) {
        Reflect.apply(fn, this, args);
        return Reflect.apply(fn, this, args);
      },
    'makes it asynchronous': (fn) =>
      async function (this: unknown, ...args) {
        return Reflect.apply(fn, this, args);
      },
  };
  for (const [name, wrap] of Object.entries(wrappers)) {
    const [original, other] = [new Subject(planned), new Subject(planned)];
    const expected = await play(original, original.fn, calls);
    const actual = await play(other, wrap(other.fn), calls);
    const isAlike = expected.length === actual.length && expected.every((entry, i) => Object.is(entry, actual[i]));
    expect([name, isAlike]).toEqual([name, false]);
  }
});
