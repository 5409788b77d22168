/** A timer that was set. */
export interface Timer {
  /** Does nothing where it has fired. */
  clear(): void;
}

/** Time, as the sender needs it; tests bring their own. */
export interface Clock {
  /** Unix milliseconds. */
  now(): number;
  /**
   * Calls back once.
   *
   * @param hold whether the timer keeps the process alive.
   */
  after(ms: number, call: () => void, hold: boolean): Timer;
}

/** Longer timers of Node fire at once. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** The clock of the machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, call, hold) {
    const timer = setTimeout(call, Math.min(ms, TIMER_MS_MAX));
    if (!hold) timer.unref();
    return { clear: () => clearTimeout(timer) };
  },
};
