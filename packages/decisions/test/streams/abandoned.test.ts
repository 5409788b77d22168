import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { setImmediate as macrotask } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Readable } from 'node:stream';
import { audited } from '@decision-trail/decisions';
import { startSdk, stopSdk } from '../telemetry.js';
import type { Seen } from '../telemetry.js';
import { collect, ends, numbers, numbersLater, observed } from './observed.js';

let seen: Seen;
beforeEach(async () => {
  seen = await startSdk();
});
afterEach(stopSdk);

describe('a stream that nobody reads to its end', () => {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;

  async function recordsMade(count: number): Promise<void> {
    for (let attempt = 0; attempt < 200 && seen.logs.length < count; attempt++) {
      collectGarbage();
      await macrotask();
    }
  }

  test.each<[string, () => unknown]>([
    ['generator', () => numbers(1)],
    ['async generator', () => numbersLater(1)],
    ['iterator', () => [1].values()],
    ['async iterable', () => ({ [Symbol.asyncIterator]: () => numbersLater(1) })],
    ['web stream', () => new ReadableStream({ pull: (controller) => controller.enqueue(1) })],
    ['Node stream', () => Readable.from([1])],
  ])('is abandoned when it is collected: %s', async (_, open) => {
    (() => void observed(open()))();
    await recordsMade(1);
    expect(ends(seen)).toEqual([['abandoned', []]]);
  });

  test('is abandoned with what was read of it', async () => {
    observed(numbers(1, 2)).next();
    await observed(numbersLater(3, 4)).next();
    const iterable = observed<AsyncIterable<number>>({ [Symbol.asyncIterator]: () => numbersLater(5, 6) });
    await iterable[Symbol.asyncIterator]().next();
    await (observed(new ReadableStream({ pull: (c) => c.enqueue(7) })) as ReadableStream<number>).getReader().read();
    await recordsMade(4);
    expect(new Set(ends(seen))).toEqual(new Set([1, 3, 5, 7].map((item) => ['abandoned', [item]])));
  });

  test('is abandoned too where the function was given it', async () => {
    const pass = audited({ model: 'stream' })((stream: Generator<number>) => stream);
    (() => void pass(numbers(1)))();
    await recordsMade(1);
    expect(ends(seen)).toEqual([['abandoned', []]]);
  });

  test('is not abandoned while a step is under way', async () => {
    let finish: ((result: IteratorResult<number>) => void) | undefined;
    const pending = (() => {
      const iterator = {
        next: () => new Promise((resolve) => (finish = resolve)),
        [Symbol.asyncIterator]() {
          return this;
        },
      };
      return observed(iterator).next();
    })();
    collectGarbage();
    await macrotask();
    collectGarbage();
    await macrotask();
    finish?.({ done: true, value: 7 });
    await pending;
    expect(ends(seen)).toEqual([['completed', []]]);
  });

  test('is not abandoned where only its iterator or its branches are left', async () => {
    const iterator = (() => {
      const iterable = { [Symbol.asyncIterator]: () => numbersLater(1) };
      return observed(iterable)[Symbol.asyncIterator]();
    })();
    const [branch] = (() => {
      const branches = [{ [Symbol.asyncIterator]: () => numbersLater(2) }] as const;
      return observed({ tee: () => branches, [Symbol.asyncIterator]: () => numbersLater() }).tee();
    })();
    for (let time = 0; time < 5; time++) {
      collectGarbage();
      await macrotask();
    }
    expect([await collect(iterator), await collect(branch)]).toEqual([[1], [2]]);
    expect(ends(seen)).toEqual([
      ['completed', [1]],
      ['completed', [2]],
    ]);
  });

  test('is not abandoned after it has ended', async () => {
    (() => [...observed(numbers(1))])();
    (() => void observed(numbers(2)))();
    await recordsMade(2);
    collectGarbage();
    await macrotask();
    expect(ends(seen)).toEqual([
      ['completed', [1]],
      ['abandoned', []],
    ]);
  });
});
