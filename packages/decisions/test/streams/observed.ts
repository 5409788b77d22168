import { audited } from '@decision-trail/decisions';
import type { Seen } from '../telemetry.js';

/** What the decorated function returns where the function returns `stream`. */
export function observed<T>(stream: T): T {
  return audited({ model: 'stream' })(() => stream)();
}

/** How the streams went whose records were made by now: the end, the items, and the error's type. */
export function ends(seen: Seen): unknown[] {
  return seen.records.map(({ stream, decision, error }) => {
    const list = stream?.items === 0 ? (decision ?? []) : decision;
    return [stream?.ended, list, ...(error === undefined ? [] : [error.type])];
  });
}

export const error = new RangeError('the model is out of range');

export function* numbers(...values: number[]): Generator<number, void, unknown> {
  yield* values;
}

export async function* numbersLater(...values: number[]): AsyncGenerator<number, void, unknown> {
  for (const value of values) {
    await Promise.resolve();
    yield value;
  }
}

export function* failing(thrown: unknown): Generator<number> {
  yield 1;
  throw thrown;
}

export async function* failingLater(thrown: unknown): AsyncGenerator<number> {
  yield 1;
  await Promise.resolve();
  throw thrown;
}

export async function collect<T>(stream: AsyncIterable<T> | Iterable<T>, max = Infinity): Promise<T[]> {
  const items: T[] = [];
  for await (const item of stream) {
    items.push(item);
    if (items.length >= max) break;
  }
  return items;
}

export async function thrownBy(run: () => unknown): Promise<unknown> {
  try {
    await run();
  } catch (thrown) {
    return { thrown };
  }
  return 'nothing';
}
