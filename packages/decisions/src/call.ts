import { isPromise } from 'node:util/types';
import { context } from '@opentelemetry/api';
import { BatchCall, rowsOf } from './batch.js';
import { Decision } from './decision.js';
import type { Call, DecisionSite } from './decision.js';
import { read } from './forms.js';
import { StreamCollector } from './stream-items.js';
import { observeStream } from './streams/observe.js';
import { guard } from './telemetry.js';
import type { Telemetry } from './telemetry.js';

/**
 * Makes one call of the user's function as a decision. The function runs outside every guard of ours, exactly once,
 * and the caller gets what it returned or threw.
 */
export function callAudited(site: DecisionSite, telemetry: Telemetry, args: unknown[], fn: () => unknown): unknown {
  const call = guard(() => begin(site, telemetry, args));
  if (call === undefined) return fn();

  const outcome = runIn(call, fn);
  if ('error' in outcome) {
    guard(() => call.fail(outcome.error));
    throw outcome.error;
  }
  const { value } = outcome;
  return guard(() => deliver(site, call, args, value)) ?? value;
}

/** One call under way: a decision, or a batch of them. */
function begin(site: DecisionSite, telemetry: Telemetry, args: readonly unknown[]): Call {
  const rows = rowsOf(site, args);
  return rows === undefined ? new Decision(site, telemetry, args) : new BatchCall(site, telemetry, args, rows);
}

/** What a function of the user's did. */
type Outcome = { value: unknown } | { error: unknown };

/** Runs the function in the call's context; a context manager that fails keeps neither the function from running nor its outcome. */
export function runIn(call: Pick<Call, 'context'>, fn: () => unknown): Outcome {
  let outcome: Outcome | undefined;
  // Once, also where a context manager would run it again.
  const attempt = (): void => {
    if (outcome !== undefined) return;
    try {
      outcome = { value: fn() };
    } catch (error) {
      outcome = { error };
    }
  };
  guard(() => context.with(call.context, attempt));
  attempt();
  return outcome as Outcome;
}

/** Watches a result until it is known, and tells what the caller gets: mostly the result itself. */
function deliver(site: DecisionSite, call: Call, args: readonly unknown[], value: unknown): unknown {
  const settle = (settled: unknown): void => {
    const isStream = guard(() => {
      if (typeof settled !== 'object' || settled === null) return false;
      const others = args.includes(settled) ? args.filter((arg) => arg !== settled) : args;
      if (!observeStream(settled, new StreamCollector(site, call, others))) return false;
      call.forget(settled);
      return true;
    });
    if (isStream !== true) guard(() => call.succeed(settled));
  };
  const fail = (error: unknown): void => guard(() => call.fail(error));

  if (typeof value !== 'object' || value === null) {
    guard(() => call.succeed(value));
    return value;
  }
  if (isPlainPromise(value)) return chained(value, { settle, fail });
  if (guard(() => observeThenable(value, { settle, fail })) !== true) settle(value);
  return value;
}

interface Observer {
  settle(value: unknown): void;
  fail(error: unknown): void;
}

interface Chained {
  readonly promise: Promise<unknown>;
  readonly observers: Observer[];
  /** Tells an observer how it ended; absent while it has not. */
  tell?: (observer: Observer) => void;
}

/** What callers got for a promise: the same for the same one, as a function that caches promises has it. */
const chains = new WeakMap<Promise<unknown>, Chained>();

/** Whether it is a promise as async functions make them; `then` of another may do anything. */
function isPlainPromise(value: object): value is Promise<unknown> {
  if (!isPromise(value) || Object.getPrototypeOf(value) !== Promise.prototype) return false;
  return !Object.hasOwn(value, 'then') && !Object.hasOwn(value, 'constructor');
}

/**
 * A promise that settles as the given one does, after the observer has been told. It is chained, for a handler at the
 * side would mark a rejection as handled that the caller does not handle.
 */
function chained(promise: Promise<unknown>, observer: Observer): Promise<unknown> {
  const known = chains.get(promise);
  if (known !== undefined) {
    if (known.tell === undefined) known.observers.push(observer);
    else known.tell(observer);
    return known.promise;
  }

  const observers = [observer];
  const tellAll = (tell: (observer: Observer) => void): void => {
    chain.tell = tell;
    observers.splice(0).forEach(tell);
  };
  const next = promise.then(
    (value) => {
      tellAll(({ settle }) => settle(value));
      return value;
    },
    (error: unknown) => {
      tellAll(({ fail }) => fail(error));
      throw error;
    },
  );
  const chain: Chained = { promise: next, observers };
  // Some libraries put a method on the promise that they return, for example to cancel it.
  for (const name of Reflect.ownKeys(promise)) {
    // Node.js keeps the ids of async hooks on promises, under symbols: each has its own.
    if (!Object.hasOwn(next, name)) Reflect.defineProperty(next, name, Object.getOwnPropertyDescriptor(promise, name)!);
  }
  chains.set(promise, chain);
  return next;
}

type Then = (onFulfilled?: unknown, onRejected?: unknown, ...rest: unknown[]) => unknown;

/**
 * Watches an object with a `then` method of its own class, such as a query builder: it may begin its work only when
 * `then` is called, so it is not called here; the object gets a `then` of its own, which passes on to the original.
 */
function observeThenable(result: object, observer: Observer): boolean {
  const thenOf = (): unknown => read(() => (result as { then?: unknown }).then);
  const then = thenOf();
  if (typeof then !== 'function') return false;

  let isSettled = false;
  const once =
    (settle: (value: unknown) => void, next: unknown, otherwise: (value: unknown) => unknown) =>
    (value: unknown): unknown => {
      if (!isSettled) settle(value);
      isSettled = true;
      return typeof next === 'function' ? (next(value) as unknown) : otherwise(value);
    };
  const observed: Then = function (this: unknown, onFulfilled, onRejected, ...rest) {
    return Reflect.apply(then as Then, this, [
      once(observer.settle, onFulfilled, (value) => value),
      once(observer.fail, onRejected, (error) => {
        throw error;
      }),
      ...rest,
    ]);
  };
  // A Proxy may say yes, and go on giving the original.
  const property = { value: observed, configurable: true, writable: true };
  return Reflect.defineProperty(result, 'then', property) && thenOf() === observed;
}
