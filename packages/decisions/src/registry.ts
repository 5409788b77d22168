import type { DecisionSettings } from './settings.js';

/**
 * What all copies of this package in one process share: a library may bring a copy of its own, and what the application
 * says about privacy holds there as well.
 */
interface Registry {
  settings: DecisionSettings;
  /** Decorated functions, with the name of the model that each was decorated for. */
  readonly decorated: WeakMap<object, string>;
}

const REGISTRY: unique symbol = Symbol.for('@decision-trail/decisions/1');

/** The registry of this process, made when it is first needed: importing this package has no side effects. */
export function registry(): Registry {
  const globals = globalThis as { [REGISTRY]?: Registry };
  return (globals[REGISTRY] ??= { settings: {}, decorated: new WeakMap() });
}
