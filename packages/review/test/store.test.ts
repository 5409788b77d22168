import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Store, openSource } from '@decision-trail/review';
import type { RecordRow } from '@decision-trail/review';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseEntry } from '../src/entry.js';
import { recordRow } from '../src/rows.js';
import { openForWriting } from '../src/sqlite.js';
import { body } from './stock.js';

let dir: string;
let path: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'decision-trail-store-'));
  path = join(dir, 'store.db');
});

afterEach(() => rmSync(dir, { recursive: true, force: true }));

function row(text: string): RecordRow {
  return recordRow({
    eventName: 'decision.made',
    body: text,
    timeUnixNano: 0n,
    traceId: undefined,
    spanId: undefined,
    attributes: {},
    resource: {},
  });
}

function bodiesOf(store: Store, query?: Parameters<Store['decisions']>[0]): string[] {
  return [...store.decisions(query)].map((entry) => entry.body);
}

test('what was stored is there after the store is closed and opened again', () => {
  const store = Store.open(path);
  expect(store.writeRecords([row(body('a'))])).toEqual({ stored: 1, duplicates: 0, conflicts: [] });
  store.close();
  const again = Store.open(path);
  expect(again.writeRecords([row(body('a')), row(body('b'))])).toEqual({ stored: 1, duplicates: 1, conflicts: [] });
  expect(bodiesOf(again)).toEqual([body('a'), body('b')]);
  again.close();
});

test('any body comes back as it was', () => {
  const store = Store.open(path);
  fc.assert(
    fc.property(fc.uuid(), fc.json({ stringUnit: 'binary' }), (id, json) => {
      // As they are written by anyone, with white space and escapes of their own.
      const text = `{ "id":"${id}",\t"timestamp":"2026-01-01T00:00:00Z", "input" : ${json.replaceAll(/[\ud800-\udfff]/g, '')}\n}`;
      store.writeRecords([row(text)]);
      expect(store.decision(id)?.body).toBe(text);
    }),
  );
  store.close();
});

test('decisions come by time, then by id, whatever order they arrived in', () => {
  const bodies = [
    body('b', { timestamp: '2026-01-01T00:00:00.5Z' }),
    body('a', { timestamp: '2026-01-01T00:00:00.500000001Z' }),
    body('c', { timestamp: '2026-01-01T01:00:01+01:00' }),
    body('é', { timestamp: '2026-01-01T00:00:01Z' }),
    body('\u{1f600}', { timestamp: '2026-01-01T00:00:01Z' }),
    body('\ufb00', { timestamp: '2026-01-01T00:00:01Z' }),
  ];
  const store = Store.open(path);
  store.writeRecords(bodies.toReversed().map(row));
  const sorted = [0, 1, 2, 3, 5, 4].map((index) => bodies[index]);
  expect(bodiesOf(store)).toEqual(sorted);
  store.close();
});

test('a query narrows by time and model', () => {
  const store = Store.open(path);
  store.writeRecords([
    row(body('a', { timestamp: '2026-01-01T00:00:00Z' })),
    row(body('b', { timestamp: '2026-01-02T00:00:00Z', model: { name: 'other' } })),
    row(body('c', { timestamp: '2026-01-03T00:00:00Z', model: undefined })),
  ]);
  const ids = (query: Parameters<Store['decisions']>[0]): string[] =>
    [...store.decisions(query)].map((entry) => entry.record.id);
  const nanos = (text: string): bigint => BigInt(Date.parse(text)) * 1_000_000n;
  expect(ids({ sinceUnixNano: nanos('2026-01-02') })).toEqual(['b', 'c']);
  expect(ids({ untilUnixNano: nanos('2026-01-02') })).toEqual(['a']);
  expect(ids({ model: 'other' })).toEqual(['b']);
  expect(ids({ sinceUnixNano: 10n ** 30n })).toEqual([]);
  store.close();
});

test('a batch with a record that cannot be stored stores nothing', () => {
  const store = Store.open(path, { pagesMax: 40 });
  const batch = [row(body('a')), row(body('b', { input: 'x'.repeat(500_000) }))];
  expect(() => store.writeRecords(batch)).toThrow(expect.objectContaining({ code: 'STORE_UNWRITABLE' }));
  expect(bodiesOf(store)).toEqual([]);
  expect(store.writeRecords([row(body('a'))]).stored).toBe(1);
  store.close();
});

test('a commit waits for the disk, and readers do not wait for it', () => {
  const db = openForWriting(path);
  expect(db.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' });
  expect(db.prepare('PRAGMA synchronous').get()).toEqual({ synchronous: 2 });
  db.close();
});

test('a reader sees what is committed while another writes', async () => {
  const store = Store.open(path);
  store.writeRecords([row(body('a')), row(body('b'))]);
  const source = openSource(`sqlite:${path}`);
  const seen: string[] = [];
  for await (const entry of source.list({})) {
    seen.push(entry.record.id);
    store.writeRecords([row(body(`later-${seen.length}`))]);
  }
  expect(seen).toEqual(['a', 'b']);
  expect((await source.find('later-2'))?.body).toBe(body('later-2'));
  source.close();
  store.close();
});

test('two lists can be read at the same time', () => {
  const store = Store.open(path);
  store.writeRecords([row(body('a')), row(body('b'))]);
  const [one, other] = [store.decisions(), store.decisions()];
  expect(one.next().value?.record.id).toBe('a');
  expect(other.next().value?.record.id).toBe('a');
  expect(one.next().value?.record.id).toBe('b');
  other.return(undefined);
  store.close();
});

test('a writer waits for no one for long: a store that another process holds is unwritable for now', () => {
  const store = Store.open(path);
  const other = new DatabaseSync(path);
  other.exec('BEGIN IMMEDIATE');
  expect(() => store.writeRecords([row(body('a'))])).toThrow(expect.objectContaining({ code: 'STORE_UNWRITABLE' }));
  other.exec('COMMIT');
  expect(store.writeRecords([row(body('a'))]).stored).toBe(1);
  other.close();
  store.close();
});

test('only its owner can read a new store', () => {
  const store = Store.open(path);
  store.writeRecords([row(body('a'))]);
  for (const file of [path, `${path}-wal`, `${path}-shm`]) expect(statSync(file).mode & 0o077).toBe(0);
  store.close();
});

describe('a file that is not ours', () => {
  test('because it is no database is refused, and not changed', () => {
    writeFileSync(path, 'important notes, and more than the hundred bytes of a header'.repeat(10));
    const before = readFileSync(path);
    for (const open of [Store.open, Store.openReadOnly]) {
      expect(() => open(path)).toThrow(expect.objectContaining({ code: 'STORE_UNREADABLE' }));
    }
    expect(readFileSync(path)).toEqual(before);
  });

  test('because another program made it is refused, and not changed', () => {
    const db = new DatabaseSync(path);
    db.exec('CREATE TABLE bookmark (url)');
    db.close();
    const before = readFileSync(path);
    for (const open of [Store.open, Store.openReadOnly]) {
      expect(() => open(path)).toThrow(/database of another program/);
    }
    expect(readFileSync(path)).toEqual(before);
  });

  test('because a newer version wrote it is refused', () => {
    Store.open(path).close();
    const db = new DatabaseSync(path);
    db.exec('PRAGMA user_version = 2');
    db.close();
    for (const open of [Store.open, Store.openReadOnly]) {
      expect(() => open(path)).toThrow(/written by a newer version/);
    }
  });

  test('because it is not there is refused', () => {
    expect(() => Store.openReadOnly(path)).toThrow(`there is no store at ${path}`);
    expect(() => Store.open(join(dir, 'no', 'folder.db'))).toThrow(
      expect.objectContaining({ code: 'STORE_UNWRITABLE' }),
    );
  });
});

test.each(['', '[]', '{}', '{"id":1}', '{"id":"a","timestamp":"2026-02-30T00:00:00Z"}', `{"id":"${'a'.repeat(129)}"}`])(
  'the body %s is no decision record',
  (text) => {
    expect(() => parseEntry(text)).toThrow(expect.objectContaining({ code: 'MALFORMED' }));
  },
);
