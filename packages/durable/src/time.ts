import type { HrTimeLike } from './otlp/message.js';

/** Unix milliseconds as OpenTelemetry's seconds and nanoseconds. */
export function hrTime(ms: number): HrTimeLike {
  const seconds = Math.floor(ms / 1000);
  return [seconds, (ms - seconds * 1000) * 1_000_000];
}
