import { isGeneratorObject } from 'node:util/types';
import { BranchedProgress } from './branches.js';
import { Channel } from './channel.js';
import { inPlaceOf, methodOf, override } from './override.js';
import type { Method } from './override.js';
import { isObject, onSettled } from './settle.js';

/** The channels of objects that are observed by their iteration. */
const channels = new WeakMap<object, Channel>();

/**
 * The channel of a generator, of another iterator that is iterable itself, or of an async iterable; `undefined` for
 * anything else. A plain iterable such as an array, a Map or a string is data, not a stream.
 */
export function iterationChannel(target: object): Channel | undefined {
  const known = channels.get(target);
  if (known !== undefined) return known;

  const isIterator = methodOf(target, 'next') !== undefined;
  const opens = new Map<PropertyKey, Method>();
  for (const name of isIterator ? [Symbol.iterator, Symbol.asyncIterator] : [Symbol.asyncIterator]) {
    const method = methodOf(target, name);
    if (method !== undefined) opens.set(name, method);
  }
  if (opens.size === 0) return undefined;

  const channel = new Channel();
  const isAsync = opens.has(Symbol.asyncIterator);
  const methods = isIterator ? steps(target, { channel, isAsync }) : new Map<PropertyKey, Method>();
  // A generator is its own iterator. What else an object gives for one is only known when it is asked.
  if (!isGeneratorObject(target)) {
    for (const [name, open] of opens) methods.set(name, opening(target, open, channel, name === Symbol.asyncIterator));
  }
  const tee = isIterator ? undefined : methodOf(target, 'tee');
  if (tee !== undefined) methods.set('tee', branching(tee, channel));
  return override(target, methods) ? remember(target, channel) : undefined;
}

/** In place of the `tee()` of the streams of clients for language models, which take the iterator from within. */
function branching(original: Method, channel: Channel): Method {
  return inPlaceOf(original, (self, args) => {
    const branches = Reflect.apply(original, self, args);
    if (!channel.isActive || !Array.isArray(branches)) return branches;
    const progress = new BranchedProgress(channel);
    for (const branch of branches) if (isObject(branch)) progress.add(branch, iterationChannel(branch));
    return branches;
  });
}

function remember(target: object, channel: Channel): Channel {
  channels.set(target, channel);
  return channel;
}

/** In place of `[Symbol.asyncIterator]`: the observers follow to the iterator that is got first. */
function opening(target: object, original: Method, channel: Channel, isAsync: boolean): Method {
  return inPlaceOf(original, (self, args) => {
    if (!channel.isActive || channel.isInside) return Reflect.apply(original, self, args);
    let iterator: unknown;
    try {
      iterator = channel.run(() => Reflect.apply(original, self, args));
    } catch (error) {
      channel.end('failed', error);
      throw error;
    }
    if (!isObject(iterator) || iterator === self || iterator === target) return iterator;
    const next = channels.get(iterator) ?? iteratorChannel(iterator, isAsync);
    if (next !== undefined) channel.handOver(next, iterator);
    return iterator;
  });
}

/** The channel of what an iterable gave for an iterator; it need not be iterable itself. */
function iteratorChannel(iterator: object, isAsync: boolean): Channel | undefined {
  if (methodOf(iterator, 'next') === undefined) return undefined;
  const channel = new Channel();
  return override(iterator, steps(iterator, { channel, isAsync })) ? remember(iterator, channel) : undefined;
}

export interface Steps {
  channel: Channel;
  /** Whether steps give promises of results. */
  isAsync: boolean;
  /** Whether `return()` ends the stream; a web stream can outlive its iterator. Default: true. */
  returnEnds?: boolean;
}

/** What stands in place of the steps that an iterator has. */
export function steps(iterator: object, how: Steps): Map<PropertyKey, Method> {
  const methods = new Map<PropertyKey, Method>();
  for (const name of ['next', 'return', 'throw'] as const) {
    const original = methodOf(iterator, name);
    if (original !== undefined) methods.set(name, stepping(iterator, name, original, how));
  }
  return methods;
}

function stepping(iterator: object, name: 'next' | 'return' | 'throw', original: Method, how: Steps): Method {
  const { channel, isAsync, returnEnds = true } = how;
  const isGenerator = isGeneratorObject(iterator);
  const isStep = (self: unknown): boolean => {
    // A generator's method on another object is an error of the caller's.
    if (isGenerator && self !== iterator) return false;
    // An async generator queues the steps that it is asked for by its own body; each has a result of its own.
    return (isGenerator && isAsync) || !channel.isInside;
  };

  return inPlaceOf(original, (self, args) => {
    if (!channel.isActive || !isStep(self)) return Reflect.apply(original, self, args);

    const note = (result: unknown): void => {
      if (name === 'return') noteReturn(result, args[0], channel, returnEnds);
      else noteResult(result, channel);
      // An iterator need not be held by the promise it gave; here it is, so that it is not taken for abandoned before.
      void iterator;
    };
    const fail = (error: unknown): void => channel.end('failed', error);

    let result: unknown;
    try {
      result = channel.run(() => Reflect.apply(original, self, args));
    } catch (error) {
      fail(error);
      throw error;
    }
    if (isAsync) return onSettled(result, note, fail);
    note(result);
    return result;
  });
}

function noteResult(result: unknown, channel: Channel): void {
  const read = readResult(result);
  if (read === undefined) return;
  if (read.done) channel.end('completed', read.value);
  else channel.item(read.value);
}

/** `return()` may go on with a value (a `yield` in `finally`); else it ends, be its result as sloppy as loops allow. */
function noteReturn(result: unknown, reason: unknown, channel: Channel, returnEnds: boolean): void {
  const read = readResult(result);
  if (read?.done === false && 'done' in (result as object)) channel.item(read.value);
  else if (returnEnds) channel.end('returned', reason);
}

/**
 * Reads the result of a step; `undefined` where it is none. Results may be classes with getters, which may throw: the
 * caller will see that itself.
 */
function readResult(result: unknown): { done: boolean; value: unknown } | undefined {
  if (!isObject(result)) return undefined;
  try {
    // A database cursor's `next()` gives rows, not results, though it can be iterated otherwise.
    if (!('done' in result) && Object.keys(result).join() !== 'value') return undefined;
    const { done, value } = result as { done?: unknown; value?: unknown };
    return { done: Boolean(done), value };
  } catch {
    return undefined;
  }
}
