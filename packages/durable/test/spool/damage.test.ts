import { expect, test } from 'vitest';

import { Files } from '../../src/spool/files.ts';
import { KIND } from '../../src/spool/frame.ts';
import type { Damage } from '../../src/spool/reader.ts';
import { StreamWriter } from '../../src/spool/writer.ts';
import { FakeFileSystem, randomFrom } from './fake-fs.ts';
import { origin, readStream, withHeadroom } from './support.ts';

const STREAM = '/spool/0189d5c8-7a10-4b3c-8d2e-1f6a5b4c3d2e';
const STREAM_ID = STREAM.slice(-36);

interface Written {
  readonly segment: number;
  readonly begin: number;
  readonly end: number;
  readonly sequence: number;
  readonly text: string;
  readonly origin: string;
}

/** A spool of three segments: their bytes, and what is in them. */
function smallSpool(): { readonly segments: Buffer[]; readonly records: Written[] } {
  const fs = new FakeFileSystem(randomFrom(1));
  const files = new Files(fs);
  const writer = new StreamWriter('/spool', { files, streamId: STREAM_ID, segmentBytes: 600, now: () => 1_000 });
  const origins = [origin('a'), origin('b')];
  const records: Written[] = [];
  for (let index = 0; index < 12; index += 1) {
    const from = index % 3 === 2 ? 1 : 0;
    const sequence = writer.nextSequence;
    const text = `record ${sequence}`;
    if (index === 4) writer.append(KIND.span, origins[0]!, withHeadroom('a span'));
    writer.append(KIND.logRecord, origins[from]!, withHeadroom(text));
    const { segment, offset: end } = writer.end;
    records.push({
      segment,
      begin: end - 64 - text.length,
      end,
      sequence,
      text,
      origin: from === 0 ? 'resource a' : 'resource b',
    });
  }
  const count = writer.end.segment;
  writer.close();
  const segments = Array.from({ length: count }, (_, index) => {
    const bytes = files.readSmall(`${STREAM}/000000000${index + 1}.segment`);
    return bytes!;
  });
  return { segments, records };
}

const { segments, records } = smallSpool();

/** Reads a spool of which one segment was changed; nothing that is read may be wrong. */
async function readChanged(
  number: number,
  bytes: Buffer,
): Promise<{ readonly read: Set<number>; readonly damage: Damage[] }> {
  const fs = new FakeFileSystem(randomFrom(1));
  const files = new Files(fs);
  files.makeDirectories(STREAM);
  for (const [index, segment] of segments.entries()) {
    const fd = files.create(`${STREAM}/000000000${index + 1}.segment`);
    files.write(fd, index + 1 === number ? bytes : segment, 0);
    files.close(fd);
  }
  const { frames, damage } = await readStream(STREAM, STREAM_ID, { files });
  const read = new Set<number>();
  for (const frame of frames) {
    const record = records[frame.sequence - 1];
    const from = Buffer.from(frame.origin.resource).toString();
    if (frame.payload.toString() !== record?.text || read.has(frame.sequence))
      throw new Error('a wrong record was read');
    if (from !== record.origin && from !== '') throw new Error('a record was read with an origin that is not its own');
    if (frame.timeMs !== 1_000) throw new Error('a wrong time was read');
    read.add(frame.sequence);
  }
  return { read, damage };
}

const sequences = (some: readonly Written[]): number[] => some.map(({ sequence }) => sequence);
const unread = (read: Set<number>, wanted: readonly Written[]): number[] =>
  sequences(wanted).filter((n) => !read.has(n));

/** Records lost, as damage tells of them. */
const told = (damage: readonly Damage[]): number =>
  damage.reduce((sum, { recordsMissing }) => sum + (recordsMissing ?? 0), 0);

test('the spool has several segments', async () => {
  expect(segments).toHaveLength(3);
  expect((await readChanged(1, segments[0]!)).read.size).toBe(records.length);
});

test('cut off or filled with zeros from any byte on, all before is read, and what is missing is told of', async () => {
  for (const [index, segment] of segments.entries()) {
    const number = index + 1;
    for (let at = 0; at < segment.length; at += 1) {
      const zeroed = Buffer.concat([segment.subarray(0, at), Buffer.alloc(segment.length - at)]);
      for (const bytes of [segment.subarray(0, at), zeroed]) {
        const { read, damage } = await readChanged(number, bytes);
        const lost = (record: Written): boolean => record.segment === number && record.end > at;
        const where = `segment ${number}, from byte ${at}`;
        expect(
          unread(
            read,
            records.filter((record) => !lost(record)),
          ),
          where,
        ).toEqual([]);
        // Nothing is behind the last segment that could tell how many.
        if (number < segments.length) expect(told(damage), where).toBe(records.filter(lost).length);
        const boundary = bytes.length === at && (at < 64 || damage.length === 0);
        if (!boundary && !bytes.equals(segment)) expect(damage, where).not.toEqual([]);
      }
    }
  }
});

test('with any bit changed, all other records are read, and the damage is told of', async () => {
  for (const [index, segment] of segments.entries()) {
    const number = index + 1;
    for (let bit = 0; bit < segment.length * 8; bit += 1) {
      const at = bit >> 3;
      const bytes = Buffer.from(segment);
      bytes[at]! ^= 1 << (bit & 7);
      const { read, damage } = await readChanged(number, bytes);
      const hit = (record: Written): boolean => record.segment === number && record.begin <= at && at < record.end;
      const where = `segment ${number}, bit ${bit}`;
      expect(
        unread(
          read,
          records.filter((record) => !hit(record)),
        ),
        where,
      ).toEqual([]);
      expect(damage.length, where).toBeGreaterThan(0);
      const lost = records.filter(hit);
      expect(unread(read, lost), where).toEqual(sequences(lost));
      if (number < segments.length) expect(told(damage), where).toBe(lost.length);
    }
  }
});

test('a frame of another segment is none, even where it is quoted in a record', async () => {
  const fs = new FakeFileSystem(randomFrom(1));
  const files = new Files(fs);
  const quoted = segments[1]!.subarray(64);
  const writer = new StreamWriter('/spool', { files, streamId: STREAM_ID, now: () => 1_000 });
  writer.append(KIND.logRecord, origin('a'), withHeadroom('one'));
  writer.append(KIND.logRecord, origin('a'), withHeadroom(quoted));
  const { offset } = writer.end;
  writer.close();
  const fd = files.open(`${STREAM}/0000000001.segment`, 'r+');
  files.truncate(fd, offset - 1);
  files.close(fd);
  const { frames, damage } = await readStream(STREAM, STREAM_ID, { files });
  expect(frames.map(({ sequence }) => sequence)).toEqual([1]);
  expect(damage).toMatchObject([{ what: 'torn', recordsMissing: undefined }]);
});

test('a copy of another segment is corrupt, and the records it has replaced are counted', async () => {
  const { read, damage } = await readChanged(2, segments[0]!);
  const lost = records.filter(({ segment }) => segment === 2);
  expect(read.size).toBe(records.length - lost.length);
  expect(told(damage)).toBe(lost.length);
});

test('in a segment that is being written by another process, what is not whole is waited for', async () => {
  const fs = new FakeFileSystem(randomFrom(1));
  const files = new Files(fs);
  files.makeDirectories(STREAM);
  const fd = files.create(`${STREAM}/0000000001.segment`);
  const bytes = segments[0]!;
  const first = records.filter(({ segment }) => segment === 1);
  for (let length = 0; length <= bytes.length; length += 1) {
    files.write(fd, bytes.subarray(0, length), 0);
    const { frames, damage } = await readStream(STREAM, STREAM_ID, { files, live: () => true });
    expect(damage).toEqual([]);
    expect(frames.map(({ sequence }) => sequence)).toEqual(sequences(first.filter(({ end }) => end <= length)));
  }
});
