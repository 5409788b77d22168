import { context } from '@opentelemetry/api';
import { runOnce, settled } from '../outcome.js';
import { report } from '../telemetry.js';
import type { StreamEnd, StreamObserver } from './observer.js';

/**
 * Observers of one stream at most. A stream that is returned again and again (one that a function keeps, say) would
 * otherwise gather one with every call.
 */
const OBSERVERS_MAX = 16;

// Made with the first observed stream: importing this package starts nothing.
let registry: FinalizationRegistry<StreamObserver> | undefined;

function whenCollected(stream: object, observer: StreamObserver): void {
  registry ??= new FinalizationRegistry((abandoned) => tell(() => abandoned.end('abandoned')));
  registry.register(stream, observer, observer);
}

function tell(event: () => void): void {
  try {
    event();
  } catch (error) {
    report('a stream could not be observed', error);
  }
}

/**
 * What the methods put in place on one stream tell, passed on to the observers of the stream: one for each decorated
 * function that returned it. Without observers, before the first and after the end, it is not active, and the methods
 * only pass on to the originals.
 */
export class Channel {
  readonly #observers = new Set<StreamObserver>();
  /** Marks the context of a step; see `isInside`. */
  readonly #stepKey = Symbol('decision-trail step');
  #stepDepth = 0;

  get isActive(): boolean {
    return this.#observers.size > 0;
  }

  /**
   * Whether the running code is called by a step of this stream. A step may take others to do its work (a `next()` that
   * skips a value by `return this.next()`); the consumer gets the result of the outermost, so only that one counts.
   * The context knows it across an `await` too, as far as the application has registered a context manager.
   */
  get isInside(): boolean {
    if (this.#stepDepth > 0) return true;
    try {
      return context.active().getValue(this.#stepKey) === true;
    } catch {
      // A context manager that fails knows of no context.
      return false;
    }
  }

  /** @returns Whether it is observed; `false` where the stream has too many observers already. */
  add(stream: object, observer: StreamObserver): boolean {
    if (this.#observers.size >= OBSERVERS_MAX) return false;
    this.#take(observer, stream);
    return true;
  }

  /** Passes all observers on, to be told about `stream` from now on. */
  handOver(channel: Channel, stream: object): void {
    for (const observer of this.#observers) {
      registry?.unregister(observer);
      channel.#take(observer, stream);
    }
    this.#observers.clear();
  }

  /** The stream may be collected: what becomes of it is told by what took its place. */
  outlive(): void {
    for (const observer of this.#observers) registry?.unregister(observer);
  }

  #take(observer: StreamObserver, stream: object): void {
    this.#observers.add(observer);
    whenCollected(stream, observer);
  }

  /** Runs a step in the context of the observers' decisions, the innermost last; gives and throws what it does. */
  run<T>(step: () => T): T {
    return settled(
      runOnce(
        (run) => this.#enter(run),
        () => this.#counted(step),
      ),
    );
  }

  #enter(run: () => void): void {
    let entered = (): void => context.with(context.active().setValue(this.#stepKey, true), run);
    for (const observer of this.#observers) {
      const inner = entered;
      entered = () => observer.run(inner);
    }
    try {
      entered();
    } catch (error) {
      report('a stream could not be run in the context of its decision', error);
    }
  }

  #counted<T>(step: () => T): T {
    this.#stepDepth += 1;
    try {
      return step();
    } finally {
      this.#stepDepth -= 1;
    }
  }

  item(value: unknown): void {
    for (const observer of this.#observers) tell(() => observer.item(value));
  }

  end(how: StreamEnd, value?: unknown): void {
    const ended = [...this.#observers];
    this.#observers.clear();
    for (const observer of ended) {
      registry?.unregister(observer);
      tell(() => observer.end(how, value));
    }
  }
}
