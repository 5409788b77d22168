/** A number and what it counts, in English. */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** Log records and spans; both where there are both, or none. */
export function records(logs: number, spans: number): string {
  if (spans === 0) return plural(logs, 'log record');
  return logs === 0 ? plural(spans, 'span') : `${plural(logs, 'log record')} and ${plural(spans, 'span')}`;
}
