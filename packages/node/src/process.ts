/** Signals that ask a process to end, as service managers, containers and terminals send them. */
const SIGNALS = ['SIGTERM', 'SIGINT'] as const;

/** What is done when the process ends. */
export interface EndHandlers {
  /** The application has a signal handler of its own, and goes on for a while. */
  flush: () => Promise<void>;
  /** Nothing more will come. */
  shutdown: () => Promise<void>;
  /** The process is at its end, and nothing asynchronous can be done any more. */
  tooLate: () => void;
}

/**
 * Calls the handlers when the process ends by itself, by a signal or by `process.exit`. A signal ends the process as it
 * would have without us, a moment later; where the application has its own handler for it, ending is left to that.
 *
 * @returns Takes the handlers away again.
 */
export function onEnd(handlers: EndHandlers): () => void {
  const onSignal = (signal: NodeJS.Signals): void => {
    if (process.listenerCount(signal) > 1) {
      void handlers.flush();
      return;
    }
    void handlers.shutdown().finally(() => {
      remove();
      process.kill(process.pid, signal);
    });
  };
  const onBeforeExit = (): void => void handlers.shutdown();

  const remove = (): void => {
    for (const signal of SIGNALS) process.off(signal, onSignal);
    process.off('beforeExit', onBeforeExit);
    process.off('exit', handlers.tooLate);
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  process.on('beforeExit', onBeforeExit);
  process.on('exit', handlers.tooLate);
  return remove;
}
