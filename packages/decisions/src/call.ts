import { isPromise } from 'node:util/types';
import { context } from '@opentelemetry/api';
import { BatchCall, rowsOf } from './batch.js';
import { Decision, without } from './decision.js';
import type { Call, DecisionSite } from './decision.js';
import { read } from './forms.js';
import { afterwards, canKeep, holdOf, UNRECORDED } from './delivery.js';
import type { Hold } from './delivery.js';
import { AuditUnavailableError } from './errors.js';
import { isRequired } from './settings.js';
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
 * and the caller gets what it returned or threw; unless the decision must not be released without a safe record.
 *
 * @param telemetry `undefined` where nothing can be recorded.
 * @throws {AuditUnavailableError}
 */
export function callAudited(
  site: DecisionSite,
  telemetry: Telemetry | undefined,
  args: unknown[],
  fn: () => unknown,
): unknown {
  const mustBeKept = isRequired(site);
  if (mustBeKept && (telemetry?.logger === undefined || !canKeep())) throw new AuditUnavailableError(NOTHING_KEEPS);
  if (telemetry === undefined) return fn();
  const call = guard(() => begin(site, telemetry, args));
  if (call === undefined) {
    if (mustBeKept) UNRECORDED.sync();
    return fn();
  }

  const outcome = runIn(call, fn);
  if ('error' in outcome) {
    guard(() => call.fail(outcome.error));
    throw outcome.error;
  }
  return deliver(site, call, args, outcome.value);
}

const NOTHING_KEEPS =
  'nothing in this process brings records to stable storage. Start @decision-trail/node, or add the processors of ' +
  '@decision-trail/durable to your NodeSDK, before the first decision';

/** One call under way: a decision, or a batch of them. */
function begin(site: DecisionSite, telemetry: Telemetry, args: readonly unknown[]): Call {
  const rows = rowsOf(site, args);
  return rows === undefined ? new Decision(site, telemetry, args) : new BatchCall(site, telemetry, args, rows);
}

/** Runs the function in the call's context; a context manager that fails keeps neither the function from running nor its outcome. */
export function runIn<T>(call: Pick<Call, 'context'>, fn: () => T): Outcome<T> {
  return runOnce((run) => guard(() => context.with(call.context, run)), fn);
}

/**
 * Watches a result until it is known, and tells what the caller gets: mostly the result itself.
 *
 * @throws {AuditUnavailableError}
 */
function deliver(site: DecisionSite, call: Call, args: readonly unknown[], value: unknown): unknown {
  const settle = (settled: unknown): Hold | undefined => {
    const isStream = guard(() => {
      if (typeof settled !== 'object' || settled === null) return false;
      if (!observeStream(settled, new StreamCollector(site, call, without(args, settled)))) return false;
      call.forget(settled);
      return true;
    });
    // What a stream yields is released bit by bit, before there is a record.
    if (isStream === true) return undefined;
    guard(() => call.succeed(settled));
    return call.hold;
  };
  const fail = (error: unknown): void => {
    guard(() => call.fail(error));
    guard(() => afterwards(call.hold));
  };

  const isObject = typeof value === 'object' && value !== null;
  if (isObject && isPlainPromise(value)) return chained(value, { settle, fail });
  if (isObject && guard(() => observeThenable(value, { settle, fail })) === true) return value;
  settle(value)?.sync();
  return value;
}

interface Observer {
  /** Tells what the caller has to wait for. */
  settle(value: unknown): Hold | undefined;
  fail(error: unknown): void;
}

interface Chained {
  readonly promise: Promise<unknown>;
  readonly observers: Observer[];
  /** Tells an observer how it ended, and what the decision has to wait for; absent while it has not. */
  tell?: (observer: Observer) => Hold | undefined;
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
    else {
      const hold = known.tell(observer);
      if (hold !== undefined) return hold.async().then(() => known.promise);
    }
    return known.promise;
  }

  const observers = [observer];
  const tellAll = (tell: NonNullable<Chained['tell']>): Hold | undefined => {
    chain.tell = tell;
    return holdOf(observers.splice(0).map(tell));
  };
  const next = promise.then(
    (value) => {
      const hold = tellAll(({ settle }) => settle(value));
      return hold === undefined ? value : hold.async().then(() => value);
    },
    (error: unknown) => {
      tellAll(({ fail }) => {
        fail(error);
        return undefined;
      });
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
  const value = observedThen(then as Method, (settled) => settle(settled)?.sync(), fail);
  // A Proxy may say yes, and go on giving the original.
  return Reflect.defineProperty(result, 'then', { value, configurable: true, writable: true }) && thenOf() === value;
}
