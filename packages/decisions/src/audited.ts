import { isPromise } from 'node:util/types';
import { context } from '@opentelemetry/api';
import { Decision } from './decision.js';
import type { DecisionSite } from './decision.js';
import { DecisionTrailError } from './errors.js';
import { checkOptions } from './options.js';
import type { DecisionOptions } from './options.js';
import { findTelemetry, report } from './telemetry.js';

// A constraint for "any function": `unknown` here would refuse functions that declare their parameters.
type AnyFunction = (this: any, ...args: any[]) => any;

/** The options that fit a function: their callbacks take its parameters and what it returns or resolves to. */
type OptionsFor<F extends AnyFunction> = DecisionOptions<Parameters<F>, Awaited<ReturnType<F>>>;

/** Nothing more to ask of a function that the options fit; else a type that names the callbacks that do not. */
type Fits<Options, F extends AnyFunction> =
  Options extends OptionsFor<F>
    ? unknown
    : {
        'audited: these callbacks do not fit the decorated function; they should be': {
          [
            Name in keyof Options & keyof DecisionOptions as Options[Name] extends OptionsFor<F>[Name] ? never : Name
          ]: OptionsFor<F>[Name];
        };
      };

/** Options without a name that is none of them; TypeScript does not look for such names where a type is inferred. */
type Known<Options> = Options & {
  [Name in Exclude<keyof Options, keyof DecisionOptions>]: { 'audited: there is no such option': never };
};

/**
 * What `audited(options)` returns: it decorates whatever it is applied to, under either dialect of decorators. A
 * function that the callbacks in the options do not fit is a compile error.
 */
export interface AuditedDecorator<Options> {
  /** A method, static or private as well, under standard (TC39) decorators. */
  <This, F extends AnyFunction>(method: F & Fits<Options, F>, context: ClassMethodDecoratorContext<This, F>): F;
  /** A class field that holds a function, under standard decorators. */
  <This, F extends AnyFunction>(
    field: undefined,
    context: ClassFieldDecoratorContext<This, F & Fits<Options, F>>,
  ): (this: This, value: F) => F;
  /** A method under `experimentalDecorators`. */
  <F extends AnyFunction>(
    target: object,
    name: string | symbol,
    descriptor: TypedPropertyDescriptor<F> & Fits<Options, F>,
  ): TypedPropertyDescriptor<F>;
  /** A function. */
  <F extends AnyFunction>(fn: F & Fits<Options, F>): F;
}

/**
 * Records every call of a function or method as a decision: an OpenTelemetry span and a log record with input, decision
 * and timestamp.
 *
 * The function behaves as before: it returns what it returned, throws what it threw, stays sync or async, keeps `this`,
 * name and length. Trouble with recording is reported through OpenTelemetry's `diag` and never reaches the caller. In a
 * process without an OpenTelemetry SDK the function is called straight through.
 *
 * ```ts
 * class LoanModel {
 *   \@audited({ model: { name: 'loan-approval', version: '2.1.0' } })
 *   predict(applicant: Applicant): 'approve' | 'deny' { ... }
 * }
 * const predict = audited({ model: 'loan-approval' })((applicant: Applicant) => ...);
 * ```
 *
 * @param options What to record; see {@link DecisionOptions}.
 * @returns A decorator; with a function as second argument, the decorated function, the callbacks' types inferred from it.
 * @throws {DecisionTrailError} `INVALID_OPTIONS` for options that are wrong, and, when it is applied to something other
 * than a function or method, `NOT_DECORATABLE`. Both when the function is decorated, never when it is called.
 */
export function audited<F extends AnyFunction>(options: OptionsFor<F>, fn: F): F;
export function audited<const Options extends DecisionOptions>(options: Known<Options>): AuditedDecorator<Options>;
export function audited(options: unknown, ...fn: unknown[]): unknown {
  checkOptions(options);
  const { model } = options;
  const site: DecisionSite = { options, model: typeof model === 'string' ? { name: model } : { ...model } };
  const decorator = (...target: unknown[]): unknown => decorate(site, target);
  return fn.length === 0 ? decorator : decorator(...fn);
}

/** Tells the dialects of decorators apart by what they pass. */
function decorate(site: DecisionSite, target: unknown[]): unknown {
  const [value, second, descriptor] = target;

  if (target.length === 1) return wrap(site, value, 'this value');

  if (isDecoratorContext(second)) {
    const name = String(second.name);
    if (second.kind === 'method') return wrap(site, value, name);
    if (second.kind === 'field') return (initial: unknown) => wrap(site, initial, name);
    throw notDecoratable(`a ${second.kind} ("${name}")`);
  }

  const method = descriptor as PropertyDescriptor | undefined;
  if (typeof method?.value === 'function') return { ...method, value: wrap(site, method.value, String(second)) };
  throw notDecoratable(`the property "${String(second)}"`);
}

function isDecoratorContext(value: unknown): value is DecoratorContext {
  return typeof value === 'object' && value !== null && 'kind' in value;
}

function notDecoratable(what: string): DecisionTrailError {
  return new DecisionTrailError(
    'NOT_DECORATABLE',
    `audited() decorates functions and methods, not ${what}; put it on the method that decides`,
  );
}

function wrap(site: DecisionSite, fn: unknown, name: string): AnyFunction {
  if (typeof fn !== 'function') throw notDecoratable(name);
  const original = fn as AnyFunction;
  if (/^class\b/.test(Function.prototype.toString.call(original))) throw notDecoratable(`the class ${original.name}`);

  function decorated(this: unknown, ...args: unknown[]): unknown {
    return new.target === undefined
      ? call(site, original, this, args)
      : Reflect.construct(original, args, new.target === decorated ? original : new.target);
  }
  // Name, length and whatever other decorators have put on the function.
  Object.defineProperties(decorated, Object.getOwnPropertyDescriptors(original));
  Object.setPrototypeOf(decorated, Object.getPrototypeOf(original) as object | null);
  copyReflectMetadata(original, decorated);
  return decorated;
}

/** Carries over what `reflect-metadata` (NestJS and others) keeps beside a function, in a table keyed by the function. */
function copyReflectMetadata(from: object, to: object): void {
  const { getOwnMetadataKeys, getOwnMetadata, defineMetadata } = Reflect as {
    getOwnMetadataKeys?: (target: object) => unknown[];
    getOwnMetadata?: (key: unknown, target: object) => unknown;
    defineMetadata?: (key: unknown, value: unknown, target: object) => void;
  };
  if (!getOwnMetadataKeys || !getOwnMetadata || !defineMetadata) return;
  for (const key of getOwnMetadataKeys(from)) defineMetadata(key, getOwnMetadata(key, from), to);
}

/** One call. The user's function runs outside every guard of ours. */
function call(site: DecisionSite, fn: AnyFunction, self: unknown, args: unknown[]): unknown {
  const decision = guard(() => {
    const telemetry = findTelemetry();
    return telemetry && new Decision(site, telemetry, args);
  });
  if (decision === undefined) return Reflect.apply(fn, self, args);

  let result: unknown;
  try {
    result = context.with(decision.context, () => Reflect.apply(fn, self, args) as unknown);
  } catch (error) {
    guard(() => decision.fail(error));
    throw error;
  }

  if (isPromise(result)) {
    return result.then(
      (value: unknown) => {
        guard(() => decision.succeed(value));
        return value;
      },
      (error: unknown) => {
        guard(() => decision.fail(error));
        throw error;
      },
    );
  }
  if (guard(() => observeThenable(result, decision)) !== true) guard(() => decision.succeed(result));
  return result;
}

type Then = (onFulfilled?: unknown, onRejected?: unknown, ...rest: unknown[]) => unknown;

/**
 * Watches an object with a `then` method that is no promise, such as a query builder: it may begin its work only when
 * `then` is called, so it is not called here; the object gets a `then` of its own, which passes on to the original.
 */
function observeThenable(result: unknown, decision: Decision): boolean {
  if (typeof result !== 'object' || result === null) return false;
  const { then } = result as { then?: unknown };
  if (typeof then !== 'function') return false;

  let settled = false;
  const observed: Then = function (this: unknown, onFulfilled, onRejected, ...rest) {
    const once =
      (settle: (value: unknown) => void, next: unknown, otherwise: (value: unknown) => unknown) =>
      (value: unknown): unknown => {
        if (!settled) guard(() => settle(value));
        settled = true;
        return typeof next === 'function' ? (next(value) as unknown) : otherwise(value);
      };
    return Reflect.apply(then as Then, this, [
      once(
        (value) => decision.succeed(value),
        onFulfilled,
        (value) => value,
      ),
      once(
        (error) => decision.fail(error),
        onRejected,
        (error) => {
          throw error;
        },
      ),
      ...rest,
    ]);
  };
  return Reflect.defineProperty(result, 'then', { value: observed, configurable: true, writable: true });
}

/** Runs code of ours beside the user's call: whatever goes wrong in it is reported, and the call goes on. */
function guard<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    report('a decision could not be recorded', error);
    return undefined;
  }
}
