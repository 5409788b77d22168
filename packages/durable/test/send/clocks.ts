import type { Clock } from '../../src/send/clock.ts';

interface Armed {
  readonly dueMs: number;
  readonly ms: number;
  readonly hold: boolean;
  readonly call: () => void;
}

/** A clock that stands still until a test lets a timer fire. */
export class ManualClock implements Clock {
  #nowMs = 1_000_000;
  readonly #armed = new Set<Armed>();
  readonly #waiting = new Set<() => void>();

  now(): number {
    return this.#nowMs;
  }

  after(ms: number, call: () => void, hold: boolean): { clear(): void } {
    const armed = { dueMs: this.#nowMs + ms, ms, hold, call };
    this.#armed.add(armed);
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
    return { clear: () => void this.#armed.delete(armed) };
  }

  /** Lengths of the timers that wait. */
  get armed(): number[] {
    return [...this.#armed].map(({ ms }) => ms);
  }

  /** Whether a timer that waits keeps the process alive. */
  get holds(): boolean {
    return [...this.#armed].some(({ hold }) => hold);
  }

  /** Waits until a timer of this length is set. */
  async untilArmed(ms: number): Promise<void> {
    while (!this.armed.includes(ms)) await new Promise<void>((resolve) => this.#waiting.add(resolve));
  }

  /** Lets time pass until the timer of this length fires, once there is one. */
  async fire(ms: number): Promise<void> {
    await this.untilArmed(ms);
    const armed = [...this.#armed].find((timer) => timer.ms === ms);
    if (armed === undefined) return;
    this.#armed.delete(armed);
    this.#nowMs = Math.max(this.#nowMs, armed.dueMs);
    armed.call();
  }
}

/** Longer than any pause. */
const DEADLINE_MS = 3_600_000;

/** A clock on which pauses take no time; timers of an hour and more never fire. */
export class SwiftClock implements Clock {
  #nowMs = 1_000_000;
  /** Pauses that were made. */
  readonly pauses: number[] = [];

  now(): number {
    return this.#nowMs;
  }

  after(ms: number, call: () => void): { clear(): void } {
    if (ms >= DEADLINE_MS) return { clear: () => {} };
    const soon = setImmediate(() => {
      this.#nowMs += ms;
      call();
    });
    this.pauses.push(ms);
    return { clear: () => clearImmediate(soon) };
  }
}

/** A deadline that a `SwiftClock` does not reach. */
export const NEVER_MS: number = DEADLINE_MS * 24;
