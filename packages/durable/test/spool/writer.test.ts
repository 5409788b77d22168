import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { expect, test } from 'vitest';

import { SpoolError } from '../../src/errors.ts';
import { Files } from '../../src/spool/files.ts';
import { KIND, PAYLOAD_BYTES_MAX } from '../../src/spool/frame.ts';
import { StreamWriter } from '../../src/spool/writer.ts';
import { appendLog, origin, readStream, temporaryDirectory, texts, withHeadroom } from './support.ts';

const codeOf = (work: () => void): string => {
  try {
    work();
    return 'none';
  } catch (error) {
    return error instanceof SpoolError ? error.code : String(error);
  }
};

test('nothing is on disk before the first record, and nothing stays of an empty stream', () => {
  const spool = join(temporaryDirectory(), 'deep', 'spool');
  const writer = new StreamWriter(spool);
  expect(readdirSync(spool)).toEqual([]);
  writer.close();
  expect(readdirSync(spool)).toEqual([]);
});

test('records come back with number, origin, time, hash and bytes, for their user alone', async () => {
  const spool = temporaryDirectory();
  const writer = new StreamWriter(spool, { now: () => 1_234 });
  const [a, b] = [origin('a'), origin('b')];
  const hash = Buffer.alloc(32, 7);
  expect(appendLog(writer, a, 'one', hash)).toBe(1);
  writer.append(KIND.span, b, withHeadroom('span'));
  expect(appendLog(writer, b, 'two')).toBe(2);
  writer.close();

  const { frames, damage } = await readStream(writer.directory, writer.streamId);
  expect(damage).toEqual([]);
  expect(texts(frames)).toEqual(['one', 'two']);
  expect(frames.map(({ sequence, timeMs }) => [sequence, timeMs])).toEqual([
    [1, 1_234],
    [2, 1_234],
  ]);
  expect(frames.map(({ leafHash }) => Buffer.from(leafHash))).toEqual([hash, Buffer.alloc(32)]);
  expect(frames.map((frame) => frame.origin)).toEqual([a, b]);
  const spans = await readStream(writer.directory, writer.streamId, { kind: KIND.span });
  expect(spans.frames.map(({ sequence }) => sequence)).toEqual([1]);
  expect(statSync(writer.directory).mode & 0o777).toBe(0o700);
  expect(statSync(join(writer.directory, '0000000001.segment')).mode & 0o777).toBe(0o600);
});

test('segments are filled and followed by others, each with the origins it needs', async () => {
  const writer = new StreamWriter(temporaryDirectory(), { segmentBytes: 1_000 });
  const from = origin('a');
  const written = Array.from({ length: 40 }, (_, index) => `${index}`.padStart(80, '.'));
  for (const text of written) appendLog(writer, from, text);
  writer.close();
  const segments = readdirSync(writer.directory).filter((name) => name.endsWith('.segment'));
  expect(segments.length).toBeGreaterThan(3);
  for (const name of segments) expect(statSync(join(writer.directory, name)).size).toBeLessThanOrEqual(1_000);
  const { frames, damage } = await readStream(writer.directory, writer.streamId);
  expect(texts(frames)).toEqual(written);
  expect(damage).toEqual([]);
  expect(new Set(frames.map((frame) => frame.origin)).size).toBe(1);
});

test('a record that is too large or empty is refused, and the next one takes its number', () => {
  const writer = new StreamWriter(temporaryDirectory());
  const from = origin('a');
  expect(codeOf(() => appendLog(writer, from, Buffer.alloc(PAYLOAD_BYTES_MAX + 1)))).toBe('TOO_LARGE');
  expect(codeOf(() => appendLog(writer, from, ''))).toBe('TOO_LARGE');
  const huge = { resource: Buffer.alloc(PAYLOAD_BYTES_MAX), scope: Buffer.alloc(0) };
  expect(codeOf(() => appendLog(writer, huge, 'x'))).toBe('TOO_LARGE');
  expect(appendLog(writer, from, Buffer.alloc(PAYLOAD_BYTES_MAX))).toBe(1);
  writer.close();
  expect(codeOf(() => appendLog(writer, from, 'x'))).toBe('CLOSED');
});

test('a directory that cannot be made is told of at once, with what to do', () => {
  const file = join(temporaryDirectory(), 'file');
  const writer = new StreamWriter(dirname(file));
  appendLog(writer, origin('a'), 'x');
  writer.close();
  const segment = join(writer.directory, '0000000001.segment');
  expect(() => new StreamWriter(segment)).toThrow(/Give the spool a directory/);
  expect(codeOf(() => new StreamWriter(segment))).toBe('IO');
});

test('commit covers what was appended before it, and a callback hears of it', async () => {
  const commits: number[] = [];
  const writer = new StreamWriter(temporaryDirectory(), { onCommit: ({ records }) => commits.push(records) });
  const from = origin('a');
  appendLog(writer, from, 'one');
  appendLog(writer, from, 'two');
  const first = writer.commit();
  expect(writer.commit()).toBe(first);
  appendLog(writer, from, 'three');
  const second = writer.commit();
  expect(second).not.toBe(first);
  expect(writer.pending).toBe(3);
  await second;
  expect(writer.pending).toBe(0);
  expect(commits.reduce((sum, count) => sum + count, 0)).toBe(3);
  await expect(writer.commit()).resolves.toBeUndefined();
  writer.close();
});

test('what nobody commits is committed after the interval', async () => {
  const due: (() => void)[] = [];
  let committed: (records: number) => void = () => {};
  const ended = new Promise<number>((resolve) => {
    committed = resolve;
  });
  const writer = new StreamWriter(temporaryDirectory(), {
    schedule: (work, delayMs) => {
      expect(delayMs).toBe(1_000);
      due.push(work);
      return () => {};
    },
    onCommit: ({ records }) => committed(records),
  });
  appendLog(writer, origin('a'), 'one');
  appendLog(writer, origin('a'), 'two');
  expect(due).toHaveLength(1);
  due[0]!();
  expect(await ended).toBe(2);
  appendLog(writer, origin('a'), 'three');
  expect(due).toHaveLength(2);
  writer.close();
});

test('closing during a commit leaves the records safe and the commit resolved', async () => {
  const writer = new StreamWriter(temporaryDirectory(), { segmentBytes: 300 });
  for (let index = 0; index < 5; index += 1) appendLog(writer, origin('a'), 'x'.repeat(50));
  const running = writer.commit();
  appendLog(writer, origin('a'), 'last');
  const next = writer.commit();
  writer.close();
  await Promise.all([running, next]);
  expect(existsSync(join(writer.directory, 'owner'))).toBe(false);
  expect((await readStream(writer.directory, writer.streamId)).frames).toHaveLength(6);
});

test('a directory that somebody removes costs the records in it, and a commit says so', async () => {
  const spool = temporaryDirectory();
  const writer = new StreamWriter(spool);
  appendLog(writer, origin('a'), 'gone');
  await writer.commit();
  rmSync(writer.directory, { recursive: true });
  appendLog(writer, origin('a'), 'gone too');
  await expect(writer.commit()).rejects.toMatchObject({ code: 'IO' });
  expect(appendLog(writer, origin('a'), 'kept')).toBe(3);
  await writer.commit();
  writer.close();
  const { frames } = await readStream(writer.directory, writer.streamId);
  expect(texts(frames)).toEqual(['kept']);
});

test('the end of the stream is where the last whole frame ends', async () => {
  const writer = new StreamWriter(temporaryDirectory());
  expect(writer.end).toEqual({ segment: 0, offset: 0 });
  appendLog(writer, origin('a'), 'one');
  const bytes = readFileSync(join(writer.directory, '0000000001.segment')).length;
  expect(writer.end).toEqual({ segment: 1, offset: bytes });
  expect(writer.bytes).toBe(bytes);
  const { frames } = await readStream(writer.directory, writer.streamId, { end: () => writer.end });
  expect(texts(frames)).toEqual(['one']);
  writer.close();
  expect(writer.end).toEqual({ segment: 1, offset: bytes });
});

test('one commit is under way at a time, however many ask for one whenever', async () => {
  class Counting extends Files {
    syncing = 0;
    most = 0;
    override async sync(fd: number): Promise<void> {
      this.syncing += 1;
      this.most = Math.max(this.most, this.syncing);
      await super.sync(fd);
      this.syncing -= 1;
    }
  }
  const files = new Counting();
  const writer = new StreamWriter(temporaryDirectory(), { files, segmentBytes: 2_000 });
  const caller = async (): Promise<void> => {
    for (let index = 0; index < 40; index += 1) {
      appendLog(writer, origin('a'), 'x'.repeat(100));
      await writer.commit();
    }
  };
  await Promise.all(Array.from({ length: 8 }, caller));
  expect(files.most).toBe(1);
  expect(writer.pending).toBe(0);
  writer.close();
  expect((await readStream(writer.directory, writer.streamId)).frames).toHaveLength(320);
});
