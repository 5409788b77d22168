import { isPromise } from 'node:util/types';
import { inPlaceOf, methodOf, override } from './override.js';
import type { Method } from './override.js';

/**
 * Tells how what a step returned settles, and gives what the caller is to get in its place.
 *
 * A promise is chained: a handler attached beside it would mark a rejection as handled that nobody handles. An object
 * with `then` that is no promise may begin its work when `then` is called, so it stays itself and is told of when
 * somebody calls that. Anything else is there already.
 */
export function onSettled(
  result: unknown,
  fulfilled: (value: unknown) => void,
  rejected: (error: unknown) => void,
): unknown {
  if (isPromise(result)) {
    return result.then(
      (value: unknown) => {
        fulfilled(value);
        return value;
      },
      (error: unknown) => {
        rejected(error);
        throw error;
      },
    );
  }
  if (!isObject(result) || !onThen(result, fulfilled, rejected)) fulfilled(result);
  return result;
}

/** @returns Whether `thenable` is one. */
function onThen(thenable: object, fulfilled: (value: unknown) => void, rejected: (error: unknown) => void): boolean {
  const then = methodOf(thenable, 'then');
  if (then === undefined) return false;
  override(thenable, new Map([['then', observedThen(then, fulfilled, rejected)]]));
  return true;
}

/**
 * What stands in place of a `then`: it passes on to the original, and tells the first time how that settles. Where
 * `fulfilled` throws, it settles with that error instead.
 */
export function observedThen(
  then: Method,
  fulfilled: (value: unknown) => void,
  rejected: (error: unknown) => void,
): Method {
  let isSettled = false;
  let refusal: { error: unknown } | undefined;
  const tellOnce = (settle: (value: unknown) => void, value: unknown): void => {
    if (isSettled) return;
    isSettled = true;
    try {
      settle(value);
    } catch (error) {
      refusal = { error };
    }
  };
  return inPlaceOf(then, (self, [onFulfilled, onRejected, ...rest]) => {
    const onRefused = (error: unknown): unknown => {
      if (typeof onRejected === 'function') return onRejected(error) as unknown;
      throw error;
    };
    const onValue = (value: unknown): unknown => {
      tellOnce(fulfilled, value);
      if (refusal !== undefined) return onRefused(refusal.error);
      return typeof onFulfilled === 'function' ? (onFulfilled(value) as unknown) : value;
    };
    const onError = (error: unknown): unknown => {
      tellOnce(rejected, error);
      return onRefused(error);
    };
    return Reflect.apply(then, self, [onValue, onError, ...rest]);
  });
}

export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
