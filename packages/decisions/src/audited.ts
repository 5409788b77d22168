import { isProxy } from 'node:util/types';
import { callAudited } from './call.js';
import { checkOptions } from './checks.js';
import type { DecisionSite } from './decision.js';
import { DecisionTrailError } from './errors.js';
import type { AnyFunction, Decoratable, Decorated, Known, OptionsFor } from './fit.js';
import type { DecisionOptions } from './options.js';
import { registry } from './registry.js';
import { isRequired } from './settings.js';
import { siteOf } from './site.js';
import { findTelemetry, warnOnce } from './telemetry.js';

/**
 * What `audited(options)` returns: it decorates whatever it is applied to, under either dialect of decorators. A
 * function that the callbacks in the options do not fit is a compile error, and so is what is no function or method.
 */
export interface AuditedDecorator<Options> {
  <Target, Context = undefined, Descriptor = undefined>(
    target: Decoratable<Options, Target, Context, Descriptor>,
    context?: Context,
    descriptor?: Descriptor,
  ): Decorated<Options, Target, Context, Descriptor>;
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
export function audited<F extends AnyFunction, const Batch extends DecisionOptions['batch'] = undefined>(
  options: OptionsFor<F, Batch>,
  fn: F,
): F;
export function audited<const Options extends DecisionOptions>(options: Known<Options>): AuditedDecorator<Options>;
export function audited(options: unknown, ...fn: unknown[]): unknown {
  checkOptions(options);
  const site = siteOf({ ...options });
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

  const { decorated: known } = registry();
  if (known.get(original) === site.model.name) {
    warnOnce(`"${original.name}" is decorated twice for model "${site.model.name}"; each decision is recorded once`);
    return original;
  }
  const decorated = standIn(site, original);
  // Name, length and whatever other decorators have put on the function.
  Object.defineProperties(decorated, Object.getOwnPropertyDescriptors(original));
  for (const name of ['name', 'length']) if (!Object.hasOwn(original, name)) Reflect.deleteProperty(decorated, name);
  Object.setPrototypeOf(decorated, Object.getPrototypeOf(original) as object | null);
  if (!Object.isExtensible(original)) Object.preventExtensions(decorated);
  copyReflectMetadata(original, decorated);
  known.set(decorated, site.model.name);
  return decorated;
}

function standIn(site: DecisionSite, original: AnyFunction): AnyFunction {
  if (!isConstructor(original)) return callable(site, original);
  const decorated = constructible(site, original);
  // A bound function has no prototype, though it can be called with `new`, and does not look at `this`.
  const isBound = !isProxy(original) && !Object.hasOwn(original, 'prototype');
  return isBound ? decorated.bind(undefined) : decorated;
}

/** What stands for a method, an arrow function or a generator: like them, it has no prototype, and `new` refuses it. */
function callable(site: DecisionSite, original: AnyFunction): AnyFunction {
  return {
    decorated(this: unknown, ...args: unknown[]): unknown {
      const telemetry = findTelemetry();
      if (telemetry === undefined && !isRequired(site)) return Reflect.apply(original, this, args);
      return callAudited(site, telemetry, args, () => Reflect.apply(original, this, args) as unknown);
    },
  }.decorated;
}

/** What stands for a function that can also be called with `new`, which is not a decision. */
function constructible(site: DecisionSite, original: AnyFunction): AnyFunction {
  return function decorated(this: unknown, ...args: unknown[]): unknown {
    if (new.target !== undefined) {
      return Reflect.construct(original, args, new.target === decorated ? original : new.target);
    }
    const telemetry = findTelemetry();
    if (telemetry === undefined && !isRequired(site)) return Reflect.apply(original, this, args);
    return callAudited(site, telemetry, args, () => Reflect.apply(original, this, args) as unknown);
  };
}

function isConstructor(fn: AnyFunction): boolean {
  try {
    Reflect.construct(Object, [], fn);
    return true;
  } catch {
    return false;
  }
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
