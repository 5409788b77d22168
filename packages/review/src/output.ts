import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { ReviewError } from './errors.js';
import { printable } from './text/printable.js';

/** Thrown where the reader of our output has gone, as `head` does: there is nothing more to do, and nothing wrong. */
export const READER_GONE: unique symbol = Symbol('reader gone');

/** Writes lines, and waits where the reader is slower. */
export class LineWriter {
  readonly #stream: Writable;
  #gone = false;

  constructor(stream: Writable) {
    this.#stream = stream;
    stream.on('error', (error: NodeJS.ErrnoException) => {
      this.#gone = true;
      // It comes at any time, the end included, so it goes to the handler of uncaught errors, which ends the process.
      if (error.code !== 'EPIPE') throw new ReviewError('OUTPUT_UNWRITABLE', `cannot print: ${error.message}`);
    });
  }

  /** Throws `READER_GONE` where nobody reads any more. */
  async line(text: string): Promise<void> {
    if (!this.#gone && this.#stream.write(`${text}\n`)) return;
    // An error while waiting shows in `gone`.
    if (!this.#gone) await once(this.#stream, 'drain').catch(() => {});
    if (this.#gone) throw READER_GONE;
  }
}

/** One line on stderr, safe to print. */
export function complain(line: string): void {
  process.stderr.write(`decision-trail: ${printable(line)}\n`);
}
