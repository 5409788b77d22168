const NANOS_PER_MS = 1_000_000n;
const INT64_MAX = 2n ** 63n - 1n;
const RFC_3339 = /^(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?([Zz]|[+-]\d\d:\d\d)$/;
const DATE = /^\d{4}-\d\d-\d\d$/;
const AGE = /^(\d{1,6})([smhd])$/;
const UNIT_MS: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * An RFC 3339 timestamp as nanoseconds since 1970; `undefined` where it is none, or outside the years 1677 to 2262
 * that 64 bits of nanoseconds hold.
 */
export function parseTimestamp(text: string): bigint | undefined {
  const match = RFC_3339.exec(text);
  if (match === null) return undefined;
  const [, date, time, fraction = '', zone] = match as unknown as [string, string, string, string | undefined, string];
  const wholeMs = Date.parse(`${date}T${time}${zone.toUpperCase()}`);
  if (Number.isNaN(wholeMs) || !isCalendarDate(date)) return undefined;
  const nanos = BigInt(wholeMs) * NANOS_PER_MS + BigInt(fraction.padEnd(9, '0'));
  return fitsInt64(nanos) ? nanos : undefined;
}

/**
 * A point in time as a user writes it, in nanoseconds since 1970: RFC 3339, a date (its midnight in UTC), or an age
 * such as `90s`, `15m`, `2h` or `30d`. `undefined` where it is none of these.
 */
export function parseTimeOption(text: string, nowMs: number): bigint | undefined {
  const age = parseAge(text);
  if (age !== undefined) return nanosOfMs(nowMs - age);
  return parseTimestamp(DATE.test(text) ? `${text}T00:00:00Z` : text);
}

/** An age as a user writes it, in milliseconds; `undefined` where it is none. */
export function parseAge(text: string): number | undefined {
  const age = AGE.exec(text);
  return age === null ? undefined : Number(age[1]) * UNIT_MS[age[2]!]!;
}

/** Milliseconds since 1970 as nanoseconds. */
export function nanosOfMs(ms: number): bigint {
  return BigInt(Math.trunc(ms)) * NANOS_PER_MS;
}

/** Whether SQLite's integer can hold the number. */
export function fitsInt64(value: bigint): boolean {
  return value <= INT64_MAX && value >= -INT64_MAX;
}

/** `Date.parse` takes 30 February for 1 March. */
function isCalendarDate(date: string): boolean {
  const parsed = new Date(`${date}T00:00:00Z`);
  return !Number.isNaN(parsed.getTime()) && parsed.toISOString().startsWith(date);
}
