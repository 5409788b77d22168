import type { Channel } from './channel.js';
import { iterationChannel } from './iterators.js';
import { endOf, isNodeStream, nodeChannel } from './node.js';
import type { StreamObserver } from './observer.js';
import { isWebStream, webChannel } from './web.js';

export type { StreamObserver } from './observer.js';

const channels = new WeakMap<object, Channel>();

/**
 * Observes what a function returned where it is a stream: a generator or other iterator, an async iterable, a web or a
 * Node stream. It stays the same object with the same keys, prototype and behaviour; the methods by which it is
 * consumed are replaced by its own that pass on to the originals.
 *
 * @returns Whether `value` is now observed. `false` where it is no stream, or one that cannot be observed because it is
 * frozen, or returned by too many decorated functions at once; nothing was changed then. Never throws.
 */
export function observeStream(value: unknown, observer: StreamObserver): boolean {
  if (typeof value !== 'object' || value === null) return false;
  try {
    if (Array.isArray(value)) return false;
    const isNode = isNodeStream(value);
    const channel = channels.get(value) ?? open(value, isNode);
    if (channel?.add(value, observer) !== true) return false;
    const end = isNode ? endOf(value) : undefined;
    if (end !== undefined) channel.end(...end);
    return true;
  } catch {
    // A Proxy whose traps throw, say.
    return false;
  }
}

function open(value: object, isNode: boolean): Channel | undefined {
  if (!isNode && !isWebStream(value)) return iterationChannel(value);
  const channel = isWebStream(value) ? webChannel(value) : nodeChannel(value);
  if (channel !== undefined) channels.set(value, channel);
  return channel;
}
