/** The parts that the `decision-trail` command is made of, on spools of the real writer. */
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as api from '@decision-trail/durable/inspect';
import {
  deadLetters,
  inspectSpool,
  readSpool,
  removeAbandoned,
  retryDeadLetters,
  sendLeft,
  sendRecords,
} from '@decision-trail/durable/inspect';
import type { SentStream, SpoolRecord } from '@decision-trail/durable/inspect';
import { expect, onTestFinished, test } from 'vitest';
import { DeadLetters } from '../src/spool/dead-letters.ts';
import { Files } from '../src/spool/files.ts';
import { KIND } from '../src/spool/frame.ts';
import type { Frame } from '../src/spool/frame.ts';
import { Streams } from '../src/spool/streams.ts';
import { StreamWriter } from '../src/spool/writer.ts';
import { Receiver } from './receiver.ts';
import { origin, temporaryDirectory, withHeadroom } from './spool/support.ts';

/** Field 2 of `ScopeLogs`: a log record with an event name. */
function payloadOf(name: string): Buffer {
  const field = Buffer.from([0x62, name.length, ...Buffer.from(name)]);
  return Buffer.from([0x12, field.length, ...field]);
}

/** An empty resource, and an empty scope. */
const ORIGIN = { resource: Buffer.from([0x0a, 0]), scope: Buffer.from([0x0a, 0]) };

/** Leaves a stream behind; `L` is a log record, `S` a span. */
function leave(directory: string, kinds: string, segmentBytes?: number): string {
  const writer = new StreamWriter(directory, segmentBytes === undefined ? {} : { segmentBytes });
  for (const kind of kinds) {
    writer.append(
      kind === 'L' ? KIND.logRecord : KIND.span,
      ORIGIN,
      withHeadroom(payloadOf(`e${writer.nextSequence}`)),
    );
  }
  writer.close();
  return writer.streamId;
}

async function recordsIn(directory: string): Promise<SpoolRecord[]> {
  const records: SpoolRecord[] = [];
  for await (const reading of readSpool(directory)) records.push(...reading.records);
  return records;
}

/** Puts log records among the dead letters of a stream. */
async function bury(directory: string, streamId: string, ...names: string[]): Promise<void> {
  const letters = new DeadLetters(join(directory, streamId), streamId, new Files());
  for (const [index, name] of names.entries()) {
    const frame: Frame = {
      kind: KIND.logRecord,
      origin: ORIGIN,
      sequence: index + 1,
      timeMs: 1,
      leafHash: new Uint8Array(32),
      payload: payloadOf(name),
    };
    await letters.add([frame], { at: 1, signal: 'logs', reason: 'refused', status: 400, message: 'no' });
  }
  letters.close();
}

async function receiver(): Promise<Receiver> {
  const receiver = await Receiver.start();
  onTestFinished(() => receiver.close());
  return receiver;
}

const waitingDeadLetters = (directory: string): number =>
  [...deadLetters(directory)].reduce((sum, { frames }) => sum + frames.length, 0);

test('exports this and nothing else', () => {
  expect(Object.keys(api).toSorted()).toEqual([
    'SpoolError',
    'assembleRequest',
    'deadLetters',
    'inspectSpool',
    'readSpool',
    'removeAbandoned',
    'retryDeadLetters',
    'sendLeft',
    'sendRecords',
  ]);
});

test('records of both kinds come in the order in which they were appended, across segments', async () => {
  const directory = temporaryDirectory();
  leave(directory, 'LSLLS', 300);
  const records = await recordsIn(directory);
  expect(records.map(({ kind, sequence, isWaiting }) => [kind, sequence, isWaiting])).toEqual([
    [1, 1, true],
    [2, 1, true],
    [1, 2, true],
    [1, 3, true],
    [2, 3, true],
  ]);
  expect(new Set(records.map(({ segment }) => segment)).size).toBeGreaterThan(1);
});

test('what a cursor has passed is acknowledged, each signal for itself', async () => {
  const directory = temporaryDirectory();
  const id = leave(directory, 'LSL');
  const streams = new Streams(directory, { onDamage: () => {}, onError: () => {} });
  const stream = streams.adopt(id)!;
  const batch = await stream.logs.next({ framesMax: 1, bytesMax: 1_000 });
  await stream.logs.acknowledge(batch!);
  streams.release(stream);

  const [contents] = await inspectSpool(directory);
  expect(contents).toMatchObject({
    state: 'left',
    logs: { waiting: 1, acknowledged: 1 },
    traces: { waiting: 1, acknowledged: 0 },
    damage: [],
  });
  const waiting = (await recordsIn(directory)).filter(({ isWaiting }) => isWaiting);
  expect(contents!.oldestWaitingMs).toBe(waiting[0]!.timeMs);
});

test('a cursor that is ahead of what is there is damage', async () => {
  const directory = temporaryDirectory();
  const id = leave(directory, 'LLLLLL', 300);
  const streams = new Streams(directory, { onDamage: () => {}, onError: () => {} });
  const stream = streams.adopt(id)!;
  for (;;) {
    const batch = await stream.logs.next({ framesMax: 10, bytesMax: 1_000 });
    if (batch === undefined) break;
    await stream.logs.acknowledge(batch);
  }
  streams.release(stream);
  const segments = readdirSync(join(directory, id)).filter((name) => name.endsWith('.segment'));
  rmSync(join(directory, id, segments.at(-1)!));
  const [contents] = await inspectSpool(directory);
  expect(contents!.damage).toMatchObject([{ what: 'ahead', lastSequence: 6 }]);
});

test('directories of interrupted starts are removed, and young ones are not', async () => {
  const directory = temporaryDirectory();
  const kept = leave(directory, 'L');
  const old = '11111111-1111-4111-8111-111111111111';
  const young = '22222222-2222-4222-8222-222222222222';
  for (const id of [old, young]) mkdirSync(join(directory, id));
  writeFileSync(join(directory, old, '.0123456789abcdef'), '{');
  utimesSync(join(directory, old), new Date(0), new Date(0));
  expect(await removeAbandoned(directory)).toEqual([old]);
  expect(readdirSync(directory).toSorted()).toEqual([kept, young].toSorted());
});

test('records are sent again whatever the cursors say, and a source that fails is told of', async () => {
  const directory = temporaryDirectory();
  leave(directory, 'L'.repeat(600));
  const { endpoint, logs } = await receiver();
  const records = await recordsIn(directory);
  expect(await sendRecords('logs', records, { endpoint })).toEqual({ accepted: 600, refused: 0, isComplete: true });
  expect(logs.map(({ name }) => name)).toEqual(records.map(({ sequence }) => `e${sequence}`));
  expect((await recordsIn(directory)).every(({ isWaiting }) => isWaiting)).toBe(true);

  function* broken(): Generator<SpoolRecord> {
    yield records[0]!;
    throw new RangeError('no more');
  }
  await expect(sendRecords('logs', broken(), { endpoint })).rejects.toThrow('no more');
});

test('a stream that cannot be taken over does not keep the others from being delivered', async () => {
  const directory = temporaryDirectory();
  const [first, second] = [leave(directory, 'L'), leave(directory, 'LL')].toSorted() as [string, string];
  // A cursor that cannot be read.
  mkdirSync(join(directory, first, 'logs.cursor'));
  const { endpoint, logs } = await receiver();
  const streams: SentStream[] = [];
  const sent = await sendLeft(directory, { endpoint, onStream: (stream) => streams.push(stream) });
  expect(sent).toEqual({ isEmpty: false, deadLettered: 0, live: [] });
  expect(streams).toMatchObject([
    { streamId: first, isEmpty: false },
    { streamId: second, isEmpty: true, logs: logs.length },
  ]);
});

test('of dead letters, those that are accepted go, and those that are refused stay', async () => {
  const directory = temporaryDirectory();
  const id = leave(directory, 'L');
  await bury(directory, id, 'good', 'bad', 'fine');
  const collector = await receiver();
  collector.answer = (records) => (records.some(({ name }) => name === 'bad') ? 400 : 200);
  const { endpoint } = collector;
  expect(await retryDeadLetters(directory, { endpoint })).toEqual({ accepted: 2, refused: 1, isComplete: true });
  expect(collector.logs.map(({ name }) => name)).toEqual(['good', 'fine']);
  expect([...deadLetters(directory)]).toMatchObject([
    { streamId: id, note: { status: 400 }, frames: [{ sequence: 2 }] },
  ]);

  collector.answer = () => 200;
  expect(await retryDeadLetters(directory, { endpoint })).toEqual({ accepted: 1, refused: 0, isComplete: true });
  expect(collector.logs.map(({ name }) => name)).toEqual(['good', 'fine', 'bad']);
  expect(readdirSync(join(directory, id)).toSorted()).toEqual(['0000000001.segment']);
});

test('what was accepted of a segment says nothing about another one of the same number', async () => {
  const directory = temporaryDirectory();
  const id = leave(directory, 'L');
  await bury(directory, id, 'first', 'other');
  const collector = await receiver();
  collector.answer = (records) => (records.some(({ name }) => name === 'other') ? 400 : 200);
  await retryDeadLetters(directory, { endpoint: collector.endpoint });
  const letters = join(directory, id, 'dead-letters');
  copyFileSync(join(letters, '0000000001.accepted'), join(directory, 'accepted'));
  rmSync(letters, { recursive: true });

  await bury(directory, id, 'third', 'fourth');
  copyFileSync(join(directory, 'accepted'), join(letters, '0000000001.accepted'));
  expect(waitingDeadLetters(directory)).toBe(2);
});

test('dead letters behind damage are not removed with those that can be read', async () => {
  const directory = temporaryDirectory();
  const id = leave(directory, 'L');
  await bury(directory, id, 'first', 'second');
  const path = join(directory, id, 'dead-letters/0000000001.segment');
  const bytes = readFileSync(path);
  bytes[bytes.length - 1]! ^= 1;
  writeFileSync(path, bytes);
  const { endpoint } = await receiver();
  expect(await retryDeadLetters(directory, { endpoint })).toMatchObject({ accepted: 1, isComplete: true });
  expect(waitingDeadLetters(directory)).toBe(0);
  expect(readFileSync(path)).toEqual(bytes);
});

test('a stream that is written meanwhile is read as far as it goes', async () => {
  const directory = temporaryDirectory();
  const writer = new StreamWriter(directory, {});
  onTestFinished(() => writer.close());
  writer.append(KIND.logRecord, origin('a'), withHeadroom(payloadOf('e1')));
  const path = join(writer.directory, '0000000001.segment');
  // Half of a frame, as another process sees it during a write.
  writeFileSync(path, Buffer.concat([readFileSync(path), Buffer.from([9, 0, 0, 0, 1, 2])]));
  const [contents] = await inspectSpool(directory);
  expect(contents).toMatchObject({ state: 'live', logs: { waiting: 1, acknowledged: 0 }, damage: [] });
});
