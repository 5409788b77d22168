import type { RedactMethod } from './rules.js';

/** Values that are remembered at most; of those that patterns found, which find them again, half as many. */
const VALUES_MAX = 64;
const PATTERN_VALUES_MAX = VALUES_MAX / 2;

/** UTF-16 units of a value that is remembered: a shorter one is in any text by chance. */
const VALUE_CHARS_MIN = 4;
const VALUE_CHARS_MAX = 1024;

/** Letters and digits in a row that no number stands in, at least: those of an MD5 digest. */
const DIGEST_CHARS_MIN = 32;

/** Letters of a value that is looked for as a whole word at most: a longer one is in another word by no chance. */
const WORD_CHARS_MAX = 11;

/**
 * A word: all its letters small, or all capital, or the first alone. Only in scripts that write blanks between words,
 * and no mixture of cases or with digits, as tokens are.
 */
const WORD = /^(?:\p{Lu}?[\p{Ll}\p{M}]+|[\p{Lu}\p{M}]+)$/u;
const SPACED = /^[\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}\p{M}]+$/u;

/** What many values are, and what says nothing about anybody. */
const WORDS = new Set(['true', 'false', 'null', 'undefined']);

const NUMBER = /^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i;

/** A value that was replaced, in one of the forms in which it may occur in other texts. */
interface Needle {
  readonly text: string;
  readonly isNumber: boolean;
  /** Whether it is looked for as a whole word only. */
  isWord: boolean;
  readonly known: Known;
}

/** What a value was replaced by. */
export interface Known {
  readonly replacement: string;
  readonly method: RedactMethod;
  /** Whether it is a password, a token or the like: those are looked for within words as well. */
  readonly isSecret?: boolean | undefined;
}

/**
 * The values of one decision that were replaced, to be found where they are quoted elsewhere; also by the decisions
 * inside it, and by the one around it, which may pass on an error that quotes them.
 */
export class Remembered {
  readonly #around: Remembered | undefined;
  /** Each value, with the forms in which it is looked for. */
  readonly #values = new Map<string, readonly Needle[]>();
  /** Longest first: a value that is part of another must not keep that from being found. */
  #needles: Needle[] = [];
  #fromPatterns = 0;
  #fromInside = 0;

  /** @param around The memory of the decision around this one. */
  constructor(around?: Remembered) {
    this.#around = around;
  }

  get isEmpty(): boolean {
    return this.#needles.length === 0 && (this.#around?.isEmpty ?? true);
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
    this.#around?.find(text, found);
    const isNumber = NUMBER.test(text);
    for (const needle of this.#needles) {
      if (needle.text.length > text.length) continue;
      // A number as a whole is that value or another one, not a text that the value is part of.
      if (isNumber && needle.isNumber && needle.text.length < text.replace(/^-/, '').length) continue;
      let start = text.indexOf(needle.text);
      while (start >= 0) {
        const end = start + needle.text.length;
        const isValue =
          (!needle.isNumber || isWholeNumber(text, start, end)) && (!needle.isWord || isWholeWord(text, start, end));
        if (isValue) found(start, end, needle.known);
        start = text.indexOf(needle.text, isValue ? end : start + 1);
      }
    }
  }

  #add(text: string, known: Known): boolean {
    if (text.length < VALUE_CHARS_MIN || text.length > VALUE_CHARS_MAX || WORDS.has(text)) return false;
    if (this.#isKnown(text, known)) return false;
    if (this.#values.size - this.#fromInside >= VALUES_MAX) return false;
    this.#keep(text, known);
    this.#around?.addFromInside(text, known);
    return true;
  }

  /** A value that a decision inside replaced; those have room of their own. */
  addFromInside(text: string, known: Known): void {
    if (this.#isKnown(text, known) || this.#fromInside >= VALUES_MAX) return;
    this.#fromInside += 1;
    this.#keep(text, known);
    this.#around?.addFromInside(text, known);
  }

  /** Whether a value is remembered; one that turns out to be a secret is looked for within words from now on. */
  #isKnown(text: string, known: Known): boolean {
    const needles = this.#values.get(text);
    if (known.isSecret === true) {
      for (const needle of needles ?? []) needle.isWord = false;
      if (this.#around !== undefined) this.#around.#isKnown(text, known);
    }
    return needles !== undefined;
  }

  #keep(text: string, known: Known): void {
    const isNumber = NUMBER.test(text);
    const isWord = known.isSecret !== true && isShortWord(text);
    const needles = Array.from(formsOf(text), (form) => ({ text: form, isNumber, isWord, known }));
    this.#values.set(text, needles);
    this.#needles.push(...needles);
    this.#needles.sort((a, b) => b.text.length - a.text.length);
  }
}

/** A text itself, and as it stands in JSON and in the path and the query of a URL. */
function formsOf(text: string): Set<string> {
  const forms = new Set([text, JSON.stringify(text).slice(1, -1)]);
  // With half a surrogate pair in it, it stands in no URL.
  if (/^[\w.-]*$/.test(text) || !text.isWellFormed()) return forms;
  const encoded = encodeURIComponent(text);
  // Forms, and URLSearchParams with them, write a blank as a plus, and escape some more (URL Standard, 5.2).
  const inForm = encoded.replaceAll('%20', '+').replace(/[!'()~]/g, percent);
  return forms.add(encoded).add(encodeURI(text)).add(inForm);
}

function percent(char: string): string {
  return `%${char.charCodeAt(0).toString(16).toUpperCase()}`;
}

function isShortWord(text: string): boolean {
  return text.length <= WORD_CHARS_MAX && WORD.test(text) && SPACED.test(text);
}

/** What ends with a letter and is none: an escape of JSON or of a URL. */
const ESCAPE_AT_END = /(?:\\[bfnrt]|\\u[\da-f]{4}|%[\da-f]{2})$/i;
const LETTER_AT_END = /[\p{L}\p{M}]$/u;
const SMALL_AT_END = /\p{Ll}\p{M}*$/u;
const LETTER = /^[\p{L}\p{M}]/u;
const CAPITAL = /^\p{Lu}/u;

/**
 * Whether letters are a word of their own, and not a part of one by chance, as `male` is of `female`. Digits, `_` and
 * the humps of `camelCase` are ends of words as well.
 */
function isWholeWord(text: string, start: number, end: number): boolean {
  const before = text.slice(Math.max(0, start - 6), start);
  const word = text.slice(start, end);
  const after = text.slice(end, end + 2);
  const begins =
    !LETTER_AT_END.test(before) || ESCAPE_AT_END.test(before) || (SMALL_AT_END.test(before) && CAPITAL.test(word));
  return begins && (!LETTER.test(after) || CAPITAL.test(after) === SMALL_AT_END.test(word));
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
