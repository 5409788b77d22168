import { context } from '@opentelemetry/api';
import { report } from '../telemetry.js';
import type { StreamEnd, StreamHeir, StreamObserver } from './observer.js';

/**
 * Observers of one stream at most. A stream that is returned again and again (one that a function keeps, say) would
 * otherwise gather one with every call.
 */
const OBSERVERS_MAX = 16;

/** One observer of one stream. */
class Subscription {
  readonly #observer: StreamObserver;
  readonly heir: StreamHeir;

  constructor(observer: StreamObserver, heir: StreamHeir) {
    this.#observer = observer;
    this.heir = heir;
  }

  run(step: () => void): void {
    this.#observer.run(step);
  }

  item(value: unknown): void {
    tell(() => this.#observer.item(value));
  }

  end(how: StreamEnd, value?: unknown): void {
    tell(() => (how === 'abandoned' ? this.heir.end(how) : this.#observer.end(how, value)));
  }
}

function tell(event: () => void): void {
  try {
    event();
  } catch (error) {
    report('a stream could not be observed', error);
  }
}

// Made with the first observed stream: importing this package starts nothing.
let registry: FinalizationRegistry<StreamHeir> | undefined;

/** The registry holds the heir only: the observer lives as long as the stream, which may be among what it holds. */
function whenCollected(stream: object, subscription: Subscription): void {
  registry ??= new FinalizationRegistry((heir) => tell(() => heir.end('abandoned')));
  registry.register(stream, subscription.heir, subscription);
}

/**
 * What the methods put in place on one stream tell, passed on to the observers of the stream: one for each decorated
 * function that returned it. Without observers, before the first and after the end, it is not active, and the methods
 * only pass on to the originals.
 */
export class Channel {
  readonly #subscriptions = new Set<Subscription>();
  /** Marks the context of a step; see `isInside`. */
  readonly #stepKey = Symbol('decision-trail step');
  #stepDepth = 0;

  get isActive(): boolean {
    return this.#subscriptions.size > 0;
  }

  /**
   * Whether the running code is called by a step of this stream. A step may take others to do its work (a `next()` that
   * skips a value by `return this.next()`); the consumer gets the result of the outermost, so only that one counts.
   * The context knows it across an `await` too, as far as the application has registered a context manager.
   */
  get isInside(): boolean {
    return this.#stepDepth > 0 || context.active().getValue(this.#stepKey) === true;
  }

  /** @returns Whether it is observed; `false` where the stream has too many observers already. */
  add(stream: object, observer: StreamObserver, heir: StreamHeir = observer): boolean {
    if (this.#subscriptions.size >= OBSERVERS_MAX) return false;
    this.#take(new Subscription(observer, heir), stream);
    return true;
  }

  /** Passes all observers on, to be told about `stream` from now on. */
  handOver(channel: Channel, stream: object): void {
    for (const subscription of this.#subscriptions) {
      registry?.unregister(subscription);
      channel.#take(subscription, stream);
    }
    this.#subscriptions.clear();
  }

  /** The stream may be collected: what becomes of it is told by what took its place. */
  outlive(): void {
    for (const subscription of this.#subscriptions) registry?.unregister(subscription);
  }

  #take(subscription: Subscription, stream: object): void {
    this.#subscriptions.add(subscription);
    whenCollected(stream, subscription);
  }

  /** Runs a step in the context of the observers' decisions, the innermost last; gives and throws what it does. */
  run<T>(step: () => T): T {
    let outcome: Outcome<T> | undefined;
    // The step runs exactly once, whatever an observer does.
    let entered = (): void => {
      outcome ??= this.#enter(step);
    };
    for (const subscription of this.#subscriptions) {
      const inner = entered;
      entered = () => subscription.run(inner);
    }
    try {
      entered();
    } catch (error) {
      report('a stream could not be run in the context of its decision', error);
    }
    outcome ??= this.#enter(step);
    if ('error' in outcome) throw outcome.error;
    return outcome.value;
  }

  #enter<T>(step: () => T): Outcome<T> {
    this.#stepDepth += 1;
    try {
      return { value: context.with(context.active().setValue(this.#stepKey, true), step) };
    } catch (error) {
      return { error };
    } finally {
      this.#stepDepth -= 1;
    }
  }

  item(value: unknown): void {
    for (const subscription of this.#subscriptions) subscription.item(value);
  }

  end(how: StreamEnd, value?: unknown): void {
    const ended = [...this.#subscriptions];
    this.#subscriptions.clear();
    for (const subscription of ended) {
      registry?.unregister(subscription);
      subscription.end(how, value);
    }
  }
}

type Outcome<T> = { value: T } | { error: unknown };
