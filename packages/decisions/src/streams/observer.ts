/** How a stream can end. */
export type StreamEnd = 'completed' | 'returned' | 'failed' | 'abandoned';

/**
 * Who is told what a stream gives to its consumer. It is kept until the stream ends or is collected, so it must not
 * hold the stream: then it would never be abandoned.
 */
export interface StreamObserver {
  /** Runs a step of the stream (next, read, pull) inside the decision's context. */
  run<T>(step: () => T): T;
  /** One value that the consumer receives, told before it does; it may change the value as soon as this returns. */
  item(value: unknown): void;
  /**
   * Called once, when the stream is over:
   *
   * - `completed`: it gave everything; `value` is the return value of an iterator;
   * - `returned`: the consumer stopped early (break, return(), cancel(), destroy()); `value` is the reason it gave;
   * - `failed`: `value` is the error;
   * - `abandoned`: it was garbage collected without an end, so nobody can consume the rest.
   */
  end(how: StreamEnd, value?: unknown): void;
}
