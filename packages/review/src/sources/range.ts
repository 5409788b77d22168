import { REMOTE_SINCE_DAYS } from '../limits.js';
import type { DecisionQuery } from '../store.js';
import { nanosOfMs } from '../time.js';

const DAY_MS = 86_400_000;

/** How far ahead of ours the clocks of applications may be: backends refuse more. */
const CLOCK_AHEAD_MS = 600_000;

/** A span of time, in nanoseconds since 1970; `until` is not part of it. */
export interface TimeRange {
  since: bigint;
  until: bigint;
}

/** The time that a query of a remote source covers: by default the last 30 days. */
export function rangeOf(query: DecisionQuery, nowMs: number = Date.now()): TimeRange {
  return {
    since: query.sinceUnixNano ?? nanosOfMs(nowMs - REMOTE_SINCE_DAYS * DAY_MS),
    until: query.untilUnixNano ?? nanosOfMs(nowMs + CLOCK_AHEAD_MS),
  };
}

/**
 * Where to look for the record with an id. A UUIDv7 says when the call began (RFC 9562, 5.7), so the day after it comes
 * first; then the default range, for an id that says nothing or a record that was made later.
 */
export function rangesOfId(id: string, nowMs: number = Date.now()): TimeRange[] {
  const whole = rangeOf({}, nowMs);
  if (!/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i.test(id)) return [whole];
  const beganMs = Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
  const day = { since: nanosOfMs(beganMs - CLOCK_AHEAD_MS), until: nanosOfMs(beganMs + DAY_MS) };
  if (day.since >= whole.until) return [whole];
  return [day.until < whole.until ? day : { ...day, until: whole.until }, whole];
}
