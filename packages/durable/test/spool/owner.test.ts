import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { Files } from '../../src/spool/files.ts';
import { isGone, isOwned, operatingSystem, Ownership, parseOwner } from '../../src/spool/owner.ts';
import type { OwnerFile, Processes } from '../../src/spool/owner.ts';
import { temporaryDirectory } from './support.ts';

const OWNER: OwnerFile = {
  pid: 7,
  startedAt: 100,
  bootId: 'boot',
  pidNamespace: 'pid:[1]',
  host: 'host',
  thread: 0,
  nonce: 'ab'.repeat(16),
};
const SECOND = 1_000;

function seen(startedAt: number | 'gone' | 'unknown', self: Partial<OwnerFile> = {}): Processes {
  return { self: { ...OWNER, pid: 8, ...self }, startedAt: () => startedAt };
}

test('a process that is there owns what it owns, however old its file; one that ended does not, however new', () => {
  expect(isGone(OWNER, 3_600 * SECOND, seen(100))).toBe(false);
  expect(isGone(OWNER, 0, seen('gone'))).toBe(true);
});

test('another process with the same id is not the owner', () => {
  expect(isGone(OWNER, 0, seen(101))).toBe(true);
});

test('where processes cannot be told apart the age of the file decides', () => {
  const elsewhere = [seen('gone', { bootId: 'other' }), seen('gone', { pidNamespace: 'pid:[2]' }), seen('unknown')];
  const unknownBoot = seen('gone', { bootId: '', pidNamespace: '' });
  for (const processes of [...elsewhere, unknownBoot]) {
    expect(isGone(OWNER, 59 * SECOND, processes)).toBe(false);
    expect(isGone(OWNER, 61 * SECOND, processes)).toBe(true);
    // The clock was set back.
    expect(isGone(OWNER, -3_600 * SECOND, processes)).toBe(true);
  }
  expect(isGone({ ...OWNER, bootId: '' }, 0, seen('gone'))).toBe(false);
  expect(isGone({ ...OWNER, startedAt: 0 }, 0, seen(100))).toBe(false);
});

test('a worker thread of a process that is there may have ended', () => {
  const worker = { ...OWNER, thread: 3 };
  expect(isGone(worker, 0, seen(100))).toBe(false);
  expect(isGone(worker, 61 * SECOND, seen(100))).toBe(true);
  expect(isGone(worker, 0, seen('gone'))).toBe(true);
});

test('what is no owner file is garbage, which is waited for and then replaced', () => {
  const garbage = [
    '',
    '{',
    'null',
    '[]',
    '{}',
    JSON.stringify({ ...OWNER, pid: -1 }),
    JSON.stringify({ ...OWNER, nonce: '../x' }),
  ];
  for (const text of garbage) {
    expect(parseOwner(Buffer.from(text)), text).toBeUndefined();
    const directory = temporaryDirectory();
    const path = join(directory, 'owner');
    writeFileSync(path, text);
    const options = { files: new Files() };
    expect(Ownership.acquire(directory, options)).toBeUndefined();
    const old = new Date(Date.now() - 61 * SECOND);
    utimesSync(path, old, old);
    const ownership = Ownership.acquire(directory, options);
    expect(ownership?.renew()).toBe(true);
    ownership?.release();
    expect(readdirSync(directory)).toEqual([]);
  }
  expect(parseOwner(Buffer.from(JSON.stringify(OWNER)))).toEqual(OWNER);
});

test('a successor that went down before it was done is followed by the next, and nothing of it stays', () => {
  const directory = temporaryDirectory();
  const dead = { ...operatingSystem.self, pid: 2 ** 22 + 1, startedAt: 5 };
  const nonces = ['1', '2', '3'].map((digit) => digit.repeat(32));
  writeFileSync(join(directory, 'owner'), JSON.stringify({ ...dead, nonce: nonces[0] }));
  writeFileSync(join(directory, `owner.${nonces[0]}`), JSON.stringify({ ...dead, nonce: nonces[1] }));
  writeFileSync(join(directory, `owner.${nonces[1]}`), JSON.stringify({ ...dead, nonce: nonces[2] }));
  const ownership = Ownership.acquire(directory, { files: new Files() })!;
  expect(ownership.renew()).toBe(true);
  expect(readdirSync(directory)).toEqual(['owner']);
  ownership.release();
});

test('a successor that is there keeps the stream before it is done', () => {
  const directory = temporaryDirectory();
  const nonces = ['1', '2'].map((digit) => digit.repeat(32));
  writeFileSync(
    join(directory, 'owner'),
    JSON.stringify({ ...operatingSystem.self, pid: 2 ** 22 + 1, nonce: nonces[0] }),
  );
  writeFileSync(join(directory, `owner.${nonces[0]}`), JSON.stringify({ ...operatingSystem.self, nonce: nonces[1] }));
  expect(Ownership.acquire(directory, { files: new Files() })).toBeUndefined();
  expect(isOwned(directory, { files: new Files() })).toBe(true);
});

test('after a pause an owner finds out that another has taken its stream', () => {
  const directory = join(temporaryDirectory(), 'stream');
  mkdirSync(directory);
  let now = Date.now();
  const paused = Ownership.acquire(directory, { files: new Files(), now: () => now })!;
  expect(paused.heldAt(now + 20 * SECOND)).toBe(true);
  now += 120 * SECOND;
  const elsewhere = seen('unknown', { bootId: 'other' });
  const other = Ownership.acquire(directory, { files: new Files(), now: () => now, processes: elsewhere })!;
  expect(other.held).toBe(true);
  expect(paused.heldAt(now)).toBe(false);
  paused.release();
  expect(other.renew()).toBe(true);
  other.release();
});
