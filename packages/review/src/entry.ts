import type { DecisionRecord } from '@decision-trail/decisions';
import { ReviewError } from './errors.js';
import { isObject, parseJson } from './json.js';
import { ID_CHARS_MAX } from './limits.js';
import { parseTimestamp } from './time.js';

/** One decision, as a source returns it. */
export interface Entry {
  /** The record as it was emitted, byte for byte: the audit truth. */
  readonly body: string;
  /** The same, parsed. Only `id` and `timestamp` are certain: others may have written the rest. */
  readonly record: DecisionRecord;
  /** `record.timestamp` in nanoseconds since 1970. */
  readonly timeUnixNano: bigint;
}

/**
 * Reads the body of a decision record.
 *
 * @throws ReviewError `MALFORMED` where it is no JSON object with an id and an RFC 3339 timestamp.
 */
export function parseEntry(body: string): Entry {
  const record = parseJson(body);
  if (!isObject(record)) throw new ReviewError('MALFORMED', 'the body is no JSON object');
  const { id, timestamp } = record;
  if (typeof id !== 'string' || id === '' || id.length > ID_CHARS_MAX) {
    throw new ReviewError('MALFORMED', `the record has no id of 1 to ${ID_CHARS_MAX} characters`);
  }
  const timeUnixNano = typeof timestamp === 'string' ? parseTimestamp(timestamp) : undefined;
  if (timeUnixNano === undefined) {
    throw new ReviewError('MALFORMED', 'the record has no RFC 3339 timestamp between 1677 and 2262');
  }
  return { body, record: record as unknown as DecisionRecord, timeUnixNano };
}

/** What decides where an entry stands in a list. */
export interface Place {
  readonly timeUnixNano: bigint;
  readonly record: { readonly id: string };
}

/** The order of every list: by time, then by id. */
export function compareEntries(a: Place, b: Place): number {
  if (a.timeUnixNano !== b.timeUnixNano) return a.timeUnixNano < b.timeUnixNano ? -1 : 1;
  // SQLite compares UTF-8 bytes, which is the order of code points; JavaScript compares UTF-16 units.
  return Buffer.compare(Buffer.from(a.record.id), Buffer.from(b.record.id));
}

/** A record's model name, where it has one. */
export function modelNameOf(record: DecisionRecord): string | undefined {
  const model: unknown = record.model;
  return isObject(model) && typeof model['name'] === 'string' ? model['name'] : undefined;
}
