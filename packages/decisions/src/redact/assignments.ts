import type { Span } from './pattern.js';

/**
 * A name that says that a secret follows, with what stands between the two: `password=`, `"api_key": "`, in JSON within
 * JSON `\"token\":\"`. Whatever stands before the name is part of it, as in `x-auth-token`; `pwd`, `cvv` and `cvc` are
 * whole names. Each run of blanks is limited, so that one look at a place costs the same everywhere.
 */
const NAME =
  /(?:pass(?:word|wd|phrase)|secret|token|(?:api|secret|access|private)[-_. ]?key|authorization|(cookie)|credentials?|(?<![\w.-])(?:pwd|cvv|cvc))(?:\\{0,7}["'`])?\s{0,8}(?::|=>?)\s{0,8}/gi;

/** The beginning of a quoted value; a value in JSON within JSON has backslashes before its quotes. */
const QUOTE = /(\\{0,7})(["'`])/y;

/** The scheme of credentials stays readable. */
const SCHEME = /(?:bearer|basic|digest|token|negotiate|apikey)\s{1,8}(?=\S)/iy;

const UNQUOTED = /[^\s,;&"'`<>(){}[\]\\]+/y;
const REST_OF_LINE = /[^\r\n]+/y;

/** Values that are no secrets: what JSON and JavaScript have instead of one, and what is masked already. */
const NO_SECRET = /^(?:|null|undefined|true|false|\*{3,})$/;

/** Finds what is assigned to names that secrets have. */
export function findAssignments(text: string, found: Span[]): void {
  NAME.lastIndex = 0;
  for (let match = NAME.exec(text); match !== null; match = NAME.exec(text)) {
    const { start, end } = valueAt(text, NAME.lastIndex, match);
    if (!NO_SECRET.test(text.slice(start, end).slice(0, 16))) found.push({ start, end });
    NAME.lastIndex = Math.max(end, NAME.lastIndex);
  }
}

function valueAt(text: string, at: number, [name, cookie]: RegExpExecArray): Span {
  QUOTE.lastIndex = at;
  const quote = QUOTE.exec(text);
  if (quote !== null) {
    const start = afterScheme(text, QUOTE.lastIndex);
    return { start, end: closingQuote(text, start, quote[2]!, quote[1]!.length) };
  }
  if (text[at] === '{' || text[at] === '[') return { start: at, end: closingBracket(text, at) };
  const start = afterScheme(text, at);
  // Cookies, and credentials of other schemes, are lists with blanks and commas.
  const isHeader = cookie !== undefined || (/^authorization/i.test(name) && name.includes(':'));
  const value = isHeader ? REST_OF_LINE : UNQUOTED;
  value.lastIndex = start;
  return { start, end: value.test(text) ? value.lastIndex : start };
}

function afterScheme(text: string, at: number): number {
  SCHEME.lastIndex = at;
  return SCHEME.test(text) ? SCHEME.lastIndex : at;
}

/**
 * Where a quoted value ends: at the next quote with as many backslashes before it as the opening one has; not counting
 * those that stand for backslashes of the value. Where the text ends before, at its end.
 */
function closingQuote(text: string, start: number, quote: string, backslashes: number): number {
  const period = 2 * (backslashes + 1);
  for (let at = text.indexOf(quote, start); at >= 0; at = text.indexOf(quote, at + 1)) {
    let first = at;
    while (first > start && text[first - 1] === '\\') first -= 1;
    const before = at - first;
    // Fewer end what is around the value.
    if (before < backslashes) return first;
    if (before % period === backslashes) return at - backslashes;
  }
  return text.length;
}

/** Where a value in brackets ends. */
function closingBracket(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const char = text[at];
    if (char === '{' || char === '[') depth += 1;
    if ((char === '}' || char === ']') && --depth === 0) return at + 1;
  }
  return text.length;
}
