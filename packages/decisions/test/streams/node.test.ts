import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { setImmediate as macrotask } from 'node:timers/promises';
import { Duplex, PassThrough, Readable, Transform, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { audited } from '@decision-trail/decisions';
import { startSdk, stopSdk } from '../telemetry.js';
import type { Seen } from '../telemetry.js';
import { collect, ends, error, failingLater, numbersLater, observed, thrownBy } from './observed.js';

let seen: Seen;
beforeEach(async () => {
  seen = await startSdk();
});
afterEach(stopSdk);

describe('a Node stream', () => {
  const closed = (stream: Readable): Promise<void> =>
    new Promise((resolve) => void stream.once('close', () => setImmediate(resolve)));

  const objects = (...values: unknown[]): Readable => Readable.from(values);

  test('is the same object to its consumer, and does not flow by itself', async () => {
    const original = objects(1, 2);
    const names = Object.keys(original);
    const stream = observed(original);
    expect(stream).toBe(original);
    expect(Object.keys(stream)).toEqual(names);
    await macrotask();
    expect([stream.readableFlowing, stream.listenerCount('data')]).toEqual([null, 0]);
    stream.destroy();
    await closed(stream);
  });

  const ways: Record<string, (stream: Readable) => Promise<unknown>> = {
    'by data events': async (stream) => {
      const items: unknown[] = [];
      stream.on('data', (item) => items.push(item));
      await closed(stream);
      return items;
    },
    'by read()': async (stream) => {
      const items: unknown[] = [];
      stream.on('readable', () => {
        for (let item: unknown = stream.read(); item !== null; item = stream.read()) items.push(item);
      });
      await closed(stream);
      return items;
    },
    'by iteration': (stream) => collect(stream),
    'by a pipe': async (stream) => {
      const through = new PassThrough({ objectMode: true });
      return collect(stream.pipe(through));
    },
    'by a pipeline': async (stream) => {
      const items: unknown[] = [];
      const write = (item: unknown, _: unknown, done: () => void): void => {
        items.push(item);
        done();
      };
      await pipeline(stream, new Writable({ objectMode: true, write }));
      return items;
    },
    'by compose': (stream) => collect(stream.compose(new PassThrough({ objectMode: true }))),
    'by its helpers': (stream) => stream.map((item: unknown) => item).toArray(),
    'as a web stream': (stream) => collect(Readable.toWeb(stream) as AsyncIterable<unknown>),
  };
  test.each(Object.keys(ways))('is recorded when it is read %s', async (way) => {
    expect(await ways[way]?.(observed(objects('a', 'b', 'c')))).toEqual(['a', 'b', 'c']);
    expect(ends(seen)).toEqual([['completed', ['a', 'b', 'c']]]);
  });

  test('is recorded as its consumer wants it, in strings or bytes', async () => {
    const stream = observed(Readable.from([Buffer.from('é'), Buffer.from('t')], { objectMode: false }));
    stream.setEncoding('utf8');
    expect((await collect(stream)).join('')).toBe('ét');
    expect(seen.records).toMatchObject([{ stream: { ended: 'completed' } }]);
    expect((seen.records.flatMap(({ decision }) => decision) as string[]).join('')).toBe('ét');
  });

  test('that the consumer leaves early was returned', async () => {
    await collect(observed(objects(1, 2, 3)), 1);
    const stream = observed(objects(4, 5));
    const heard: unknown[] = [];
    stream.on('data', (item) => {
      heard.push(item);
      stream.destroy();
    });
    await closed(stream);
    const disposed = observed(objects(7, 8));
    await disposed[Symbol.asyncDispose]();
    const unread = observed(objects(6));
    unread.destroy();
    await closed(unread);
    expect(ends(seen)).toEqual([
      ['returned', [1]],
      ['returned', heard],
      ['returned', []],
      ['returned', []],
    ]);
  });

  test('that fails, is destroyed by an error or aborted is recorded so', async () => {
    const failed = observed(Readable.from(failingLater(error)));
    expect(await thrownBy(() => collect(failed))).toEqual({ thrown: error });

    const destroyed = observed(objects(2, 3));
    const heard: unknown[] = [];
    destroyed.on('data', (item) => {
      heard.push(item);
      destroyed.destroy(error);
    });
    expect(await new Promise((resolve) => void destroyed.on('error', resolve))).toBe(error);

    const controller = new AbortController();
    const read = (): void => {};
    const aborted = observed(new Readable({ objectMode: true, signal: controller.signal, read }));
    aborted.push(1);
    aborted.once('data', () => controller.abort());
    expect(await thrownBy(() => collect(aborted))).toMatchObject({ thrown: { name: 'AbortError' } });
    expect(ends(seen)).toEqual([
      ['failed', [1], 'RangeError'],
      ['failed', heard, 'RangeError'],
      ['aborted', [1], 'AbortError'],
    ]);
  });

  test('that tells of an error without being destroyed has failed', () => {
    const stream = observed(new Readable({ autoDestroy: false, read() {} }));
    expect(() => stream.emit('error', error)).toThrow(error);
    expect(ends(seen)).toEqual([['failed', [], 'RangeError']]);
  });

  test('that is both ways is recorded by what it gives', async () => {
    const upper = observed(
      new Transform({ transform: (chunk, _, done) => done(null, String(chunk).toUpperCase()) }).setEncoding('utf8'),
    );
    upper.end('a');
    expect(await collect(upper)).toEqual(['A']);
    const duplex = observed(Duplex.from(numbersLater(1)));
    expect(await collect(duplex)).toEqual([1]);
    expect(ends(seen)).toEqual([
      ['completed', ['A']],
      ['completed', [1]],
    ]);
  });

  test('that only takes is data', async () => {
    observed(new Writable());
    expect(seen.records).toHaveLength(1);
    expect(seen.records[0]).not.toHaveProperty('stream');
  });

  test('that has ended already is recorded so', async () => {
    const read = objects(1);
    await collect(read);
    const left = objects(1);
    left.destroy();
    await closed(left);
    const failed = objects(1).on('error', () => {});
    failed.destroy(error);
    await closed(failed);
    for (const stream of [read, left, failed]) observed(stream);
    expect(ends(seen)).toEqual([
      ['completed', []],
      ['returned', []],
      ['failed', [], 'RangeError'],
    ]);
  });

  test('produces in the context of its decision, is consumed outside', async () => {
    const inner = audited({ model: 'inner' })((x: number) => x);
    const answer = audited({ model: 'agent' })(() =>
      Readable.from(
        (async function* () {
          yield inner(1);
        })(),
      ),
    );
    for await (const value of answer()) inner((value as number) + 1);
    const agent = seen.records.find(({ model }) => model.name === 'agent');
    const parents = seen.records.filter(({ model }) => model.name === 'inner').map((r) => [r.decision, r.parentId]);
    expect(parents).toEqual([
      [1, agent?.id],
      [2, undefined],
    ]);
  });

  test('of two decorated layers is a record of each', async () => {
    await collect(observed(observed(objects(1))));
    expect(ends(seen)).toEqual([
      ['completed', [1]],
      ['completed', [1]],
    ]);
  });

  test('that is frozen is left alone', () => {
    const stream = Object.freeze(objects(1));
    expect(observed(stream)).toBe(stream);
    expect(seen.records[0]).not.toHaveProperty('stream');
  });
});
