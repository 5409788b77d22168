import type { HrTime } from '@opentelemetry/api';

/** OpenTelemetry's [seconds, nanoseconds]: a plain number could be taken for a reading of the monotonic clock. */
export function hrTime(ms: number): HrTime {
  const seconds = Math.floor(ms / 1000);
  return [seconds, (ms - seconds * 1000) * 1_000_000];
}

let lastTime = { ms: Number.NaN, text: '' };

/** RFC 3339 in UTC; decisions often come many in one millisecond. */
export function isoTime(ms: number): string {
  if (ms !== lastTime.ms) lastTime = { ms, text: new Date(ms).toISOString() };
  return lastTime.text;
}
