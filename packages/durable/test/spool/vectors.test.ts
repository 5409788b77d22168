import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { Cursor } from '../../src/spool/cursor.ts';
import { Files } from '../../src/spool/files.ts';
import { KIND } from '../../src/spool/frame.ts';
import type { Frame } from '../../src/spool/frame.ts';
import { StreamWriter } from '../../src/spool/writer.ts';
import { appendLog, origin, readStream, temporaryDirectory, texts, withHeadroom } from './support.ts';
import { BEGUN_AT, DIRECTORY, files, STREAM_ID } from './vectors.ts';

const read = (name: string, kind: Frame['kind'] = KIND.logRecord): ReturnType<typeof readStream> =>
  readStream(join(DIRECTORY, name), STREAM_ID, { kind });

test('the vectors are those that their script makes', () => {
  const found = readdirSync(DIRECTORY, { recursive: true, encoding: 'utf8' }).filter((path) =>
    /\.(segment|cursor)$/.test(path),
  );
  expect(found.sort()).toEqual([...files.keys()].sort());
  for (const [path, bytes] of files) expect(readFileSync(join(DIRECTORY, path)).equals(bytes), path).toBe(true);
});

test('a whole stream is read', async () => {
  const logs = await read('whole');
  expect(logs.damage).toEqual([]);
  expect(texts(logs.frames)).toEqual(['record 1', 'record 2', 'record 3', 'record 4']);
  expect(logs.frames.map(({ origin }) => Buffer.from(origin.scope).toString())).toEqual([
    'scope a',
    'scope b',
    'scope a',
    'scope a',
  ]);
  expect(logs.frames[0]?.origin).toBe(logs.frames[3]?.origin);
  expect(logs.frames.map(({ leafHash, timeMs }) => [leafHash[31], timeMs])).toEqual(
    [1, 2, 3, 4].map((n) => [n, BEGUN_AT]),
  );
  expect(texts((await read('whole', KIND.span)).frames)).toEqual(['span after 1']);
});

test('reading begins at the newer slot of a cursor', async () => {
  const { position } = new Cursor(join(DIRECTORY, 'whole/logs.cursor'), new Files());
  expect(position).toMatchObject({ generation: 2, segment: 1, sequence: 2 });
  const { frames, damage } = await readStream(join(DIRECTORY, 'whole'), STREAM_ID, { from: position! });
  expect(texts(frames)).toEqual(['record 3', 'record 4']);
  expect(damage).toEqual([]);
});

test('damage is told of as what it is', async () => {
  const torn = await read('torn');
  expect(texts(torn.frames)).toEqual(['record 1', 'record 2']);
  expect(torn.damage).toMatchObject([{ what: 'torn', segment: 1, lastSequence: 2, recordsMissing: undefined }]);
  const corrupt = await read('corrupt');
  expect(texts(corrupt.frames)).toEqual(['record 1', 'record 3']);
  expect(corrupt.damage).toMatchObject([
    { what: 'corrupt', segment: 1, bytes: 72, lastSequence: 1, recordsMissing: 1 },
  ]);
  const missing = await read('missing');
  expect(texts(missing.frames)).toEqual(['record 1', 'record 2', 'record 3', 'record 6']);
  expect(missing.damage).toMatchObject([{ what: 'missing', segment: 2, recordsMissing: 2 }]);
  const newer = await read('newer');
  expect(newer.frames).toEqual([]);
  expect(newer.damage).toMatchObject([{ what: 'unknown', segment: 1, offset: 0 }]);
  expect(await read('empty')).toMatchObject({ frames: [], damage: [] });
});

test('the writer writes them byte for byte', () => {
  const writer = new StreamWriter(temporaryDirectory(), {
    streamId: STREAM_ID,
    now: () => BEGUN_AT,
    segmentBytes: 530,
  });
  const [a, b] = [origin('a'), origin('b')];
  const log = (from: typeof a): void => {
    const sequence = writer.nextSequence;
    appendLog(writer, from, `record ${sequence}`, Buffer.alloc(32, sequence));
  };
  log(a);
  writer.append(KIND.span, b, withHeadroom('span after 1'));
  log(b);
  log(a);
  log(a);
  writer.close();
  for (const name of ['0000000001.segment', '0000000002.segment']) {
    expect(readFileSync(join(writer.directory, name)).equals(files.get(`whole/${name}`)!), name).toBe(true);
  }
});
