import { setImmediate as macrotask } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { startSdk, stopSdk } from '../telemetry.js';
import type { Seen } from '../telemetry.js';
import { collect, error, observed } from './observed.js';

let seen: Seen;
beforeEach(async () => {
  seen = await startSdk();
});
afterEach(stopSdk);

describe('generators in general', () => {
  type Operation =
    | { op: 'yield' | 'throw' | 'return' | 'catch' | 'cleanup'; value: unknown }
    | { op: 'echo' }
    | { op: 'delegate'; program: Operation[] };
  type Step = readonly ['next' | 'return' | 'throw', unknown];

  const value = fc.oneof(fc.integer({ max: 9, min: 0 }), fc.constantFrom<unknown>(undefined, null, error, 'x'));
  const { program } = fc.letrec<{ program: Operation[] }>((tie) => ({
    program: fc.array(
      fc.oneof(
        { depthSize: 'small' },
        fc.record({ op: fc.constantFrom('yield', 'yield', 'throw', 'return', 'catch', 'cleanup'), value }),
        fc.record({ op: fc.constant('echo') }),
        fc.record({ op: fc.constant('delegate'), program: tie('program') }),
      ) as fc.Arbitrary<Operation>,
      { maxLength: 4 },
    ),
  }));
  const script = fc.array(fc.tuple(fc.constantFrom('next', 'next', 'next', 'return', 'throw'), value), {
    maxLength: 8,
  }) as fc.Arbitrary<Step[]>;

  function* run(operations: Operation[]): Generator<unknown, unknown, unknown> {
    let received: unknown;
    for (const operation of operations) {
      if (operation.op === 'yield') received = yield operation.value;
      else if (operation.op === 'echo') received = yield received;
      else if (operation.op === 'throw') throw operation.value;
      else if (operation.op === 'return') return operation.value;
      else if (operation.op === 'delegate') received = yield* run(operation.program);
      else {
        try {
          yield operation.value;
        } catch (caught) {
          if (operation.op === 'cleanup') throw caught;
          yield ['caught', caught];
        } finally {
          if (operation.op === 'cleanup') received = yield 'cleanup';
        }
      }
    }
    return received;
  }

  async function* runLater(operations: Operation[]): AsyncGenerator<unknown, unknown, unknown> {
    const generator = run(operations);
    let step: IteratorResult<unknown, unknown> = generator.next();
    while (!step.done) {
      let next: () => IteratorResult<unknown, unknown>;
      let isLeft = true;
      try {
        const received = yield step.value;
        isLeft = false;
        next = () => generator.next(received);
      } catch (caught) {
        isLeft = false;
        next = () => generator.throw(caught);
      } finally {
        if (isLeft) yield 'left';
      }
      await Promise.resolve();
      step = next();
    }
    return step.value;
  }

  /** What the consumer saw, and what a record of it must say. */
  function told(outcomes: { step: Step; result?: IteratorResult<unknown>; thrown?: unknown }[]): unknown {
    const items: unknown[] = [];
    for (const { step, result } of outcomes) {
      if (result === undefined) return { items: items.length, ended: 'failed' };
      if (result.done !== true) items.push(result.value);
      else return { items: items.length, ended: step[0] === 'return' ? 'returned' : 'completed' };
    }
    return 'open';
  }

  test('behave alike, observed or not', async () => {
    await fc.assert(
      fc.asyncProperty(program, script, async (operations, steps) => {
        seen = await startSdk();
        const play = (generator: Generator<unknown, unknown, unknown>) =>
          steps.map((step) => {
            try {
              return { step, result: generator[step[0]](step[1]) };
            } catch (thrown) {
              return { step, thrown };
            }
          });
        const outcomes = play(observed(run(operations)));
        expect(outcomes).toStrictEqual(play(run(operations)));
        const [record] = seen.records;
        if (record === undefined) expect(told(outcomes)).toBe('open');
        else expect(record.stream).toMatchObject(told(outcomes) as object);
      }),
    );
  });

  test('behave alike when they are async, asked step by step or all at once', async () => {
    await fc.assert(
      fc.asyncProperty(program, script, fc.boolean(), async (operations, steps, atOnce) => {
        seen = await startSdk();
        const play = async (generator: AsyncGenerator<unknown, unknown, unknown>) => {
          const order: number[] = [];
          const outcomes = [];
          for (const [index, step] of steps.entries()) {
            const outcome = generator[step[0]](step[1]).then(
              (result) => ({ step, result }),
              (thrown: unknown) => ({ step, thrown }),
            );
            outcomes.push(outcome.finally(() => order.push(index)));
            if (!atOnce) await outcome;
          }
          return { outcomes: await Promise.all(outcomes), order };
        };
        const played = await play(observed(runLater(operations)));
        expect(played).toStrictEqual(await play(runLater(operations)));
        const [record] = seen.records;
        if (record === undefined) expect(told(played.outcomes)).toBe('open');
        else expect(record.stream).toMatchObject(told(played.outcomes) as object);
      }),
    );
  });
});

describe('web streams in general', () => {
  const operations = [
    'flush',
    'getReader',
    'read',
    'read',
    'releaseLock',
    'cancel',
    'closed',
    'stream.cancel',
    'values',
    'values, kept',
    'next',
    'return',
    'tee',
    'pipeThrough',
  ] as const;
  type Operation = (typeof operations)[number];

  /** A source of some values, which then closes, fails or gives no more. */
  interface Source {
    values: number[];
    end: 'close' | 'error' | 'stall';
    bytes: boolean;
    ahead: number;
  }

  function open({ values, end, bytes, ahead }: Source, log: unknown[]): ReadableStream<unknown> {
    const rest = [...values];
    const pull = (controller: { enqueue(chunk: never): void; close(): void; error(error: unknown): void }): void => {
      const value = rest.shift();
      if (value !== undefined) controller.enqueue((bytes ? new Uint8Array([value]) : value) as never);
      else if (end === 'error') controller.error(error);
      else if (end === 'close') controller.close();
    };
    const cancel = (reason: unknown): void => void log.push(['cancelled', reason]);
    return bytes
      ? new ReadableStream({ type: 'bytes', pull, cancel }, { highWaterMark: ahead })
      : new ReadableStream({ pull, cancel }, { highWaterMark: ahead });
  }

  /** Everything that a consumer can see; `flush` waits until nothing more happens by itself. */
  async function play(stream: ReadableStream<unknown>, script: Operation[], log: unknown[]): Promise<unknown[]> {
    let reader: ReadableStreamDefaultReader<unknown> | undefined;
    let iterator: AsyncIterator<unknown> | undefined;
    const seenFrom = (index: number, run: () => unknown): void => {
      const note = (outcome: unknown): void => void log.push([index, outcome]);
      const fail = (thrown: unknown): void => note(thrown instanceof TypeError ? 'TypeError' : { thrown });
      try {
        Promise.resolve(run()).then(note, fail);
      } catch (thrown) {
        fail(thrown);
      }
    };
    const readAll = (branch: ReadableStream<unknown>): Promise<unknown[]> => collect(branch);
    for (const [index, operation] of script.entries()) {
      if (operation === 'flush') await macrotask();
      if (operation === 'getReader') seenFrom(index, () => void (reader = stream.getReader()));
      if (operation === 'read') seenFrom(index, () => reader?.read());
      if (operation === 'releaseLock') seenFrom(index, () => reader?.releaseLock());
      if (operation === 'cancel') seenFrom(index, () => reader?.cancel(index));
      if (operation === 'closed') seenFrom(index, () => reader?.closed);
      if (operation === 'stream.cancel') seenFrom(index, () => stream.cancel(index));
      if (operation === 'values') seenFrom(index, () => void (iterator = stream.values()));
      if (operation === 'values, kept') seenFrom(index, () => void (iterator = stream.values({ preventCancel: true })));
      if (operation === 'next') seenFrom(index, () => iterator?.next());
      if (operation === 'return') seenFrom(index, () => iterator?.return?.(index));
      if (operation === 'tee') seenFrom(index, () => Promise.all(stream.tee().map(readAll)));
      if (operation === 'pipeThrough') seenFrom(index, () => readAll(stream.pipeThrough(new TransformStream())));
      log.push([index, 'locked', stream.locked]);
    }
    await macrotask();
    await macrotask();
    // Of what happened between two operations, the order is the implementation's own.
    return log.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  }

  const source = fc.record({
    values: fc.array(fc.nat(9), { maxLength: 4 }),
    end: fc.constantFrom('close', 'error', 'stall'),
    bytes: fc.boolean(),
    ahead: fc.nat(2),
  }) satisfies fc.Arbitrary<Source>;

  test('behave alike, observed or not', async () => {
    await fc.assert(
      fc.asyncProperty(source, fc.array(fc.constantFrom(...operations), { maxLength: 10 }), async (from, script) => {
        const [logs, others]: unknown[][] = [[], []];
        const played = await play(observed(open(from, logs!)), script, logs!);
        expect(played).toStrictEqual(await play(open(from, others!), script, others!));
      }),
    );
  });
});
