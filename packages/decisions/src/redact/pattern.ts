import { MatcherInputBase, RE2JS } from 're2js';
import { PatternError, translate } from './translate.js';
import type { PatternFlags } from './translate.js';

/** A part of a text, in UTF-16 units. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** What the patterns of the user's may still cost for one decision; the unit is about the time to look at a character. */
export interface ScanBudget {
  /** Throws where nothing is left. */
  spend(units: number): void;
}

/** Instructions of a compiled pattern at most: each may be looked at for each character. */
const PROGRAM_SIZE_MAX = 1000;

/** Instructions that together double what a character costs: where a state is remembered, and where none is. */
const TEST_SIZE_UNIT = 64;
const FIND_SIZE_UNIT = 16;

/**
 * Makes a regular expression ready to be looked for in linear time. It is read by its internal slots, so that nothing
 * that someone has put on it is called.
 *
 * @throws {PatternError} Where it cannot run in linear time, or is too large.
 */
export function compilePattern(pattern: RegExp): { find(text: string, budget: ScanBudget): Span[] | undefined } {
  const program = compile(translate(slot<string>('source', pattern), flagsOf(pattern)));
  const size = program.programSize();
  if (size > PROGRAM_SIZE_MAX) {
    throw new PatternError(`is too large: make its counted repetitions, such as {1,${PROGRAM_SIZE_MAX}}, smaller`);
  }
  const testCost = 1 + size / TEST_SIZE_UNIT;
  const findCost = 1 + size / FIND_SIZE_UNIT;
  return {
    find(text, budget) {
      budget.spend(text.length * testCost);
      return program.test(text) ? findAll(program, text, (reads) => budget.spend(reads * findCost)) : undefined;
    },
  };
}

function compile({ source, flags }: { source: string; flags: number }): RE2JS {
  try {
    return RE2JS.compile(source, flags);
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/^error parsing regexp: /, '') : '';
    throw new PatternError(`is not possible here: ${reason}`, { cause: error });
  }
}

/**
 * All matches that are not empty. Each search is linear, but each may look to the end of the text (`a(.*z)?` does), and
 * all of them together are not: so what they read is counted.
 */
function findAll(program: RE2JS, text: string, spend: (reads: number) => void): Span[] | undefined {
  const input = new CountingInput(text);
  const matcher = program.matcher(input);
  const spans: Span[] = [];
  for (let counted = 0; matcher.find(); counted = input.reads) {
    spend(input.reads - counted);
    const span = { start: matcher.start(), end: matcher.end() };
    if (span.end > span.start) spans.push(span);
  }
  return spans.length === 0 ? undefined : spans;
}

/** A text that counts how often it is read. */
class CountingText extends String {
  reads = 0;

  override charCodeAt(index: number): number {
    this.reads += 1;
    return super.charCodeAt(index);
  }
}

class CountingInput extends MatcherInputBase {
  readonly #text: CountingText;

  constructor(text: string) {
    super();
    this.#text = new CountingText(text);
  }

  get reads(): number {
    return this.#text.reads;
  }

  override asCharSequence(): string {
    return this.#text as unknown as string;
  }

  override length(): number {
    return this.#text.length;
  }

  override isUTF16Encoding(): boolean {
    return true;
  }

  override isUTF8Encoding(): boolean {
    return false;
  }
}

type Slot = 'source' | 'ignoreCase' | 'multiline' | 'dotAll' | 'unicode' | 'unicodeSets';

function slot<T>(name: Slot, pattern: RegExp): T {
  return Reflect.get(RegExp.prototype, name, pattern) as T;
}

function flagsOf(pattern: RegExp): PatternFlags {
  return {
    ignoreCase: slot('ignoreCase', pattern),
    multiline: slot('multiline', pattern),
    dotAll: slot('dotAll', pattern),
    isUnicode: slot<boolean>('unicode', pattern) || slot<boolean>('unicodeSets', pattern),
    hasSets: slot('unicodeSets', pattern),
  };
}
