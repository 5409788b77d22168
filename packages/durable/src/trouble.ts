import { diag } from '@opentelemetry/api';

const INTERVAL_MS = 10_000;

/**
 * Messages through OpenTelemetry's `diag`, at most one of a kind in ten seconds, so that a full disk does not fill the log as
 * well. What was left out is counted in the next one of its kind.
 */
export class Trouble {
  readonly #write: (level: 'error' | 'warn', message: string) => void;
  readonly #kinds = new Map<string, { atMs: number; leftOut: number }>();

  /** @param write Default: OpenTelemetry's `diag`. */
  constructor(write: (level: 'error' | 'warn', message: string) => void = toDiag) {
    this.#write = write;
  }

  /** @param kind One of a few fixed words. */
  report(level: 'error' | 'warn', kind: string, message: string): void {
    const atMs = performance.now();
    const last = this.#kinds.get(kind);
    if (last !== undefined && atMs - last.atMs < INTERVAL_MS) {
      last.leftOut += 1;
      return;
    }
    const leftOut = last?.leftOut ?? 0;
    this.#kinds.set(kind, { atMs, leftOut: 0 });
    const more = leftOut === 0 ? '' : ` (and ${leftOut} more like this)`;
    try {
      this.#write(level, `${message}${more}`);
    } catch {
      // A diag logger of the application that throws must not reach whoever makes a decision.
    }
  }
}

function toDiag(level: 'error' | 'warn', message: string): void {
  diag[level](`decision-trail: ${message}`);
}
