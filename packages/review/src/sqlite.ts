import { closeSync, existsSync, openSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { ReviewError, messageOf } from './errors.js';
import { STORE_BUSY_TIMEOUT_MS } from './limits.js';
import { APPLICATION_ID, STORE_VERSION, TABLES } from './store-schema.js';

/** Primary result codes of SQLite (sqlite.org/rescode.html) that say something about the file, not about our SQL. */
const UNWRITABLE: Record<number, string> = {
  5: 'another process is writing it',
  6: 'another process is writing it',
  8: 'it is read-only',
  10: 'the disk reports an I/O error',
  13: 'the disk is full',
  14: 'the file or its folder cannot be opened',
};
const UNREADABLE: Record<number, string> = {
  11: 'the file is damaged',
  26: 'the file is no SQLite database',
};

/** Opens a store for writing; creates it where there is none. */
export function openForWriting(path: string): DatabaseSync {
  makePrivateFile(path);
  return guarded(path, 'write', () =>
    opened(new DatabaseSync(path), (db) => {
      prepare(db, path);
      // Readers go on while we write, and a commit is on disk when it returns.
      db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
      // SQLite opens a file that it may not write without a word; a write tells.
      db.exec(`BEGIN IMMEDIATE; PRAGMA user_version = ${STORE_VERSION}; COMMIT`);
    }),
  );
}

/** Decisions are about people: a new file is for its owner's eyes. SQLite gives the files beside it the same mode. */
function makePrivateFile(path: string): void {
  try {
    closeSync(openSync(path, 'a', 0o600));
  } catch (cause) {
    throw new ReviewError('STORE_UNWRITABLE', `cannot write the store: ${messageOf(cause)}`, { cause });
  }
}

/** Opens a store for reading only. It may be written by another process meanwhile. */
export function openForReading(path: string): DatabaseSync {
  if (!existsSync(path)) throw new ReviewError('STORE_UNREADABLE', `there is no store at ${path}`);
  return guarded(path, 'read', () => {
    try {
      return opened(new DatabaseSync(path, { readOnly: true }), (db) => check(db, path));
    } catch (error) {
      if (error instanceof ReviewError || existsSync(`${path}-wal`)) throw error;
      return openUnchanging(path, error);
    }
  });
}

/**
 * Opens a store that was closed well, on a disk that is read-only: SQLite cannot make the files there that it wants
 * beside one with a write-ahead log, and needs none when it is told that nobody writes.
 */
function openUnchanging(path: string, failure: unknown): DatabaseSync {
  const url = pathToFileURL(path);
  url.searchParams.set('immutable', '1');
  try {
    return opened(new DatabaseSync(url, { readOnly: true }), (db) => check(db, path));
  } catch (error) {
    // Node.js before 22.15 takes no URL; whatever else it is, the first failure says more.
    throw error instanceof ReviewError ? error : failure;
  }
}

/** Runs an operation on a store's file; errors that speak of the file become a ReviewError. */
export function guarded<T>(path: string, doing: 'read' | 'write', operation: () => T): T {
  try {
    return operation();
  } catch (cause) {
    const code = primaryCode(cause);
    if (code === undefined) throw cause;
    const unreadable = UNREADABLE[code];
    if (unreadable !== undefined) {
      throw new ReviewError('STORE_UNREADABLE', `cannot read the store ${path}: ${unreadable}`, { cause });
    }
    const unwritable = UNWRITABLE[code];
    if (unwritable === undefined) throw cause;
    const error = doing === 'write' ? 'STORE_UNWRITABLE' : 'STORE_UNREADABLE';
    throw new ReviewError(error, `cannot ${doing} the store ${path}: ${unwritable} (${messageOf(cause)})`, { cause });
  }
}

/** Which file a path leads to now, to notice when it is moved away from under an open store. */
export function fileIdentity(path: string): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? undefined : `${stat.dev}:${stat.ino}`;
}

/** Sets a fresh connection up, and closes it again where that fails. */
function opened(db: DatabaseSync, setUp: (db: DatabaseSync) => void): DatabaseSync {
  try {
    db.exec(`PRAGMA busy_timeout = ${STORE_BUSY_TIMEOUT_MS}; PRAGMA trusted_schema = OFF`);
    setUp(db);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Makes the tables in a new file, and checks an old one. */
function prepare(db: DatabaseSync, path: string): void {
  if (!isEmpty(db)) return check(db, path);
  // Immediate, so that of two processes that start together one makes the tables and the other finds them.
  db.exec('BEGIN IMMEDIATE');
  try {
    if (isEmpty(db)) db.exec(TABLES);
    else check(db, path);
    db.exec('COMMIT');
  } catch (error) {
    rollBack(db);
    throw error;
  }
}

function isEmpty(db: DatabaseSync): boolean {
  return pragma(db, 'application_id') === 0 && db.prepare('SELECT 1 FROM sqlite_schema').get() === undefined;
}

function check(db: DatabaseSync, path: string): void {
  if (pragma(db, 'application_id') !== APPLICATION_ID) {
    throw new ReviewError('STORE_UNREADABLE', `${path} is a database of another program, not a Decision Trail store`);
  }
  const version = pragma(db, 'user_version');
  if (version > STORE_VERSION) {
    throw new ReviewError(
      'STORE_UNREADABLE',
      `${path} was written by a newer version of decision-trail (store version ${version}; this one knows ` +
        `${STORE_VERSION}): update @decision-trail/review`,
    );
  }
}

/** Ends a transaction that failed; SQLite has ended it already after some errors. */
export function rollBack(db: DatabaseSync): void {
  try {
    db.exec('ROLLBACK');
  } catch {
    // "no transaction is active": nothing is left to end.
  }
}

function pragma(db: DatabaseSync, name: 'application_id' | 'user_version'): number {
  return Number(db.prepare(`PRAGMA ${name}`).get()?.[name]);
}

function primaryCode(error: unknown): number | undefined {
  const code = (error as { errcode?: unknown } | undefined)?.errcode;
  return typeof code === 'number' ? code & 0xff : undefined;
}
