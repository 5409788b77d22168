import nodeFs from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { Files } from '../../src/spool/files.ts';
import type { FileSystem } from '../../src/spool/files.ts';
import { Streams } from '../../src/spool/streams.ts';
import { StreamWriter } from '../../src/spool/writer.ts';
import { appendLog, origin, temporaryDirectory } from './support.ts';

/** A file system on which one directory is another user's. */
function denying(directory: string): FileSystem {
  const denied = (path: string): void => {
    if (path.startsWith(directory)) throw Object.assign(new Error('permission denied'), { code: 'EACCES' });
  };
  return {
    ...nodeFs,
    openSync: (path, flags, mode) => {
      denied(path);
      return nodeFs.openSync(path, flags, mode);
    },
    readdirSync: (path) => {
      denied(path);
      return nodeFs.readdirSync(path);
    },
  };
}

test('a stream of another user is left alone, and does not hide the others', () => {
  const directory = temporaryDirectory();
  const [mine, theirs] = [0, 1].map(() => {
    const writer = new StreamWriter(directory, {});
    appendLog(writer, origin('a'), 'x');
    writer.close();
    return writer.streamId;
  }) as [string, string];
  const files = new Files(denying(join(directory, theirs)));
  const streams = new Streams(directory, { files, onDamage: () => {}, onError: () => {} });
  const states = new Map(streams.list().map(({ id, state }) => [id, state]));
  expect(states).toEqual(
    new Map([
      [mine, 'free'],
      [theirs, 'owned'],
    ]),
  );
  expect(streams.totals()).toMatchObject({ streams: 1 });
});
