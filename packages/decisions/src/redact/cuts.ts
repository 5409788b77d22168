import type { Span } from './pattern.js';
import type { Known } from './remembered.js';
import type { RedactMethod } from './rules.js';

/** A part of a text that is replaced. */
interface Cut extends Span {
  readonly known: Known;
  readonly order: number;
}

/** The parts of a text that are replaced. */
export class Cuts {
  readonly #text: string;
  readonly #cuts: Cut[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  add(start: number, end: number, known: Known): void {
    this.#cuts.push({ start, end, known, order: this.#cuts.length });
  }

  /** Whether each of some spans, in the order of the text, is within a part that is replaced, and not because of a drop. */
  cover(spans: readonly Span[]): boolean {
    const cuts = this.#sorted().filter(({ known }) => known.method !== 'drop');
    let next = 0;
    let coveredTo = 0;
    return spans.every(({ start, end }) => {
      for (; next < cuts.length && cuts[next]!.start <= start; next++) coveredTo = Math.max(coveredTo, cuts[next]!.end);
      return end <= coveredTo;
    });
  }

  /**
   * The text with its parts replaced, and the methods by which they were. Parts that overlap become one, so that nothing
   * is left of either; what was added first decides what it is replaced by.
   */
  apply(): { result: string; methods: Set<RedactMethod> } {
    const cuts = this.#sorted();
    const methods = new Set<RedactMethod>();
    let result = '';
    let done = 0;
    for (let i = 0; i < cuts.length;) {
      const { start } = cuts[i]!;
      let first = cuts[i]!;
      let { end } = first;
      for (i += 1; i < cuts.length && cuts[i]!.start < end; i++) {
        const cut = cuts[i]!;
        end = Math.max(end, cut.end);
        if (cut.order < first.order) first = cut;
      }
      result += this.#text.slice(done, start) + first.known.replacement;
      methods.add(first.known.method);
      done = end;
    }
    return { result: result + this.#text.slice(done), methods };
  }

  #sorted(): Cut[] {
    return this.#cuts.sort((a, b) => a.start - b.start);
  }
}
