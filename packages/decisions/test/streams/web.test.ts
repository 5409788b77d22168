import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { setImmediate as macrotask } from 'node:timers/promises';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { text } from 'node:stream/consumers';
import { audited } from '@decision-trail/decisions';
import { startSdk, stopSdk } from '../telemetry.js';
import type { Seen } from '../telemetry.js';
import { collect, ends, error, observed, thrownBy } from './observed.js';

let seen: Seen;
beforeEach(async () => {
  seen = await startSdk();
});
afterEach(stopSdk);

describe('a web stream', () => {
  function chunks(...values: unknown[]): ReadableStream<unknown> {
    const rest = [...values];
    return new ReadableStream({
      pull(controller) {
        if (rest.length === 0) return controller.close();
        const value = rest.shift();
        if (value instanceof Error) controller.error(value);
        else controller.enqueue(value);
      },
    });
  }

  function bytes(...values: string[]): ReadableStream<Uint8Array> {
    const rest = values.map((value) => new TextEncoder().encode(value));
    return new ReadableStream({
      type: 'bytes',
      pull(controller) {
        const value = rest.shift();
        if (value === undefined) {
          controller.close();
          controller.byobRequest?.respond(0);
        } else controller.enqueue(value);
      },
    });
  }

  async function drain(reader: { read(): Promise<{ done: boolean; value?: unknown }> }): Promise<unknown[]> {
    const values: unknown[] = [];
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return values;
      values.push(value);
    }
  }

  function sink(into: unknown[], failAt?: unknown): WritableStream<unknown> {
    return new WritableStream({
      write(chunk) {
        if (chunk === failAt) throw error;
        into.push(chunk);
      },
    });
  }

  test('is the same object to its consumer', () => {
    const original = chunks(1);
    const names = Object.keys(original);
    const stream = observed(original);
    expect(stream).toBe(original);
    expect(Object.keys(stream)).toEqual(names);
    expect(stream).toBeInstanceOf(ReadableStream);
    expect(stream.locked).toBe(false);
    expect(stream.values).toBe(stream[Symbol.asyncIterator]);
  });

  test('is recorded by its reader', async () => {
    const stream = observed(chunks(1, 2));
    const reader = stream.getReader();
    expect(reader).toBeInstanceOf(ReadableStreamDefaultReader);
    expect(stream.locked).toBe(true);
    expect(await drain(reader)).toEqual([1, 2]);
    expect(ends(seen)).toEqual([['completed', [1, 2]]]);
  });

  test('is recorded by several readers, one after the other', async () => {
    const stream = observed(chunks(1, 2, 3));
    const first = stream.getReader();
    await first.read();
    first.releaseLock();
    expect(await thrownBy(() => first.read())).toMatchObject({ thrown: { name: 'TypeError' } });
    const iterator = stream.values({ preventCancel: true });
    await iterator.next();
    await iterator.return?.();
    expect(seen.logs).toHaveLength(0);
    expect(await drain(stream.getReader())).toEqual([3]);
    expect(ends(seen)).toEqual([['completed', [1, 2, 3]]]);
  });

  test('rejects what was asked of a reader that is released, and gives it to the next', async () => {
    let source: { enqueue(chunk: unknown): void; close(): void } | undefined;
    const stream = observed(new ReadableStream({ start: (controller) => void (source = controller) }));
    const reader = stream.getReader();
    source?.enqueue(1);
    const [served, waiting] = [reader.read(), reader.read()];
    const { closed } = reader;
    reader.releaseLock();
    expect(stream.locked).toBe(false);
    expect(await served).toEqual({ done: false, value: 1 });
    for (const asked of [waiting, closed, reader.read(), reader.closed, reader.cancel()]) {
      expect(await thrownBy(() => asked)).toMatchObject({ thrown: { name: 'TypeError' } });
    }
    const next = stream.getReader();
    source?.enqueue(2);
    source?.close();
    expect(await drain(next)).toEqual([2]);
    await next.closed;
    expect(ends(seen)).toEqual([['completed', [1, 2]]]);
  });

  test('is complete when it closes behind the last chunk, also where nobody reads the end', async () => {
    let end: (() => void) | undefined;
    const stream = observed(
      new ReadableStream({
        start(controller) {
          end = () => {
            controller.enqueue(2);
            controller.close();
          };
          controller.enqueue(1);
        },
      }),
    );
    const reader = stream.getReader();
    await reader.read();
    const last = reader.read();
    end?.();
    await last;
    await reader.closed;
    expect(ends(seen)).toEqual([['completed', [1, 2]]]);
  });

  test('is recorded by its iteration', async () => {
    expect(await collect(observed(chunks(1, 2)))).toEqual([1, 2]);
    expect(await collect(observed(chunks(3, 4)), 1)).toEqual([3]);
    expect(await thrownBy(() => collect(observed(chunks(5, error))))).toEqual({ thrown: error });
    expect(ends(seen)).toEqual([
      ['completed', [1, 2]],
      ['returned', [3]],
      ['failed', [5], 'RangeError'],
    ]);
  });

  test('that is cancelled was returned', async () => {
    let reason: unknown;
    const stream = observed(new ReadableStream({ cancel: (why) => void (reason = why) }));
    await stream.cancel('enough');
    expect(reason).toBe('enough');
    const cancel = (): void => {
      throw error;
    };
    expect(await thrownBy(() => observed(new ReadableStream({ cancel })).cancel())).toEqual({ thrown: error });
    const locked = observed(chunks(1, 2));
    const reader = locked.getReader();
    expect(await thrownBy(() => locked.cancel())).toMatchObject({ thrown: { name: 'TypeError' } });
    await reader.read();
    await reader.cancel();
    expect(ends(seen)).toEqual([
      ['returned', []],
      ['failed', [], 'RangeError'],
      ['returned', [1]],
    ]);
  });

  test('that fails or is aborted is recorded so, with the same error', async () => {
    const reader = observed(chunks(1, error)).getReader();
    const { closed } = reader;
    expect(reader.closed).toBe(closed);
    expect(await thrownBy(() => drain(reader))).toEqual({ thrown: error });
    // Nobody has to handle it.
    await macrotask();
    expect(await thrownBy(() => closed)).toEqual({ thrown: error });
    const controller = new AbortController();
    const aborted = observed(
      new ReadableStream({
        start(source) {
          source.enqueue(1);
          controller.signal.addEventListener('abort', () => source.error(controller.signal.reason));
        },
      }),
    ).getReader();
    await aborted.read();
    const rest = aborted.read();
    controller.abort();
    expect(await thrownBy(() => rest)).toMatchObject({ thrown: { name: 'AbortError' } });
    expect(ends(seen)).toEqual([
      ['failed', [1], 'RangeError'],
      ['aborted', [1], 'AbortError'],
    ]);
  });

  test('is recorded through a pipe', async () => {
    const into: unknown[] = [];
    const stream = observed(chunks(1, 2));
    const piped = stream.pipeTo(sink(into));
    expect(stream.locked).toBe(true);
    await piped;
    expect(stream.locked).toBe(false);
    expect(into).toEqual([1, 2]);

    const upper = new TransformStream({ transform: (chunk, out) => out.enqueue(String(chunk).toUpperCase()) });
    const through = observed(chunks('a', 'b')).pipeThrough(upper);
    expect(through).toBe(upper.readable);
    expect(await collect(through)).toEqual(['A', 'B']);
    expect(ends(seen)).toEqual([
      ['completed', [1, 2]],
      ['completed', ['a', 'b']],
    ]);
  });

  test('passes errors and cancels through a pipe both ways', async () => {
    let aborted: unknown;
    const target = new WritableStream({ abort: (why) => void (aborted = why) });
    expect(await thrownBy(() => observed(chunks(1, error)).pipeTo(target))).toEqual({ thrown: error });
    expect(aborted).toBe(error);

    let cancelled: unknown;
    const source = () =>
      new ReadableStream({
        pull: (controller) => controller.enqueue(1),
        cancel: (why) => void (cancelled = why),
      });
    expect(await thrownBy(() => observed(source()).pipeTo(sink([], 1)))).toEqual({ thrown: error });
    expect(cancelled).toBe(error);

    const reader = observed(source()).pipeThrough(new TransformStream()).getReader();
    await reader.read();
    await reader.cancel('enough');
    await macrotask();
    expect(cancelled).toBe('enough');
    expect(seen.records.map(({ stream }) => stream?.ended)).toEqual(['failed', 'returned', 'returned']);
  });

  test('can be read on after a pipe that does not cancel it', async () => {
    const into: unknown[] = [];
    const stream = observed(chunks(1, 2, 3));
    const piped = stream.pipeTo(sink(into, 2), { preventCancel: true });
    expect(await thrownBy(() => piped)).toEqual({ thrown: error });
    expect(stream.locked).toBe(false);
    expect(seen.logs).toHaveLength(0);
    expect(await collect(stream)).toEqual([3]);
    expect(ends(seen)).toEqual([['completed', [1, 2, 3]]]);
  });

  test('refuses to be piped as before', async () => {
    const stream = observed(chunks(1));
    const target = sink([]);
    target.getWriter();
    for (const to of [target, {}, undefined]) {
      expect(await thrownBy(() => stream.pipeTo(to as never))).toMatchObject({ thrown: { name: 'TypeError' } });
      const transform = { writable: to, readable: chunks() };
      expect(await thrownBy(() => stream.pipeThrough(transform as never))).toMatchObject({
        thrown: { name: 'TypeError' },
      });
    }
    expect(stream.locked).toBe(false);
    expect(await collect(stream)).toEqual([1]);
    expect(ends(seen)).toEqual([['completed', [1]]]);
  });

  test('is recorded by its branches, once', async () => {
    const stream = observed(chunks(1, 2));
    const branches = stream.tee();
    expect(stream.locked).toBe(true);
    expect(await Promise.all(branches.map((branch) => collect(branch)))).toEqual([
      [1, 2],
      [1, 2],
    ]);
    const [one, two] = observed(chunks(1, error)).tee();
    expect(await thrownBy(() => collect(one))).toEqual({ thrown: error });
    expect(await thrownBy(() => collect(two))).toEqual({ thrown: error });
    const cancelled = observed(chunks(1, 2)).tee();
    await Promise.all(cancelled.map((branch) => branch.cancel()));
    expect(ends(seen)).toEqual([
      ['completed', [1, 2]],
      ['failed', [1], 'RangeError'],
      ['returned', []],
    ]);
  });

  test('of bytes may be read into buffers of the consumer', async () => {
    const stream = observed(bytes('app', 'rove'));
    const released = stream.getReader({ mode: 'byob' });
    released.releaseLock();
    expect(await thrownBy(() => released.cancel())).toMatchObject({ thrown: { name: 'TypeError' } });
    const reader = stream.getReader({ mode: 'byob' });
    expect(reader).toBeInstanceOf(ReadableStreamBYOBReader);
    const parts: string[] = [];
    let buffer = new ArrayBuffer(4);
    for (;;) {
      const { done, value } = await reader.read(new Uint8Array(buffer));
      buffer = value?.buffer as ArrayBuffer;
      if (done) break;
      parts.push(new TextDecoder().decode(value));
    }
    expect(parts.join('')).toBe('approve');
    expect(seen.records).toMatchObject([{ stream: { items: parts.length, ended: 'completed' } }]);
    expect(buffer.byteLength).toBe(4);
  });

  test('of bytes that ends while more is asked for gives what there is', async () => {
    const reader = observed(bytes('app')).getReader({ mode: 'byob' });
    const first = await reader.read(new Uint8Array(8), { min: 8 });
    expect(new TextDecoder().decode(first.value)).toBe('app');
    if (!first.done) await reader.read(new Uint8Array(8));
    await reader.closed;
    expect(seen.records).toMatchObject([{ stream: { items: 1, ended: 'completed' } }]);
  });

  test('of bytes has branches of bytes', async () => {
    const [one, two] = observed(bytes('app', 'rove')).tee();
    const reader = one.getReader({ mode: 'byob' });
    const first = await reader.read(new Uint8Array(16));
    expect(new TextDecoder().decode(first.value)).toBe('app');
    reader.releaseLock();
    const rest = await collect(one);
    expect(rest.map((part) => new TextDecoder().decode(part))).toEqual(['rove']);
    expect((await collect(two)).map((part) => part.byteLength)).toEqual([3, 4]);
    expect(seen.records).toMatchObject([{ stream: { items: 2, ended: 'completed' } }]);
  });

  test('of bytes ends in a buffer of the consumer too', async () => {
    const [one, two] = observed(bytes('app')).tee();
    const reader = one.getReader({ mode: 'byob' });
    await reader.read(new Uint8Array(16));
    const last = await reader.read(new Uint8Array(16));
    expect([last.done, last.value?.byteLength]).toEqual([true, 0]);
    expect(await collect(two)).toHaveLength(1);
    expect(seen.records).toMatchObject([{ stream: { items: 1, ended: 'completed' } }]);
  });

  test('is recorded as the body of a response', async () => {
    expect(await new Response(observed(bytes('app', 'rove')) as never).text()).toBe('approve');
    const body = new Response(observed(bytes('de', 'ny')) as never).body;
    expect(await text(body as never)).toBe('deny');
    expect(seen.records).toMatchObject([
      { stream: { items: 2, ended: 'completed' } },
      { stream: { items: 2, ended: 'completed' } },
    ]);
  });

  test('as the body of a response that is cloned is recorded rightly, if at all', async () => {
    const response = new Response(observed(bytes('app', 'rove')) as never);
    const copy = response.clone();
    expect([await response.text(), await copy.text()]).toEqual(['approve', 'approve']);
    // Node 26 branches it from within: nothing is known of it until it is collected.
    const said = seen.records.map(({ stream }) => stream);
    expect([[], [{ items: 2, ended: 'completed' }]]).toContainEqual(said);
  });

  test('is recorded by what Node makes of it', async () => {
    expect(await text(Readable.fromWeb(observed(chunks('a', 'b')) as never))).toBe('ab');
    expect(await text(observed(chunks('c')) as never)).toBe('c');
    const into: unknown[] = [];
    await pipeline(
      observed(chunks('d')) as never,
      new Writable({ write: (d, _, done) => (into.push(String(d)), done()) }),
    );
    expect(into).toEqual(['d']);
    expect(ends(seen)).toEqual([
      ['completed', ['a', 'b']],
      ['completed', ['c']],
      ['completed', ['d']],
    ]);
  });

  test('of a class that iterates in its own way counts each chunk once', async () => {
    class Lines extends ReadableStream<unknown> {
      override [Symbol.asyncIterator](): ReturnType<ReadableStream['values']> {
        return this.#lines() as never;
      }

      async *#lines(): AsyncGenerator {
        await macrotask();
        yield* await drain(this.getReader());
      }
    }
    class Chained extends ReadableStream<unknown> {
      #reader: ReadableStreamDefaultReader<unknown> | undefined;

      next(): Promise<unknown> {
        this.#reader ??= this.getReader();
        return this.#reader.read();
      }

      override [Symbol.asyncIterator](): ReturnType<ReadableStream['values']> {
        return this as never;
      }
    }
    class Eager extends ReadableStream<unknown> {
      override [Symbol.asyncIterator](): ReturnType<ReadableStream['values']> {
        const reader = this.getReader();
        return { next: () => reader.read() } as never;
      }
    }
    for (const Class of [Lines, Chained, Eager]) {
      const source: ConstructorParameters<typeof ReadableStream>[0] = {
        start(controller) {
          controller.enqueue(1);
          controller.enqueue(2);
          controller.close();
        },
      };
      expect(await collect(observed<AsyncIterable<unknown>>(new Class(source)))).toEqual([1, 2]);
    }
    expect(ends(seen)).toEqual([
      ['completed', [1, 2]],
      ['completed', [1, 2]],
      ['completed', [1, 2]],
    ]);
  });

  test('of a class that is piped in its own way is piped so', async () => {
    class Slow extends ReadableStream<unknown> {
      readonly #pace = 'slow';

      override async pipeTo(target: WritableStream<unknown>): Promise<void> {
        const writer = target.getWriter();
        for (const value of await drain(this.getReader())) await writer.write(`${this.#pace} ${String(value)}`);
      }
    }
    const into: unknown[] = [];
    const start = (controller: ReadableStreamDefaultController): void => {
      controller.enqueue(1);
      controller.close();
    };
    await observed(new Slow({ start })).pipeTo(sink(into));
    expect(into).toEqual(['slow 1']);
    expect(ends(seen)).toEqual([['completed', [1]]]);
  });

  test('that fails behind a chunk gives Node as much as before', async () => {
    const play = async (observe: <T>(stream: T) => T): Promise<unknown> => {
      const heard: unknown[] = [];
      let source: ReadableStreamDefaultController | undefined;
      const stream = observe(new ReadableStream({ start: (controller) => void (source = controller) }));
      const readable = Readable.fromWeb(stream as never, { objectMode: true });
      readable.on('data', (item) => heard.push(item));
      const failed = new Promise((resolve) => void readable.on('error', resolve));
      await macrotask();
      source?.enqueue(1);
      source?.error(error);
      return [await failed, heard];
    };
    const heard = await play(observed);
    expect(heard).toEqual(await play((stream) => stream));
    expect(ends(seen)).toEqual([['failed', [1], 'RangeError']]);
  });

  test('produces in the context of its decision', async () => {
    const inner = audited({ model: 'inner' })((x: number) => x);
    const answer = audited({ model: 'agent' })(
      () =>
        new ReadableStream(
          {
            pull(controller) {
              controller.enqueue(inner(1));
              controller.close();
            },
          },
          { highWaterMark: 0 },
        ),
    );
    await collect(answer());
    const [first, second] = seen.records;
    expect([first?.model.name, first?.parentId, second?.model.name]).toEqual(['inner', second?.id, 'agent']);
  });

  test('of two decorated layers is a record of each', async () => {
    const into: unknown[] = [];
    await observed(observed(chunks(1, 2))).pipeTo(sink(into));
    expect(into).toEqual([1, 2]);
    expect(ends(seen)).toEqual([
      ['completed', [1, 2]],
      ['completed', [1, 2]],
    ]);
  });

  test('that is frozen is left alone', async () => {
    expect(await collect(observed(Object.freeze(chunks(1, 2))))).toEqual([1, 2]);
    expect(seen.records).toHaveLength(1);
    expect(seen.records[0]).not.toHaveProperty('stream');
  });
});
