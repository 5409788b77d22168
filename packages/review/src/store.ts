import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { conventions } from '@decision-trail/decisions';
import { parseEntry } from './entry.js';
import type { Entry } from './entry.js';
import { ReviewError } from './errors.js';
import type { SpanRow, RecordRow } from './rows.js';
import { fileIdentity, guarded, openForReading, openForWriting, rollBack } from './sqlite.js';

/** What a write did with what it was given. */
export interface WriteResult {
  /** Rows that are new in the store. */
  stored: number;
  /** Rows that the store had already, equal to the last byte. */
  duplicates: number;
  /** Ids of records that the store has with another body: the first one is kept. */
  conflicts: string[];
}

/** Which decisions to return. Times are nanoseconds since 1970. */
export interface DecisionQuery {
  /** From this time on. */
  sinceUnixNano?: bigint | undefined;
  /** Before this time. */
  untilUnixNano?: bigint | undefined;
  /** Of the model with this name. */
  model?: string | undefined;
}

const SELECT_DECISION = `SELECT body FROM record WHERE event = '${conventions.EVENT_DECISION_MADE}' AND id = ?`;
const SELECT_DECISIONS = `SELECT body FROM record WHERE event = '${conventions.EVENT_DECISION_MADE}'
  AND time_unix_nano >= :since AND time_unix_nano < :until AND (:model IS NULL OR model_name = :model)
  ORDER BY time_unix_nano, id`;

const INT64_MIN = -(2n ** 63n) + 1n;
const INT64_MAX = 2n ** 63n - 1n;

/**
 * Decision records and spans in one SQLite file: write-ahead log, `synchronous = FULL`, so that what a write has
 * returned from is on disk. Any number of processes may read while one writes.
 */
export class Store {
  readonly path: string;
  readonly #db: DatabaseSync;
  readonly #identity: string | undefined;
  readonly #writes: WriteStatements | undefined;
  readonly #find: StatementSync;

  private constructor(path: string, db: DatabaseSync, writable: boolean) {
    this.path = path;
    this.#db = db;
    this.#identity = fileIdentity(path);
    this.#writes = writable ? prepareWrites(db) : undefined;
    this.#find = db.prepare(SELECT_DECISION);
  }

  /**
   * Opens a store for writing, and creates the file where there is none.
   *
   * @param options.pagesMax Size of the file at most, in SQLite pages (4 KiB); a write beyond it fails as on a full
   * disk. Default: no limit.
   * @throws ReviewError `STORE_UNWRITABLE`, or `STORE_UNREADABLE` where the file is damaged, not a store, or newer.
   */
  static open(path: string, options: { pagesMax?: number } = {}): Store {
    const db = openForWriting(path);
    if (options.pagesMax !== undefined) db.exec(`PRAGMA max_page_count = ${Math.trunc(options.pagesMax)}`);
    return new Store(path, db, true);
  }

  /**
   * Opens a store that exists, for reading only.
   *
   * @throws ReviewError `STORE_UNREADABLE`.
   */
  static openReadOnly(path: string): Store {
    return new Store(path, openForReading(path), false);
  }

  /**
   * Stores decision records in one transaction; they are on disk when it returns.
   *
   * @throws ReviewError `STORE_UNWRITABLE`: nothing of it is stored, and a later write may succeed.
   */
  writeRecords(rows: readonly RecordRow[]): WriteResult {
    return this.#write(rows, (row, { insertRecord, bodyOf }, result) => {
      if (insertRecord.run({ ...row }).changes === 1) result.stored += 1;
      else if (bodyOf.get(row.event, row.id)?.['body'] === row.body) result.duplicates += 1;
      else result.conflicts.push(row.id);
    });
  }

  /**
   * Stores spans in one transaction; they are on disk when it returns.
   *
   * @throws ReviewError `STORE_UNWRITABLE`: nothing of it is stored, and a later write may succeed.
   */
  writeSpans(rows: readonly SpanRow[]): WriteResult {
    return this.#write(rows, (row, { insertSpan }, result) => {
      if (insertSpan.run({ ...row }).changes === 1) result.stored += 1;
      else result.duplicates += 1;
    });
  }

  /** Decisions, oldest first: by timestamp, then by id. */
  *decisions(query: DecisionQuery = {}): Generator<Entry> {
    // A statement of its own, so that two lists can be read at the same time.
    const rows = guarded(this.path, 'read', () =>
      this.#db.prepare(SELECT_DECISIONS).iterate({
        since: clamp(query.sinceUnixNano ?? INT64_MIN),
        until: clamp(query.untilUnixNano ?? INT64_MAX),
        model: query.model ?? null,
      }),
    );
    try {
      for (;;) {
        const row = guarded(this.path, 'read', () => rows.next());
        if (row.done === true) return;
        yield parseEntry(row.value['body'] as string);
      }
    } finally {
      // Where the reader stops early, this ends the read that would keep the write-ahead log from being emptied.
      rows.return?.();
    }
  }

  /** The decision with an id; `undefined` where the store has none. */
  decision(id: string): Entry | undefined {
    const row = guarded(this.path, 'read', () => this.#find.get(id));
    return row === undefined ? undefined : parseEntry(row['body'] as string);
  }

  /** Closes the file. The last process to close it moves the write-ahead log into it and removes the log. */
  close(): void {
    this.#db.close();
  }

  #write<Row>(
    rows: readonly Row[],
    insert: (row: Row, statements: WriteStatements, result: WriteResult) => void,
  ): WriteResult {
    const statements = this.#writes;
    if (statements === undefined) throw new TypeError('the store was opened for reading only');
    const result: WriteResult = { stored: 0, duplicates: 0, conflicts: [] };
    if (rows.length === 0) return result;
    return guarded(this.path, 'write', () => {
      this.#assertInPlace();
      try {
        this.#db.exec('BEGIN IMMEDIATE');
        for (const row of rows) insert(row, statements, result);
        this.#db.exec('COMMIT');
        return result;
      } catch (error) {
        rollBack(this.#db);
        throw error;
      }
    });
  }

  /** SQLite goes on writing to a file that was removed, and all of it would be lost at the end. */
  #assertInPlace(): void {
    if (fileIdentity(this.path) !== this.#identity) {
      throw new ReviewError(
        'STORE_UNWRITABLE',
        `the store ${this.path} was moved or removed: restart to make a new one`,
      );
    }
  }
}

interface WriteStatements {
  insertRecord: StatementSync;
  bodyOf: StatementSync;
  insertSpan: StatementSync;
}

function prepareWrites(db: DatabaseSync): WriteStatements {
  return {
    insertRecord: db.prepare(
      `INSERT INTO record (event, id, time_unix_nano, body, service_name, model_name, trace_id, span_id, attributes, resource)
       VALUES (:event, :id, :timeUnixNano, :body, :serviceName, :modelName, :traceId, :spanId, :attributes, :resource)
       ON CONFLICT (event, id) DO NOTHING`,
    ),
    bodyOf: db.prepare('SELECT body FROM record WHERE event = ? AND id = ?'),
    insertSpan: db.prepare(
      `INSERT INTO span (trace_id, span_id, parent_span_id, name, kind, start_unix_nano, end_unix_nano, status_code,
         status_message, service_name, decision_id, attributes, events, links, resource)
       VALUES (:traceId, :spanId, :parentSpanId, :name, :kind, :startUnixNano, :endUnixNano, :statusCode,
         :statusMessage, :serviceName, :decisionId, :attributes, :events, :links, :resource)
       ON CONFLICT (trace_id, span_id) DO NOTHING`,
    ),
  };
}

function clamp(nanos: bigint): bigint {
  if (nanos < INT64_MIN) return INT64_MIN;
  return nanos > INT64_MAX ? INT64_MAX : nanos;
}
