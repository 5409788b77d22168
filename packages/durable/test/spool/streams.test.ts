import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import fc from 'fast-check';
import { expect, test } from 'vitest';

import type { Note } from '../../src/send/queue.ts';
import { readDeadLetters } from '../../src/spool/dead-letters.ts';
import { Files } from '../../src/spool/files.ts';
import { KIND } from '../../src/spool/frame.ts';
import type { Damage } from '../../src/spool/reader.ts';
import { Streams } from '../../src/spool/streams.ts';
import type { Stream } from '../../src/spool/stream.ts';
import { StreamWriter } from '../../src/spool/writer.ts';
import { appendLog, origin, temporaryDirectory, texts, withHeadroom } from './support.ts';

const ALL = { framesMax: 1_000, bytesMax: 1_000_000 };
const A = origin('a');

interface Opened {
  readonly spool: Streams;
  readonly damage: Damage[];
}

function open(directory: string, now: () => number = Date.now): Opened {
  const damage: Damage[] = [];
  const onError = (error: Error): never => {
    throw error;
  };
  return { spool: new Streams(directory, { now, onDamage: (found) => damage.push(found), onError }), damage };
}

/** A stream that its process has left: so many records in segments of three. */
function leftBehind(directory: string, records: number): StreamWriter {
  const writer = new StreamWriter(directory, { segmentBytes: 360 });
  for (let index = 1; index <= records; index += 1) appendLog(writer, A, `record ${index}`);
  writer.close();
  return writer;
}

async function drain(stream: Stream): Promise<string[]> {
  const all: string[] = [];
  for (const queue of [stream.logs, stream.traces]) {
    for (let batch = await queue.next(ALL); batch !== undefined; batch = await queue.next(ALL)) {
      all.push(...texts(batch.frames));
      await queue.acknowledge(batch);
    }
  }
  return all;
}

const segmentsOf = (directory: string): string[] => readdirSync(directory).filter((name) => name.endsWith('.segment'));

test('a batch is the same until it is acknowledged, as large as the limits allow, and at least one', async () => {
  const writer = new StreamWriter(temporaryDirectory());
  const { spool } = open(join(writer.directory, '..'));
  const { logs, traces } = spool.attach(writer);
  expect(await logs.next(ALL)).toBeUndefined();
  for (let index = 1; index <= 5; index += 1) appendLog(writer, A, 'x'.repeat(100));
  writer.append(KIND.span, A, withHeadroom('span'));
  const five = await logs.next(ALL);
  expect(five?.frames.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5]);
  expect((await logs.next({ framesMax: 2, bytesMax: 1e6 }))?.frames).toEqual(five!.frames.slice(0, 2));
  expect((await logs.next({ framesMax: 9, bytesMax: 350 }))?.frames).toEqual(five!.frames.slice(0, 3));
  expect((await logs.next({ framesMax: 9, bytesMax: 1 }))?.frames).toEqual(five!.frames.slice(0, 1));
  // Parts may be acknowledged in any order, and again.
  await logs.acknowledge({ frames: [five!.frames[1]!] });
  expect((await logs.next(ALL))?.frames.map(({ sequence }) => sequence)).toEqual([1, 3, 4, 5]);
  await logs.acknowledge({ frames: [five!.frames[0]!] });
  await logs.acknowledge({ frames: five!.frames.slice(0, 2) });
  expect((await logs.next(ALL))?.frames.map(({ sequence }) => sequence)).toEqual([3, 4, 5]);
  expect(texts((await traces.next(ALL))!.frames)).toEqual(['span']);
  writer.close();
});

test('another process goes on where the last acknowledgement was', async () => {
  const directory = temporaryDirectory();
  const { streamId } = leftBehind(directory, 10);
  for (const expected of [
    [1, 2, 3, 4],
    [5, 6, 7, 8],
    [9, 10],
  ]) {
    const { spool, damage } = open(directory);
    const stream = spool.adopt(streamId)!;
    const batch = await stream.logs.next({ framesMax: 4, bytesMax: 1e6 });
    expect(batch!.frames.map(({ sequence }) => sequence)).toEqual(expected);
    await stream.logs.acknowledge(batch!);
    spool.release(stream);
    expect(damage).toEqual([]);
  }
});

test('with a cursor that is damaged delivery goes on from the older slot, or begins again', async () => {
  const directory = temporaryDirectory();
  const writer = leftBehind(directory, 6);
  const path = join(writer.directory, 'logs.cursor');
  const firstLeft = async (): Promise<number | undefined> => {
    const { spool } = open(directory);
    const stream = spool.adopt(writer.streamId)!;
    const batch = await stream.logs.next(ALL);
    spool.release(stream);
    return batch?.frames[0]?.sequence;
  };
  const { spool } = open(directory);
  const stream = spool.adopt(writer.streamId)!;
  for (let index = 0; index < 3; index += 1) {
    await stream.logs.acknowledge((await stream.logs.next({ framesMax: 1, bytesMax: 1e6 }))!);
  }
  spool.release(stream);
  expect(await firstLeft()).toBe(4);
  const bytes = readFileSync(path);
  expect(bytes.length).toBe(128);
  for (let bit = 0; bit < 128 * 8; bit += 1) {
    const changed = Buffer.from(bytes);
    changed[bit >> 3]! ^= 1 << (bit & 7);
    writeFileSync(path, changed);
    // The newest slot, of generation 3, is the second one.
    expect(await firstLeft(), `bit ${bit}`).toBe(bit < 64 * 8 ? 4 : 3);
  }
  for (const length of [0, 63]) {
    writeFileSync(path, bytes.subarray(0, length));
    expect(await firstLeft()).toBe(1);
  }
});

test('a cursor that is ahead of what is there is told of, and the rest is delivered', async () => {
  const directory = temporaryDirectory();
  const writer = leftBehind(directory, 6);
  const { spool } = open(directory);
  const stream = spool.adopt(writer.streamId)!;
  await stream.logs.acknowledge((await stream.logs.next({ framesMax: 2, bytesMax: 1e6 }))!);
  spool.release(stream);
  const [first] = segmentsOf(writer.directory);
  truncateSync(join(writer.directory, first!), 70);
  const next = open(directory);
  const again = next.spool.adopt(writer.streamId)!;
  const batch = await again.logs.next(ALL);
  expect(batch?.frames.map(({ sequence }) => sequence)).not.toContain(1);
  expect(batch?.frames.at(-1)?.sequence).toBe(6);
  expect(next.damage.map(({ what }) => what)).toContain('ahead');
  next.spool.release(again);
});

test('what a Collector refuses is kept with its note, origin and number', async () => {
  const directory = temporaryDirectory();
  const writer = new StreamWriter(directory);
  const b = origin('b');
  appendLog(writer, A, 'one', Buffer.alloc(32, 1));
  appendLog(writer, b, 'two');
  appendLog(writer, A, 'three');
  const { spool } = open(directory);
  const { logs } = spool.attach(writer);
  const { frames } = (await logs.next(ALL))!;
  const note: Note = { at: 5, signal: 'logs', reason: 'refused', status: 400, message: 'm'.repeat(2_000) };
  await Promise.all([
    logs.bury(frames.slice(0, 2), note),
    logs.bury(frames.slice(2), { ...note, reason: 'too-large' }),
  ]);
  const segments = [...readDeadLetters(writer.directory, writer.streamId, new Files())];
  const letters = segments.flatMap((segment) => segment.letters);
  expect(letters.map((letter) => letter.note)).toEqual([
    { ...note, message: 'm'.repeat(1_024) },
    { ...note, message: 'm'.repeat(1_024), reason: 'too-large' },
  ]);
  const kept = letters.flatMap((letter) => letter.frames);
  expect(texts(kept)).toEqual(['one', 'two', 'three']);
  expect(kept.map(({ sequence, timeMs }) => [sequence, timeMs])).toEqual(
    frames.map(({ sequence, timeMs }) => [sequence, timeMs]),
  );
  expect(kept.map((frame) => frame.origin)).toEqual([A, b, A]);
  expect(kept[0]!.leafHash[0]).toBe(1);
  expect(spool.totals().deadLetterBytes).toBeGreaterThan(0);
  writer.close();
});

test('acknowledged segments are kept for a day, or as long as there is room, and then deleted', async () => {
  const directory = temporaryDirectory();
  let now = Date.now();
  const writer = leftBehind(directory, 9);
  const { spool } = open(directory, () => now);
  const stream = spool.adopt(writer.streamId)!;
  const { logs, traces } = stream;
  await logs.acknowledge((await logs.next({ framesMax: 7, bytesMax: 1e6 }))!);
  expect(await traces.next(ALL)).toBeUndefined();
  const all = segmentsOf(writer.directory);
  expect(await spool.clean()).toBe(0);
  // Only those that logs have passed as well.
  expect(await spool.clean({ retainedBytesMax: 0 })).toBeGreaterThan(0);
  const left = segmentsOf(writer.directory);
  expect(left.length).toBeGreaterThan(0);
  expect(left.length).toBeLessThan(all.length);
  expect(spool.totals()).toMatchObject({ streams: 1, deadLetterBytes: 0, damagedBytes: 0 });
  expect(spool.totals().oldestWaitingMs).toBeGreaterThan(0);
  await drain(stream);
  expect(spool.totals()).toMatchObject({ waitingBytes: 0, oldestWaitingMs: undefined });
  expect(await spool.clean()).toBe(0);
  now += 25 * 3_600_000;
  expect(await spool.clean()).toBeGreaterThan(0);
  expect(readdirSync(directory)).toEqual([]);
  expect(spool.streams).toEqual([]);
});

test('a stream in which nothing was ever written is removed', async () => {
  const directory = temporaryDirectory();
  const { spool } = open(directory);
  for (const id of ['0189d5c8-7a10-4b3c-8d2e-000000000001', '0189d5c8-7a10-4b3c-8d2e-000000000002']) {
    mkdirSync(join(directory, id));
  }
  const [first, second] = spool.list();
  writeFileSync(join(first!.directory, '0000000001.segment'), '');
  expect(spool.list().map(({ state }) => state)).toEqual(['free', 'kept']);
  expect(await drain(spool.adopt(first!.id)!)).toEqual([]);
  await spool.clean({ retainedBytesMax: -1 });
  // One is being made at this moment, for all that is known.
  expect(readdirSync(directory)).toEqual([second!.id]);
  utimesSync(second!.directory, 1, 1);
  await spool.clean();
  expect(readdirSync(directory)).toEqual([]);
});

test('a damaged segment is kept when all else of its stream is gone', async () => {
  const directory = temporaryDirectory();
  const writer = leftBehind(directory, 9);
  const name = segmentsOf(writer.directory)[1]!;
  const path = join(writer.directory, name);
  const bytes = readFileSync(path);
  bytes[bytes.length - 100]! ^= 1;
  writeFileSync(path, bytes);
  const { spool, damage } = open(directory);
  const read = await drain(spool.adopt(writer.streamId)!);
  expect(damage).toMatchObject([{ what: 'corrupt', segment: 2, recordsMissing: 1 }]);
  expect(read).toHaveLength(8);
  await spool.clean({ retainedBytesMax: 0 });
  expect(readdirSync(writer.directory)).toEqual(['damaged']);
  expect(readFileSync(join(writer.directory, 'damaged', name)).equals(bytes)).toBe(true);
  expect(spool.list()).toMatchObject([{ state: 'kept' }]);
  expect(spool.totals().damagedBytes).toBe(bytes.length);
});

test('a stream of a newer version is left as it is', async () => {
  const directory = temporaryDirectory();
  const id = '0189d5c8-7a10-4b3c-8d2e-1f6a5b4c3d2e';
  const vector = join(import.meta.dirname, '../../../../test/vectors/spool/newer/0000000001.segment');
  mkdirSync(join(directory, id));
  writeFileSync(join(directory, id, '0000000001.segment'), readFileSync(vector));
  const { spool, damage } = open(directory);
  const stream = spool.adopt(id)!;
  expect(await drain(stream)).toEqual([]);
  expect(damage).toMatchObject([{ what: 'unknown' }]);
  await spool.clean({ retentionMs: -1, retainedBytesMax: 0 });
  expect(statSync(join(directory, id, '0000000001.segment')).size).toBeGreaterThan(64);
  spool.release(stream);
});

test('a stream that another process writes is not adopted', () => {
  const directory = temporaryDirectory();
  const writer = new StreamWriter(directory);
  appendLog(writer, A, 'one');
  const { spool } = open(directory);
  expect(spool.list()).toMatchObject([{ id: writer.streamId, state: 'owned' }]);
  expect(spool.adopt(writer.streamId)).toBeUndefined();
  expect(spool.adopt('../x')).toBeUndefined();
  writer.close();
  expect(spool.list()).toMatchObject([{ state: 'free' }]);
});

test('a spool that is not there is empty', () => {
  const directory = temporaryDirectory();
  rmSync(directory, { recursive: true });
  const { spool } = open(directory);
  expect(spool.list()).toEqual([]);
  expect(spool.totals()).toMatchObject({ streams: 0, segmentBytes: 0 });
  expect(existsSync(directory)).toBe(false);
});

test('whatever is appended, read, acknowledged, deleted and restarted: each record is delivered once, in order', async () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('append' as const), bytes: fc.integer({ min: 1, max: 300 }), span: fc.boolean() }),
    fc.record({ do: fc.constant('deliver' as const), framesMax: fc.integer({ min: 1, max: 5 }), span: fc.boolean() }),
    fc.record({ do: fc.constantFrom('clean' as const, 'restart' as const, 'commit' as const) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const directory = temporaryDirectory();
      const expected = { logs: [] as string[], traces: [] as string[] };
      const delivered = { logs: [] as string[], traces: [] as string[] };
      let count = 0;
      let writer = new StreamWriter(directory, { segmentBytes: 700 });
      let { spool, damage } = open(directory);
      let current = spool.attach(writer);
      const older: Stream[] = [];
      const deliver = async (stream: Stream, signal: 'logs' | 'traces', framesMax: number): Promise<boolean> => {
        const batch = await stream[signal].next({ framesMax, bytesMax: 500 });
        if (batch === undefined) return false;
        delivered[signal].push(...texts(batch.frames));
        await stream[signal].acknowledge(batch);
        return true;
      };
      const finish = async (stream: Stream): Promise<void> => {
        for (const signal of ['logs', 'traces'] as const) while (await deliver(stream, signal, 3));
      };
      for (const step of steps) {
        if (step.do === 'append') {
          count += 1;
          const text = `${count} ${'x'.repeat(step.bytes)}`;
          expected[step.span ? 'traces' : 'logs'].push(text);
          writer.append(step.span ? KIND.span : KIND.logRecord, origin(String(step.bytes % 3)), withHeadroom(text));
        } else if (step.do === 'deliver') await deliver(current, step.span ? 'traces' : 'logs', step.framesMax);
        else if (step.do === 'clean') await spool.clean({ retainedBytesMax: 0 });
        else if (step.do === 'commit') await writer.commit();
        else {
          writer.close();
          spool.release(current);
          for (const stream of older.splice(0)) spool.release(stream);
          ({ spool, damage } = open(directory));
          for (const { id } of spool.list()) older.push(spool.adopt(id)!);
          for (const stream of older) await finish(stream);
          writer = new StreamWriter(directory, { segmentBytes: 700 });
          current = spool.attach(writer);
        }
      }
      await finish(current);
      writer.close();
      expect(delivered).toEqual(expected);
      expect(damage).toEqual([]);
    }),
    { numRuns: 60 },
  );
});

test('frames stay as they were read until they are acknowledged, however much is read and acknowledged around them', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ framesMax: fc.integer({ min: 1, max: 900 }), ahead: fc.boolean() }), { maxLength: 30 }),
      async (steps) => {
        const directory = temporaryDirectory();
        const writer = new StreamWriter(directory);
        const { spool, damage } = open(directory);
        const { logs } = spool.attach(writer);
        // Three chunks and a part, so that their memory is used again.
        const text = (n: number): string => `${n} ${'x'.repeat(1_000)}`;
        for (let n = 0; n < 3_300; n++) appendLog(writer, A, text(n));
        let next = 0;
        for (const { framesMax, ahead } of [...steps, { framesMax: 5_000, ahead: true }]) {
          const batch = await logs.next({ framesMax, bytesMax: 8 * 1024 * 1024 });
          if (batch === undefined) break;
          if (ahead) await logs.next({ framesMax: 5_000, bytesMax: 8 * 1024 * 1024 });
          expect(texts(batch.frames)).toEqual(batch.frames.map((_, index) => text(next + index)));
          next += batch.frames.length;
          await logs.acknowledge(batch);
        }
        expect(next).toBe(3_300);
        expect(damage).toEqual([]);
        spool.release(spool.streams[0]!);
        writer.close();
      },
    ),
    { numRuns: 20 },
  );
});
