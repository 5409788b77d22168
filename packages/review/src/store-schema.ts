/** `PRAGMA application_id` of a store: "DTRL" in ASCII, by which `file(1)` and SQLite can tell it from other databases. */
export const APPLICATION_ID = 0x4454_524c;

/** `PRAGMA user_version` of the tables below. */
export const STORE_VERSION = 1;

/** The tables of a store. */
export const TABLES: string = `
-- One row for each log record whose EventName begins with "decision.".
CREATE TABLE record (
  number         INTEGER PRIMARY KEY,  -- order of arrival
  event          TEXT NOT NULL,
  id             TEXT NOT NULL,
  time_unix_nano INTEGER NOT NULL,
  body           TEXT NOT NULL,        -- as emitted, byte for byte; the other columns are for searching
  service_name   TEXT,
  model_name     TEXT,
  trace_id       TEXT,
  span_id        TEXT,
  attributes     TEXT NOT NULL,        -- JSON object
  resource       TEXT NOT NULL,        -- JSON object
  UNIQUE (event, id)
) STRICT;
CREATE INDEX record_by_time ON record (event, time_unix_nano, id);

CREATE TABLE span (
  trace_id        TEXT NOT NULL,
  span_id         TEXT NOT NULL,
  parent_span_id  TEXT,
  name            TEXT NOT NULL,
  kind            INTEGER NOT NULL,
  start_unix_nano INTEGER NOT NULL,
  end_unix_nano   INTEGER NOT NULL,
  status_code     INTEGER NOT NULL,
  status_message  TEXT NOT NULL,
  service_name    TEXT,
  decision_id     TEXT,
  attributes      TEXT NOT NULL,       -- JSON object
  events          TEXT NOT NULL,       -- JSON array
  links           TEXT NOT NULL,       -- JSON array
  resource        TEXT NOT NULL,       -- JSON object
  PRIMARY KEY (trace_id, span_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX span_by_decision ON span (decision_id) WHERE decision_id IS NOT NULL;

PRAGMA application_id = ${APPLICATION_ID};
PRAGMA user_version = ${STORE_VERSION};
`;
