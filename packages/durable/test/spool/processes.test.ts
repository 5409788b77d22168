import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { beforeAll, expect, onTestFinished, test } from 'vitest';

import { Files } from '../../src/spool/files.ts';
import { isOwned, Ownership } from '../../src/spool/owner.ts';
import { Streams } from '../../src/spool/streams.ts';
import { readStream, temporaryDirectory } from './support.ts';

const ROOT = join(import.meta.dirname, '../../../..');

beforeAll(() => {
  execFileSync(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-b', 'packages/durable'], {
    cwd: ROOT,
  });
});

function child(...args: string[]): ChildProcessWithoutNullStreams {
  const started = spawn(process.execPath, [join(import.meta.dirname, 'child.ts'), ...args]);
  onTestFinished(() => {
    started.kill('SIGKILL');
  });
  return started;
}

/** The lines that a process writes, one after the other. */
function lines(of: ChildProcessWithoutNullStreams): () => Promise<string> {
  const iterator = createInterface(of.stdout)[Symbol.asyncIterator]();
  return async () => {
    const { value, done } = await iterator.next();
    return done === true ? 'ended' : value;
  };
}

async function race(directory: string, count: number): Promise<string[]> {
  const racers = Array.from({ length: count }, () => child('race', directory));
  const next = racers.map(lines);
  expect(await Promise.all(next.map((line) => line()))).toEqual(racers.map(() => 'ready'));
  for (const racer of racers) racer.stdin.write('go\n');
  const results = await Promise.all(next.map((line) => line()));
  for (const racer of racers) racer.stdin.write('end\n');
  const after = await Promise.all(next.map((line) => line()));
  await Promise.all(racers.filter(({ exitCode }) => exitCode === null).map((racer) => once(racer, 'exit')));
  expect(after).toEqual(results.map((result) => (result === 'won' ? 'still' : 'not')));
  return results;
}

test('of several processes that want a stream one gets it, and keeps it', async () => {
  const spool = temporaryDirectory();
  const leftBehind = (name: string, owner: string | undefined): string => {
    const directory = join(spool, name);
    mkdirSync(directory);
    if (owner === undefined) return directory;
    const path = join(directory, 'owner');
    writeFileSync(path, owner);
    const old = new Date(Date.now() - 3_600_000);
    utimesSync(path, old, old);
    return directory;
  };
  const winners = async (directory: string): Promise<number> => {
    const results = await race(directory, 6);
    return results.filter((result) => result === 'won').length;
  };
  for (let round = 0; round < 3; round += 1) {
    expect(await winners(leftBehind(`new-${round}`, undefined))).toBe(1);
    expect(await winners(leftBehind(`garbage-${round}`, 'garbage'))).toBe(1);
    const foreign = {
      pid: 1,
      startedAt: 1,
      bootId: 'x',
      pidNamespace: 'y',
      host: 'z',
      thread: 0,
      nonce: 'a'.repeat(32),
    };
    const directory = leftBehind(`foreign-${round}`, JSON.stringify(foreign));
    expect(await winners(directory)).toBe(1);
    // The winner of this one has ended without leaving: the next race is about a process that is gone.
    expect(isOwned(directory, { files: new Files() })).toBe(false);
    expect(await winners(directory)).toBe(1);
    expect(readdirSync(directory)).toEqual(['owner']);
  }
}, 60_000);

test('a stream belongs to its process as long as that is there', () => {
  const directory = temporaryDirectory();
  const options = { files: new Files() };
  const ownership = Ownership.acquire(directory, options)!;
  expect(Ownership.acquire(directory, options)).toBeUndefined();
  expect(isOwned(directory, options)).toBe(true);
  const owner = JSON.parse(readFileSync(join(directory, 'owner'), 'utf8')) as { pid: number; startedAt: number };
  expect(owner.pid).toBe(process.pid);
  ownership.release();
  expect(readdirSync(directory)).toEqual([]);
});

test('after SIGKILL at any moment every record whose number was said is read, and the stream can be adopted', async () => {
  for (let run = 0; run < 10; run += 1) {
    const spool = temporaryDirectory();
    const writer = child('write', spool);
    const wanted = 1 + run * 97;
    let said = 0;
    for await (const line of createInterface(writer.stdout)) {
      said = Number(line);
      if (said === wanted) writer.kill('SIGKILL');
    }
    if (writer.exitCode === null && writer.signalCode === null) await once(writer, 'exit');
    const [id] = readdirSync(spool);
    const { frames, damage } = await readStream(join(spool, id!), id!);
    expect(frames.map(({ sequence }) => sequence)).toEqual(frames.map((_, index) => index + 1));
    expect(frames.length).toBeGreaterThanOrEqual(said);
    expect(said).toBeGreaterThanOrEqual(wanted);
    for (const { sequence, payload } of frames) expect(payload.toString()).toMatch(new RegExp(`^record ${sequence} `));
    expect(damage.every(({ what }) => what === 'torn')).toBe(true);

    const next = new Streams(spool, { onDamage: () => {}, onError: () => {} });
    expect(next.list()).toMatchObject([{ id, state: 'free' }]);
    const stream = next.adopt(id!)!;
    expect(next.list()).toMatchObject([{ id, state: 'owned' }]);
    expect((await stream.logs.next({ framesMax: 10, bytesMax: 1e6 }))?.frames[0]?.sequence).toBe(1);
    next.release(stream);
  }
}, 60_000);
