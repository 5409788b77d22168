/** Ids strictly between two; an absent end is open. */
export interface IdRange {
  after?: string | undefined;
  before?: string | undefined;
}

/** LogQL label filters that let pass the ids of a range. */
export function idFilters(label: string, { after, before }: IdRange): string {
  let filters = '';
  if (after !== undefined) filters += ` | ${label}=~${quoted(greaterThan(after))}`;
  if (before !== undefined) filters += ` | ${label}!=${quoted(before)} | ${label}!~${quoted(greaterThan(before))}`;
  return filters;
}

/** A string literal of LogQL, which are Go's. */
export function quoted(text: string): string {
  return JSON.stringify(text);
}

/**
 * An RE2 pattern for the strings that come after `id` in the order of code points: LogQL compares strings only for
 * equality. At each character either the string has a greater one, and the rest is free, or it has the same one, and the
 * next decides: `a(?:[^\x00-b].*|b(?:...))`. At most one alternative can match, which lets Go match in one pass.
 */
export function greaterThan(id: string): string {
  let pattern = '.+';
  for (const character of [...id].toReversed()) {
    const same = /^[0-9A-Za-z]$/.test(character) ? character : `\\x{${character.codePointAt(0)!.toString(16)}}`;
    pattern = `(?:[^\\x{0}-${same}].*|${same}${pattern})`;
  }
  return `(?s)${pattern}`;
}
