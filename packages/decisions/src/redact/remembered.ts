import type { RedactMethod } from './rules.js';

/** Values that are remembered at most; of those that patterns found, which find them again, half as many. */
const VALUES_MAX = 64;
const PATTERN_VALUES_MAX = VALUES_MAX / 2;

/** UTF-16 units of a value that is remembered: a shorter one is in any text by chance. */
const VALUE_CHARS_MIN = 4;
const VALUE_CHARS_MAX = 1024;

/** Letters and digits in a row that no number stands in, at least: those of an MD5 digest. */
const DIGEST_CHARS_MIN = 32;

/** What many values are, and what says nothing about anybody. */
const WORDS = new Set(['true', 'false', 'null', 'undefined']);

const NUMBER = /^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i;

/** A value that was replaced, in one of the forms in which it may occur in other texts. */
interface Needle {
  readonly text: string;
  readonly isNumber: boolean;
  readonly known: Known;
}

/** What a value was replaced by. */
export interface Known {
  readonly replacement: string;
  readonly method: RedactMethod;
}

/** The values of one decision that were replaced, to be found where they are quoted elsewhere. */
export class Remembered {
  readonly #values = new Set<string>();
  /** Longest first: a value that is part of another must not keep that from being found. */
  #needles: Needle[] = [];
  #fromPatterns = 0;

  get isEmpty(): boolean {
    return this.#needles.length === 0;
  }

  /** A value that a rule by path or key replaced; of JSON all strings and numbers in it, the longest first. */
  add(text: string, known: Known): void {
    this.#add(text, known);
    if (text.startsWith('{') || text.startsWith('[')) {
      for (const leaf of leaves(text).sort((a, b) => b.length - a.length)) this.#add(leaf, known);
    }
  }

  /** A part of a text that a pattern fitted. */
  addMatch(text: string, known: Known): void {
    if (this.#fromPatterns < PATTERN_VALUES_MAX && this.#add(text, known)) this.#fromPatterns += 1;
  }

  /** Calls back for each place in a text where a value is. */
  find(text: string, found: (start: number, end: number, known: Known) => void): void {
    const isNumber = NUMBER.test(text);
    for (const needle of this.#needles) {
      if (needle.text.length > text.length) continue;
      // A number as a whole is that value or another one, not a text that the value is part of.
      if (isNumber && needle.isNumber && needle.text.length < text.replace(/^-/, '').length) continue;
      let start = text.indexOf(needle.text);
      while (start >= 0) {
        const end = start + needle.text.length;
        const isValue = !needle.isNumber || isWholeNumber(text, start, end);
        if (isValue) found(start, end, needle.known);
        start = text.indexOf(needle.text, isValue ? end : start + 1);
      }
    }
  }

  #add(text: string, known: Known): boolean {
    if (text.length < VALUE_CHARS_MIN || text.length > VALUE_CHARS_MAX || WORDS.has(text)) return false;
    if (this.#values.size >= VALUES_MAX || this.#values.has(text)) return false;
    this.#values.add(text);
    const isNumber = NUMBER.test(text);
    for (const form of formsOf(text)) this.#needles.push({ text: form, isNumber, known });
    this.#needles.sort((a, b) => b.text.length - a.text.length);
    return true;
  }
}

/** A text itself, and as it stands in JSON and in the query of a URL. */
function formsOf(text: string): Set<string> {
  const forms = new Set([text, JSON.stringify(text).slice(1, -1)]);
  // With half a surrogate pair in it, it stands in no URL.
  if (!/\p{Cs}/u.test(text)) forms.add(encodeURIComponent(text));
  return forms;
}

/** The strings and numbers in a JSON text; none where it is no JSON after all. */
function leaves(json: string): string[] {
  let open: unknown[];
  try {
    open = [JSON.parse(json)];
  } catch {
    return [];
  }
  const found: string[] = [];
  while (open.length > 0) {
    const value = open.pop();
    if (typeof value === 'string') found.push(value);
    else if (typeof value === 'number') found.push(String(value));
    else if (typeof value === 'object' && value !== null) for (const member of Object.values(value)) open.push(member);
  }
  return found;
}

/** Whether digits are a number of their own: not part of a longer one, nor of a digest or a ciphertext by chance. */
function isWholeNumber(text: string, start: number, end: number): boolean {
  if (isDigit(text, start - 1) || isDigit(text, end)) return false;
  if (!isLetter(text, start - 1) && !isLetter(text, end)) return true;
  const before = /[a-zA-Z\d]*$/.exec(text.slice(Math.max(0, start - DIGEST_CHARS_MIN), start))![0];
  const after = /^[a-zA-Z\d]*/.exec(text.slice(end, end + DIGEST_CHARS_MIN))![0];
  return before.length + (end - start) + after.length < DIGEST_CHARS_MIN;
}

function isDigit(text: string, at: number): boolean {
  const unit = text.charCodeAt(at);
  return unit >= 48 && unit <= 57;
}

function isLetter(text: string, at: number): boolean {
  const unit = text.charCodeAt(at) | 0x20;
  return unit >= 97 && unit <= 122;
}
