import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { setImmediate as macrotask } from 'node:timers/promises';
import { startSdk, stopSdk } from '../telemetry.js';
import type { Seen } from '../telemetry.js';
import { collect, ends, error, failingLater, numbers, numbersLater, observed, thrownBy } from './observed.js';

let seen: Seen;
beforeEach(async () => {
  seen = await startSdk();
});
afterEach(stopSdk);

describe('another iterator', () => {
  class Countdown implements IterableIterator<number> {
    #left: number;

    constructor(left: number) {
      this.#left = left;
    }

    next(): IteratorResult<number> {
      if (this.#left === 2) {
        this.#left -= 1;
        // Skips a value by asking itself for the next.
        return this.next();
      }
      return this.#left > 0 ? { done: false, value: this.#left-- } : { done: true, value: undefined };
    }

    [Symbol.iterator](): this {
      return this;
    }
  }

  test('of a class of its own, which may call itself, is a stream', () => {
    const stream = observed(new Countdown(3));
    expect(stream).toBeInstanceOf(Countdown);
    expect('return' in stream).toBe(false);
    expect([...stream]).toEqual([3, 1]);
    expect(ends(seen)).toEqual([['completed', [3, 1]]]);
  });

  test('of a class of its own is a stream just so where no context manager is registered', async () => {
    seen = await startSdk({ traces: false });
    expect([...observed(new Countdown(3))]).toEqual([3, 1]);
    expect(ends(seen)).toEqual([['completed', [3, 1]]]);
  });

  test('of a class of its own, which may call itself later, is a stream', async () => {
    class Poll {
      readonly values = [1, undefined, 2];
      async next(): Promise<{ done?: boolean; value?: unknown }> {
        await macrotask();
        if (this.values.length === 0) return { done: true };
        const value = this.values.shift();
        return value === undefined ? this.next() : { value };
      }
      [Symbol.asyncIterator](): this {
        return this;
      }
    }
    const stream = observed(new Poll());
    expect(Object.keys(stream)).toEqual(['values']);
    expect(await collect(stream as AsyncIterable<unknown>)).toEqual([1, 2]);
    expect(ends(seen)).toEqual([['completed', [1, 2]]]);
  });

  test('that the language gives is a stream', () => {
    expect([...observed([1, 2].values())]).toEqual([1, 2]);
    expect([...observed(new Map([[1, 2]]).entries())]).toEqual([[1, 2]]);
    expect([...observed('ab'[Symbol.iterator]())]).toEqual(['a', 'b']);
    expect(ends(seen)).toEqual([
      ['completed', [1, 2]],
      ['completed', [[1, 2]]],
      ['completed', ['a', 'b']],
    ]);
  });

  test('keeps its methods where they show among its keys', async () => {
    let left = 2;
    const stream = {
      next: () => Promise.resolve(left > 0 ? { done: false, value: left-- } : { done: true, value: undefined }),
      return: () => Promise.resolve({ done: true, value: undefined }),
      [Symbol.asyncIterator]() {
        return this;
      },
    };
    observed(stream);
    expect(Object.keys(stream)).toEqual(['next', 'return']);
    expect(await collect(stream)).toEqual([2, 1]);
    expect(ends(seen)).toEqual([['completed', [2, 1]]]);
  });

  test('may break the protocol as before', async () => {
    const sloppy = (result: unknown) => ({
      next: () => result,
      return: () => ({}),
      [Symbol.iterator]() {
        return this;
      },
    });
    for (const result of [undefined, 1, null, Promise.resolve()]) {
      expect(observed(sloppy(result)).next()).toBe(result);
    }
    expect(() => [...(observed(sloppy(1)) as unknown as Iterable<unknown>)]).toThrow(TypeError);
    expect(ends(seen)).toEqual([]);
    for (const left of [{}, { value: 5 }]) {
      const stream = { ...sloppy({ value: 1 }), return: () => left };
      for (const item of observed(stream) as unknown as Iterable<unknown>) if (item === 1) break;
    }
    expect(ends(seen)).toEqual([
      ['returned', [1]],
      ['returned', [1]],
    ]);

    let reads = 0;
    const lazy = {
      get done() {
        reads += 1;
        if (reads === 1) throw error;
        return true;
      },
    };
    expect(observed(sloppy(lazy)).next()).toBe(lazy);
  });

  test('may give results that are thenables, which begin when they are asked', async () => {
    let begun = 0;
    const results = [{ done: false, value: 1 }, error];
    const stream = {
      next: () => ({
        then(onValue: (value: unknown) => void, onError: (error: unknown) => void) {
          begun += 1;
          const result = results.shift();
          if (result === error) onError(result);
          else onValue(result);
        },
      }),
      [Symbol.asyncIterator]() {
        return this;
      },
    };
    observed(stream).next();
    expect(begun).toBe(0);
    expect(await thrownBy(() => collect(stream as never))).toEqual({ thrown: error });
    expect([begun, ends(seen)]).toEqual([2, [['failed', [1], 'RangeError']]]);
  });

  test('may give a result that is asked for twice', async () => {
    const result = {
      then: (onValue: (value: unknown) => void) => onValue({ done: false, value: 1 }),
    };
    const stream = {
      next: () => result,
      [Symbol.asyncIterator]() {
        return this;
      },
      return: () => ({ done: true }),
    };
    const asked = observed(stream).next();
    expect(asked).toBe(result);
    for (let time = 0; time < 2; time++) expect(await asked).toEqual({ done: false, value: 1 });
    stream.return();
    expect(ends(seen)).toEqual([['returned', [1]]]);
  });

  test('that has one method which cannot be replaced is left alone', () => {
    const next = (): unknown => ({ done: true });
    const stream = { next, [Symbol.iterator]: () => stream };
    Object.defineProperty(stream, 'return', { value: () => ({}) });
    expect(observed(stream).next).toBe(next);
    const inherited = Object.defineProperty(Object.create(stream) as object, 'throw', { value: () => ({}) });
    expect(Object.hasOwn(observed(inherited), 'next')).toBe(false);
    for (const record of seen.records) expect(record).not.toHaveProperty('stream');
  });

  test('of a database, whose next() gives rows, is known by its iteration', async () => {
    class Cursor {
      readonly rows = [{ id: 1 }, { id: 2 }];
      async next(): Promise<object | null> {
        return this.rows.shift() ?? null;
      }
      async *[Symbol.asyncIterator](): AsyncGenerator<object> {
        for (;;) {
          const row = await this.next();
          if (row === null) return;
          yield row;
        }
      }
    }
    const cursor = observed(new Cursor());
    expect(await cursor.next()).toEqual({ id: 1 });
    expect(await collect(cursor)).toEqual([{ id: 2 }]);
    expect(ends(seen)).toEqual([['completed', [{ id: 2 }]]]);
  });

  test('that is none is data', () => {
    const data = [[1], new Map([[1, 2]]), new Set([1]), 'text', new Uint8Array(1), { next: () => 1 }];
    const iterable = {
      *[Symbol.iterator]() {
        yield 1;
      },
    };
    for (const value of [...data, iterable]) expect(observed(value)).toBe(value);
    expect(seen.records).toHaveLength(7);
    for (const record of seen.records) expect(record).not.toHaveProperty('stream');
  });

  test('behind a Proxy is observed where the Proxy lets it, and data where it does not', async () => {
    const revoked = Proxy.revocable(numbers(1), {});
    revoked.revoke();
    expect(observed(revoked.proxy)).toBe(revoked.proxy);
    const closed = new Proxy(new Countdown(1), { defineProperty: () => false });
    expect(observed(closed)).toBe(closed);
    expect(seen.records.map((record) => 'stream' in record)).toEqual([false, false]);

    const traced = new Proxy(
      { [Symbol.asyncIterator]: () => numbersLater(1, 2) },
      { get: (target, name) => Reflect.get(target, name) as unknown },
    );
    expect(await collect(observed(traced))).toEqual([1, 2]);
    expect(ends(seen).slice(2)).toEqual([['completed', [1, 2]]]);
  });
});

describe('an async iterable', () => {
  /** As the streams of clients for language models are made. */
  class SdkStream implements AsyncIterable<string> {
    readonly controller = new AbortController();
    #isConsumed = false;
    readonly #failure: unknown;

    constructor(failure?: unknown) {
      this.#failure = failure;
    }

    async *[Symbol.asyncIterator](): AsyncGenerator<string> {
      if (this.#isConsumed) throw new Error('Cannot iterate over a consumed stream');
      this.#isConsumed = true;
      let isDone = false;
      try {
        yield 'app';
        await Promise.resolve();
        this.controller.signal.throwIfAborted();
        if (this.#failure !== undefined) throw this.#failure;
        yield 'rove';
        isDone = true;
      } finally {
        if (!isDone) this.controller.abort();
      }
    }
  }

  test('is recorded by its first iteration', async () => {
    const stream = observed(new SdkStream());
    expect(stream).toBeInstanceOf(SdkStream);
    expect(Object.keys(stream)).toEqual(['controller']);
    expect(await collect(stream)).toEqual(['app', 'rove']);
    expect(await thrownBy(() => collect(stream))).toMatchObject({ thrown: { message: /consumed/ } });
    expect(ends(seen)).toEqual([['completed', ['app', 'rove']]]);
  });

  test('that the consumer leaves, aborts, or sees fail is recorded so', async () => {
    const left = observed(new SdkStream());
    await collect(left, 1);
    expect(left.controller.signal.aborted).toBe(true);

    const aborted = observed(new SdkStream());
    const read = async (): Promise<void> => {
      for await (const part of aborted) if (part === 'app') aborted.controller.abort();
    };
    expect(await thrownBy(read)).toMatchObject({ thrown: { name: 'AbortError' } });

    expect(await thrownBy(() => collect(observed(new SdkStream(error))))).toEqual({ thrown: error });
    expect(ends(seen)).toEqual([
      ['returned', ['app']],
      ['aborted', ['app'], 'AbortError'],
      ['failed', ['app'], 'RangeError'],
    ]);
  });

  test('is recorded by its branches, once, as far as one of them is read', async () => {
    class Branching implements AsyncIterable<number> {
      readonly #open: () => AsyncIterator<number>;

      constructor(open: () => AsyncIterator<number>) {
        this.#open = open;
      }

      [Symbol.asyncIterator](): AsyncIterator<number> {
        return this.#open();
      }

      tee(): Branching[] {
        const iterator = this.#open();
        const queues: Promise<IteratorResult<number>>[][] = [[], []];
        return queues.map(
          (queue) =>
            new Branching(() => ({
              next() {
                if (queue.length === 0) {
                  const result = iterator.next();
                  for (const each of queues) each.push(result);
                }
                return queue.shift() as Promise<IteratorResult<number>>;
              },
              return: () => Promise.resolve({ done: true, value: undefined }),
            })),
        );
      }
    }
    const read = observed(new Branching(() => numbersLater(1, 2))).tee();
    expect(await Promise.all(read.map((branch) => collect(branch)))).toEqual([
      [1, 2],
      [1, 2],
    ]);
    const left = observed(new Branching(() => numbersLater(3, 4, 5))).tee();
    for (const [index, branch] of left.entries()) await collect(branch, index + 1);
    const failed = observed(new Branching(() => failingLater(error))).tee();
    for (const branch of failed) expect(await thrownBy(() => collect(branch))).toEqual({ thrown: error });
    expect(ends(seen)).toEqual([
      ['completed', [1, 2]],
      ['returned', [3, 4]],
      ['failed', [1], 'RangeError'],
    ]);
  });

  test('may give an iterator that is not iterable, or fail to give one', async () => {
    const stream = (open: () => AsyncIterator<number>): AsyncIterable<number> => ({ [Symbol.asyncIterator]: open });
    let left = 2;
    const next = () => Promise.resolve(left > 0 ? { done: false, value: left-- } : { done: true, value: undefined });
    expect(await collect(observed(stream(() => ({ next }) as AsyncIterator<number>)))).toEqual([2, 1]);
    const broken = stream(() => {
      throw error;
    });
    expect(await thrownBy(() => collect(observed(broken)))).toEqual({ thrown: error });
    expect(observed({ [Symbol.asyncIterator]: () => 5 })[Symbol.asyncIterator]()).toBe(5);
    expect(ends(seen)).toEqual([
      ['completed', [2, 1]],
      ['failed', [], 'RangeError'],
    ]);
  });

  test('that is returned again and again is observed by so many decisions only', async () => {
    const kept = {
      async *[Symbol.asyncIterator]() {
        yield 1;
      },
    };
    for (let call = 0; call < 10_000; call++) observed(kept);
    expect(await collect(kept)).toEqual([1]);
    expect(seen.records.filter(({ stream }) => stream?.ended === 'completed').length).toBeLessThan(100);
    expect(ends(seen)).toContainEqual(['completed', [1]]);
    expect(seen.records).toHaveLength(10_000);
  });
});
