import { RE2JS } from 're2js';

/** Says why a regular expression cannot be used, as the end of a sentence about it. */
export class PatternError extends Error {}

/** The flags that make a difference to what a regular expression fits. */
export interface PatternFlags {
  readonly ignoreCase: boolean;
  readonly multiline: boolean;
  readonly dotAll: boolean;
  /** `u` or `v`. */
  readonly isUnicode: boolean;
  /** `v`. */
  readonly hasSets: boolean;
}

/** The blanks of ECMAScript (`\s`) and all other characters, as members of a class; RE2 knows the ASCII ones only. */
const BLANKS = '\\t-\\r \\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}\\x{feff}';
const NO_BLANKS =
  '\\x00-\\x08\\x0e-\\x1f!-\\x{9f}\\x{a1}-\\x{167f}\\x{1681}-\\x{1fff}\\x{200b}-\\x{2027}\\x{202a}-\\x{202e}' +
  '\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}\\x{3001}-\\x{fefe}\\x{ff00}-\\x{10ffff}';

/** Escapes that mean the same in both. */
const SAME = new Set<string>('dDwWtnrfv');

const LOOK_AROUND: readonly [string, string][] = [
  ['(?=', 'a look-ahead'],
  ['(?!', 'a look-ahead'],
  ['(?<=', 'a look-behind'],
  ['(?<!', 'a look-behind'],
];

/**
 * Writes a regular expression of ECMAScript in the syntax of RE2, so that it fits the same texts, except that
 *
 * - a character beyond U+FFFF is one character, also without the flags `u` and `v`;
 * - only a line feed ends a line, for `.` and with the flag `m`;
 * - in a repetition of what can be nothing, as `(a??|b)*`, nothing counts as one time.
 *
 * Its groups capture nothing: only the whole match counts.
 *
 * @throws {PatternError} Where it needs what RE2 does not have.
 */
export function translate(source: string, flags: PatternFlags): { source: string; flags: number } {
  return {
    source: new Translation(source, flags).run(),
    flags:
      (flags.ignoreCase ? RE2JS.CASE_INSENSITIVE : 0) |
      (flags.multiline ? RE2JS.MULTILINE : 0) |
      (flags.dotAll ? RE2JS.DOTALL : 0),
  };
}

class Translation {
  readonly #source: string;
  readonly #flags: PatternFlags;
  #at = 0;

  constructor(source: string, flags: PatternFlags) {
    this.#source = source;
    this.#flags = flags;
  }

  run(): string {
    let result = '';
    while (this.#at < this.#source.length) result += this.#term();
    return result;
  }

  #term(): string {
    const char = this.#character();
    if (char === '\\') return this.#escape(false);
    if (char === '[') return this.#class();
    if (char === '(') return this.#group();
    return char;
  }

  /** The next character, a pair of surrogates being one. */
  #character(): string {
    const code = this.#source.codePointAt(this.#at)!;
    if (code >= 0xd800 && code <= 0xdfff) throw loneSurrogate();
    const char = String.fromCodePoint(code);
    this.#at += char.length;
    return char;
  }

  /** Goes on after a text, if it is what comes next. */
  #skip(text: string): boolean {
    if (!this.#source.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  /** Goes on after what comes next, if it is as a sticky regular expression says; its first group. */
  #take(expected: RegExp): string | undefined {
    expected.lastIndex = this.#at;
    const match = expected.exec(this.#source);
    if (match === null) return undefined;
    this.#at = expected.lastIndex;
    return match[1];
  }

  #group(): string {
    for (const [opening, name] of LOOK_AROUND) {
      if (this.#source.startsWith(opening, this.#at - 1)) {
        throw new PatternError(`has ${name} ("${opening}"), which cannot run in linear time; write it without`);
      }
    }
    if (this.#take(/(\?<)[^>]*>/y) !== undefined) return '(?:';
    return this.#source[this.#at] === '?' ? '(' : '(?:';
  }

  #class(): string {
    if (this.#skip('^]')) return '[\\x00-\\x{10ffff}]';
    if (this.#skip(']')) return '[^\\x00-\\x{10ffff}]';
    let result = this.#skip('^') ? '[^' : '[';
    while (this.#at < this.#source.length) {
      if (this.#flags.hasSets) this.#refuseSets();
      const char = this.#character();
      if (char === ']') return `${result}]`;
      if (char === '[') result += '\\[';
      else result += char === '\\' ? this.#classEscape() : char;
    }
    throw new PatternError('has a class ("[") without an end');
  }

  #classEscape(): string {
    const isSet = /[sSdDwWpP]/.test(this.#source[this.#at] ?? '');
    const escape = this.#escape(true);
    // After a set a hyphen stands for itself; here the set may end with a character that it would make a range with.
    return isSet && this.#source[this.#at + 1] !== ']' && this.#skip('-') ? `${escape}\\-` : escape;
  }

  #refuseSets(): void {
    for (const set of ['[', '--', '&&', '\\q']) {
      if (this.#source.startsWith(set, this.#at)) {
        throw new PatternError(`has an operation on sets ("${set}"), which is not possible here; write the set out`);
      }
    }
  }

  /** What comes after a backslash. */
  #escape(isInClass: boolean): string {
    const char = this.#at < this.#source.length ? this.#character() : '';
    if (SAME.has(char)) return `\\${char}`;
    switch (char) {
      case 's':
        return isInClass ? BLANKS : `[${BLANKS}]`;
      case 'S':
        return isInClass ? NO_BLANKS : `[${NO_BLANKS}]`;
      case 'b':
        return isInClass ? '\\x08' : '\\b';
      case 'B':
        return '\\B';
      case 'c':
        return code((this.#take(/([A-Za-z])/y) ?? refuse('\\c')).charCodeAt(0) % 32);
      case 'x':
        return code(Number.parseInt(this.#take(/([\da-fA-F]{2})/y) ?? refuse('\\x'), 16));
      case 'u':
        return this.#unicodeEscape();
      case 'p':
      case 'P':
        return this.#property(char);
      case '0':
        return this.#take(/(\d)/y) === undefined ? '\\x00' : refuse('\\0');
    }
    if (/[1-9k]/.test(char)) {
      throw new PatternError(`has a back-reference ("\\${char}"), which cannot run in linear time; write it without`);
    }
    return /[A-Za-z]/.test(char) ? refuse(`\\${char}`) : literal(char);
  }

  #unicodeEscape(): string {
    const braced = this.#flags.isUnicode ? this.#take(/\{([\da-fA-F]+)\}/y) : undefined;
    if (braced !== undefined) return code(Number.parseInt(braced, 16));
    const pair = this.#take(/([dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2})/y);
    if (pair !== undefined) {
      const units = pair.split('\\u').map((unit) => Number.parseInt(unit, 16));
      return code(String.fromCharCode(...units).codePointAt(0)!);
    }
    return code(Number.parseInt(this.#take(/([\da-fA-F]{4})/y) ?? refuse('\\u'), 16));
  }

  #property(escape: string): string {
    if (!this.#flags.isUnicode) throw new PatternError(`has \\${escape}, which needs the flag "u"`);
    const name = this.#take(/\{(?:Script=|sc=|General_Category=|gc=)?(\w+)\}/y) ?? refuse(`\\${escape}`);
    return `\\${escape}{${name}}`;
  }
}

function code(value: number): string {
  if (value >= 0xd800 && value <= 0xdfff) throw loneSurrogate();
  return `\\x{${value.toString(16)}}`;
}

function literal(char: string): string {
  return /[\x21-\x7e]/.test(char) ? `\\${char}` : char;
}

function refuse(escape: string): never {
  throw new PatternError(
    `has an escape "${escape}" that has no meaning there; leave out the backslash, or complete it`,
  );
}

function loneSurrogate(): PatternError {
  return new PatternError('has half a surrogate pair; write the whole character, as \\u{1f600} with the flag "u"');
}
