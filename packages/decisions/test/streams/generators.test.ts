import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { setImmediate as macrotask } from 'node:timers/promises';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { context } from '@opentelemetry/api';
import { audited } from '@decision-trail/decisions';
import { startSdk, stopSdk } from '../telemetry.js';
import type { Seen } from '../telemetry.js';
import { collect, ends, error, failing, failingLater, numbers, numbersLater, observed, thrownBy } from './observed.js';

let seen: Seen;
beforeEach(async () => {
  seen = await startSdk();
});
afterEach(stopSdk);

describe('a generator', () => {
  test('is one record when it ends, of what it yielded', () => {
    const stream = observed(numbers(1, 2, 3));
    expect(seen.logs).toHaveLength(0);
    expect([...stream]).toEqual([1, 2, 3]);
    expect(ends(seen)).toEqual([['completed', [1, 2, 3]]]);
    expect(stream.next()).toEqual({ done: true, value: undefined });
    expect(seen.logs).toHaveLength(1);
  });

  test('is a record of nothing where it yields nothing', () => {
    expect([...observed(numbers())]).toEqual([]);
    expect(ends(seen)).toEqual([['completed', []]]);
  });

  test('is the same object to its consumer', () => {
    const original = numbers(1);
    const keys = Object.keys(original);
    const stream = observed(original);
    expect(stream).toBe(original);
    expect(Object.keys(stream)).toEqual(keys);
    expect(Reflect.ownKeys(stream)).toEqual(['next', 'return', 'throw']);
    expect(Object.getPrototypeOf(stream)).toBe(numbers.prototype);
    expect(stream).toBeInstanceOf(numbers);
    expect(Object.prototype.toString.call(stream)).toBe('[object Generator]');
    expect(stream[Symbol.iterator]()).toBe(stream);
    expect([stream.next.name, stream.next.length, stream.return.length]).toEqual(['next', 1, 1]);
  });

  test('records its return value', () => {
    const stream = observed(
      (function* () {
        yield 1;
        return 'final';
      })(),
    );
    expect([stream.next(), stream.next()]).toEqual([
      { done: false, value: 1 },
      { done: true, value: 'final' },
    ]);
    expect(seen.records).toMatchObject([{ stream: { items: 1, ended: 'completed' } }]);
    expect(String(seen.logs[0]?.body)).toContain('"final"');
  });

  test('that the consumer leaves early was returned', () => {
    let isCleaned = false;
    const stream = observed(
      (function* () {
        try {
          yield* [1, 2, 3];
        } finally {
          isCleaned = true;
        }
      })(),
    );
    for (const value of stream) if (value === 2) break;
    expect(isCleaned).toBe(true);
    const [first] = observed(numbers(7, 8));
    expect(first).toBe(7);
    expect(() => {
      for (const value of observed(numbers(9))) throw new Error(`consumer ${value}`);
    }).toThrow('consumer 9');
    expect(ends(seen)).toEqual([
      ['returned', [1, 2]],
      ['returned', [7]],
      ['returned', [9]],
    ]);
  });

  test('that throws has failed, with the same error object', () => {
    const stream = observed(failing(error));
    expect(() => [...stream]).toThrow(error);
    expect(ends(seen)).toEqual([['failed', [1], 'RangeError']]);
  });

  test.each([undefined, null, 'text', 0])('that throws %s has failed', async (thrown) => {
    expect(await thrownBy(() => [...observed(failing(thrown))])).toEqual({ thrown });
    expect(await thrownBy(() => collect(observed(failingLater(thrown))))).toEqual({ thrown });
    expect(ends(seen)).toEqual([
      ['failed', [1], typeof thrown],
      ['failed', [1], typeof thrown],
    ]);
  });

  test('may be thrown into, and goes on where it catches', () => {
    const stream = observed(
      (function* (): Generator<unknown> {
        try {
          yield 1;
        } catch (caught) {
          yield caught === error;
        }
      })(),
    );
    stream.next();
    expect(stream.throw(error)).toEqual({ done: false, value: true });
    expect(() => stream.throw(error)).toThrow(error);
    expect(ends(seen)).toEqual([['failed', [1, true], 'RangeError']]);
  });

  test('that yields in its cleanup goes on after return()', () => {
    const stream = observed(
      (function* () {
        try {
          yield 1;
        } finally {
          yield 2;
        }
      })(),
    );
    stream.next();
    expect(stream.return()).toEqual({ done: false, value: 2 });
    expect(seen.logs).toHaveLength(0);
    expect(stream.next().done).toBe(true);
    expect(ends(seen)).toEqual([['completed', [1, 2]]]);
  });

  test('that is told to return keeps the reason', () => {
    const stream: Generator<number, unknown> = observed(numbers(1));
    expect(stream.return('enough')).toEqual({ done: true, value: 'enough' });
    expect(seen.records).toMatchObject([{ stream: { items: 0, ended: 'returned', returned: 'enough' } }]);
  });

  test('that asks itself for more gets its error, and goes on', () => {
    const self: { stream?: Generator<unknown> } = {};
    const stream = observed(
      (function* () {
        try {
          self.stream?.next();
        } catch (caught) {
          yield (caught as Error).name;
        }
      })(),
    );
    self.stream = stream;
    expect([...stream]).toEqual(['TypeError']);
    expect(ends(seen)).toEqual([['completed', ['TypeError']]]);
  });

  test('does not take steps on another object for its own', () => {
    const stream = observed(numbers(1));
    expect(() => stream.next.call({} as never)).toThrow(TypeError);
    expect([...stream]).toEqual([1]);
    expect(ends(seen)).toEqual([['completed', [1]]]);
  });

  test('that others delegate to is told of by what passes through', async () => {
    const outer = function* () {
      yield* observed(numbers(1, 2));
    };
    const outerLater = async function* () {
      yield* observed(numbersLater(3, 4));
    };
    expect([...outer()]).toEqual([1, 2]);
    expect(await collect(outerLater())).toEqual([3, 4]);
    expect(await text(Readable.from(observed(numbersLater(5, 6))).map(String))).toBe('56');
    expect(ends(seen)).toEqual([
      ['completed', [1, 2]],
      ['completed', [3, 4]],
      ['completed', [5, 6]],
    ]);
  });

  test('runs in the context of its decision, its consumer does not', async () => {
    const inner = audited({ model: 'inner' })((x: number) => x);
    const agent = audited({ model: 'agent' })(function* () {
      yield inner(1);
    });
    const agentLater = audited({ model: 'agent later' })(async function* () {
      yield inner(3);
      await macrotask();
      yield inner(4);
    });
    for (const value of agent()) inner(value + 1);
    for await (const value of agentLater()) inner(value * 10);
    const idOf = (name: string): string | undefined => seen.records.find(({ model }) => model.name === name)?.id;
    const parents = seen.records.filter(({ model }) => model.name === 'inner').map((r) => [r.decision, r.parentId]);
    expect(parents).toEqual([
      [1, idOf('agent')],
      [2, undefined],
      [3, idOf('agent later')],
      [30, undefined],
      [4, idOf('agent later')],
      [40, undefined],
    ]);
  });

  test('runs where the context manager fails', () => {
    const fails = (): never => {
      throw new Error('no context');
    };
    const [stream, failed] = [observed(numbers(1, 2)), observed(failing(error))];
    context.disable();
    const manager = { active: fails, with: fails, bind: fails, enable: () => manager, disable: () => manager };
    context.setGlobalContextManager(manager);
    expect([...stream]).toEqual([1, 2]);
    expect(() => [...failed]).toThrow(error);
  });

  test('of two decorated layers is a record of each, and each step is taken once', async () => {
    let steps = 0;
    const inner = audited({ model: 'inner' })(function* () {
      for (const value of [1, 2]) {
        steps += 1;
        yield value;
      }
    });
    const outer = audited({ model: 'outer' })(() => inner());
    expect([...outer()]).toEqual([1, 2]);
    expect(steps).toBe(2);
    expect(ends(seen)).toEqual([
      ['completed', [1, 2]],
      ['completed', [1, 2]],
    ]);
    expect(seen.records.map(({ model }) => model.name).toSorted()).toEqual(['inner', 'outer']);
  });

  test('that is frozen is left alone', () => {
    expect([...observed(Object.freeze(numbers(1, 2)))]).toEqual([1, 2]);
    expect(seen.records).toHaveLength(1);
    expect(seen.records[0]).not.toHaveProperty('stream');
  });
});

describe('an async generator', () => {
  test('is one record when it ends', async () => {
    const original = numbersLater(1, 2, 3);
    const stream = observed(original);
    expect(stream).toBe(original);
    expect(Object.prototype.toString.call(stream)).toBe('[object AsyncGenerator]');
    expect(stream.next()).toBeInstanceOf(Promise);
    expect(await collect(stream)).toEqual([2, 3]);
    expect(ends(seen)).toEqual([['completed', [1, 2, 3]]]);
  });

  test('answers steps that were asked for at once, in order', async () => {
    const stream = observed(numbersLater(1, 2));
    const results = await Promise.all([stream.next(), stream.next(), stream.next(), stream.next()]);
    expect(results.map(({ value }) => value)).toEqual([1, 2, undefined, undefined]);
    expect(ends(seen)).toEqual([['completed', [1, 2]]]);
  });

  test('that the consumer leaves early was returned', async () => {
    expect(await collect(observed(numbersLater(1, 2, 3)), 2)).toEqual([1, 2]);
    const stream = observed(numbersLater(1));
    expect(await Promise.all([stream.next(), stream.return()])).toMatchObject([{ value: 1 }, { done: true }]);
    expect(ends(seen)).toEqual([
      ['returned', [1, 2]],
      ['returned', [1]],
    ]);
  });

  test('that throws, or is thrown into, has failed', async () => {
    expect(await thrownBy(() => collect(observed(failingLater(error))))).toEqual({ thrown: error });
    const stream = observed(numbersLater(1));
    await stream.next();
    expect(await thrownBy(() => stream.throw(error))).toEqual({ thrown: error });
    expect(ends(seen)).toEqual([
      ['failed', [1], 'RangeError'],
      ['failed', [1], 'RangeError'],
    ]);
  });

  test('that asks itself for more gets it', async () => {
    const self: { stream?: AsyncGenerator<number, void> } = {};
    let pending: Promise<unknown> | undefined;
    const stream = observed(
      (async function* () {
        pending = self.stream?.next();
        yield 1;
        yield 2;
      })(),
    );
    self.stream = stream;
    expect(await stream.next()).toEqual({ done: false, value: 1 });
    expect(await pending).toEqual({ done: false, value: 2 });
    await stream.return();
    expect(ends(seen)).toEqual([['returned', [1, 2]]]);
  });

  test('that an AbortSignal stops was aborted', async () => {
    const controller = new AbortController();
    const answer = audited({ model: 'chat' })(async function* (_prompt: string, { signal }: { signal: AbortSignal }) {
      yield 'Hel';
      await macrotask(1, { signal });
      yield 'lo';
    });
    const stream = answer('Hi', controller);
    await stream.next();
    const rest = stream.next();
    controller.abort();
    expect(await thrownBy(() => rest)).toMatchObject({ thrown: { name: 'AbortError' } });
    expect(ends(seen)).toEqual([['aborted', ['Hel'], 'AbortError']]);
  });

  test('returned by an async function is a stream just so', async () => {
    const open = audited({ model: 'stream' })(async () => numbersLater(1, 2));
    expect(await collect(await open())).toEqual([1, 2]);
    expect(ends(seen)).toEqual([['completed', [1, 2]]]);
  });

  test('tells of the same unhandled rejections', async () => {
    const rejections = async (stream: AsyncGenerator<number>): Promise<unknown[]> => {
      const heard: unknown[] = [];
      const others = process.listeners('unhandledRejection');
      process.removeAllListeners('unhandledRejection');
      process.on('unhandledRejection', (reason) => heard.push(reason));
      try {
        void stream.next();
        void stream.next();
        await macrotask();
        await macrotask();
      } finally {
        process.removeAllListeners('unhandledRejection');
        for (const listener of others) process.on('unhandledRejection', listener);
      }
      return heard;
    };
    const handled = observed(failingLater(error));
    await handled.next();
    handled.next().catch(() => {});
    expect(await rejections(handled)).toEqual([]);
    expect(await rejections(failingLater(error))).toEqual([error]);
    expect(await rejections(observed(failingLater(error)))).toEqual([error]);
  });
});
