import { isPromise } from 'node:util/types';
import { context } from '@opentelemetry/api';
import { BatchCall, rowsOf } from './batch.js';
import { Decision, without } from './decision.js';
import type { Call, DecisionSite } from './decision.js';
import { read } from './forms.js';
import { runOnce } from './outcome.js';
import type { Outcome } from './outcome.js';
import { StreamCollector } from './stream-items.js';
import { observeStream } from './streams/observe.js';
import type { Method } from './streams/override.js';
import { observedThen } from './streams/settle.js';
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

/** Runs the function in the call's context; a context manager that fails keeps neither the function from running nor its outcome. */
export function runIn<T>(call: Pick<Call, 'context'>, fn: () => T): Outcome<T> {
  return runOnce((run) => guard(() => context.with(call.context, run)), fn);
}

/** Watches a result until it is known, and tells what the caller gets: mostly the result itself. */
function deliver(site: DecisionSite, call: Call, args: readonly unknown[], value: unknown): unknown {
  const settle = (settled: unknown): void => {
    const isStream = guard(() => {
      if (typeof settled !== 'object' || settled === null) return false;
      if (!observeStream(settled, new StreamCollector(site, call, without(args, settled)))) return false;
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

/**
 * Watches an object with a `then` method of its own class, such as a query builder: it may begin its work only when
 * `then` is called, so it is not called here; the object gets a `then` of its own, which passes on to the original.
 */
function observeThenable(result: object, { settle, fail }: Observer): boolean {
  const thenOf = (): unknown => read(() => (result as { then?: unknown }).then);
  const then = thenOf();
  if (typeof then !== 'function') return false;
  const value = observedThen(then as Method, settle, fail);
  // A Proxy may say yes, and go on giving the original.
  return Reflect.defineProperty(result, 'then', { value, configurable: true, writable: true }) && thenOf() === value;
}
