/** What a function of the user's did. */
export type Outcome<T> = { value: T } | { error: unknown };

/**
 * Runs a function exactly once by way of something that may fail, or run it again: a context manager, an observer.
 *
 * @param enter Runs what it is given; must not throw. Where it did not run it, it is run outside.
 */
export function runOnce<T>(enter: (run: () => void) => void, fn: () => T): Outcome<T> {
  let outcome: Outcome<T> | undefined;
  const run = (): void => {
    outcome ??= outcomeOf(fn);
  };
  enter(run);
  run();
  return outcome!;
}

function outcomeOf<T>(fn: () => T): Outcome<T> {
  try {
    return { value: fn() };
  } catch (error) {
    return { error };
  }
}

/** Gives what the function returned, or throws what it threw. */
export function settled<T>(outcome: Outcome<T>): T {
  if ('error' in outcome) throw outcome.error;
  return outcome.value;
}
