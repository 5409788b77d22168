import { TROUBLE_INTERVAL_MS } from './limits.js';
import { printable } from './text/printable.js';

/**
 * Lines about trouble, at most one of a kind in ten seconds, so that a full disk does not fill the terminal too. What
 * was left out is counted in the next line of its kind.
 */
export class TroubleLog {
  readonly #write: (line: string) => void;
  readonly #now: () => number;
  readonly #kinds = new Map<string, { atMs: number; leftOut: number }>();

  /** @param now Milliseconds of a clock that never steps back. */
  constructor(write: (line: string) => void, now: () => number = () => performance.now()) {
    this.#write = write;
    this.#now = now;
  }

  /** @param kind One of a few fixed words. */
  report(kind: string, line: string): void {
    const atMs = this.#now();
    const last = this.#kinds.get(kind);
    if (last !== undefined && atMs - last.atMs < TROUBLE_INTERVAL_MS) {
      last.leftOut += 1;
      return;
    }
    const leftOut = last?.leftOut ?? 0;
    this.#kinds.set(kind, { atMs, leftOut: 0 });
    this.#write(printable(leftOut === 0 ? line : `${line} (and ${leftOut} more like this)`));
  }
}
