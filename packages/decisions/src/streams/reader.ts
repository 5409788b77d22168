import type { Channel } from './channel.js';
import { inPlaceOf, methodOf, override } from './override.js';
import type { Method } from './override.js';
import { isObject, onSettled } from './settle.js';

/** What is used of the readers of a web stream. */
export interface WebReader {
  readonly closed: Promise<unknown>;
  read(view?: unknown): Promise<{ done: boolean; value?: unknown }>;
  cancel(reason?: unknown): Promise<void>;
  releaseLock(): void;
}

/**
 * Tells what a reader reads and how its stream ends. The end is known by `closed`, not by a read that fails: that may
 * be for a released lock or a wrong buffer. A handler beside `closed` marks nothing as handled that was not already
 * (Streams Standard: its [[PromiseIsHandled]] is true from the start).
 */
export function observeReader(reader: WebReader, channel: Channel): void {
  const watch = new ReaderWatch(channel);
  const methods = new Map<PropertyKey, Method>();
  for (const [name, make] of [
    ['read', reading],
    ['readAtLeast', reading],
    ['cancel', cancel],
    ['releaseLock', releasing],
  ] as const) {
    const original = methodOf(reader, name);
    if (original !== undefined) methods.set(name, make(original, watch));
  }
  if (!override(reader, methods)) return;
  reader.closed.then(
    () => watch.finish('completed'),
    (error: unknown) => watch.finish('failed', error),
  );
}

/**
 * Makes `outer`, the reader of a relay, pass for `inner`, the reader of the stream itself. A consumer that calls its
 * methods reads by `inner` as if there were no relay. Node's own conversions (`Readable.fromWeb()` since Node 26) read
 * from within, past the methods: by the relay, and so by `inner` too.
 *
 * @param idle Settles when the relay has no chunk on its way: the end is not to overtake it.
 */
export function passFor(inner: WebReader, outer: WebReader, idle: () => Promise<void>): boolean {
  const methods = new Map<PropertyKey, Method>();
  for (const name of ['read', 'readAtLeast', 'cancel', 'releaseLock'] as const) {
    const original = methodOf(outer, name);
    const method = methodOf(inner, name);
    if (original === undefined || method === undefined) continue;
    const passing = inPlaceOf(original, (self, args) => {
      if (self !== outer) return Reflect.apply(original, self, args);
      const result = Reflect.apply(method, inner, args);
      return name === 'releaseLock' ? Reflect.apply(original, self, args) : result;
    });
    methods.set(name, passing);
  }
  return override(outer, methods) && Reflect.defineProperty(outer, 'closed', closing(inner, idle));
}

/** `closed` of a reader, behind the chunks on their way. */
function closing(inner: WebReader, idle: () => Promise<void>): PropertyDescriptor {
  let known: { of: Promise<unknown>; closed: Promise<unknown> } | undefined;
  const get = (): Promise<unknown> => {
    const of = inner.closed;
    if (known?.of === of) return known.closed;
    const closed = of.finally(idle);
    // As with the original, nobody needs to handle it.
    closed.catch(() => {});
    known = { of, closed };
    return closed;
  };
  return { get, configurable: true, enumerable: false };
}

/** What is going on with one reader. */
class ReaderWatch {
  readonly channel: Channel;
  /** Released, or cancelled: it tells nothing more of the stream, or its cancel does. */
  isLeft = false;
  #readsPending = 0;
  #whenIdle: (() => void) | undefined;

  constructor(channel: Channel) {
    this.channel = channel;
  }

  began(): void {
    this.#readsPending += 1;
  }

  settled(): void {
    this.#readsPending -= 1;
    if (this.#readsPending === 0) this.#whenIdle?.();
  }

  /** The last chunk may be on its way still when the stream closes behind it. */
  finish(how: 'completed' | 'failed', error?: unknown): void {
    if (this.isLeft) return;
    const end = (): void => this.channel.end(how, error);
    if (this.#readsPending > 0) this.#whenIdle = end;
    else end();
  }
}

function reading(original: Method, watch: ReaderWatch): Method {
  const { channel } = watch;
  return inPlaceOf(original, (self, args) => {
    if (!channel.isActive) return Reflect.apply(original, self, args);
    watch.began();
    let result: unknown;
    try {
      result = channel.run(() => Reflect.apply(original, self, args));
    } catch (error) {
      watch.settled();
      throw error;
    }
    const noted = (chunk: unknown): void => {
      noteChunk(chunk, channel);
      watch.settled();
    };
    return onSettled(result, noted, () => watch.settled());
  });
}

function noteChunk(result: unknown, channel: Channel): void {
  if (!isObject(result)) return;
  const { done, value } = result as { done?: unknown; value?: unknown };
  // A stream of bytes that ends while a read waits for more gives what there is together with the end.
  const isLast = done === true && ArrayBuffer.isView(value) && value.byteLength > 0;
  if (done === false || isLast) channel.item(value);
}

function cancel(original: Method, watch: ReaderWatch): Method {
  return inPlaceOf(original, (self, args) => {
    if (!watch.channel.isActive || watch.isLeft) return Reflect.apply(original, self, args);
    watch.isLeft = true;
    return cancelling(original, self, args, watch.channel);
  });
}

function releasing(original: Method, watch: ReaderWatch): Method {
  return inPlaceOf(original, (self, args) => {
    const result = Reflect.apply(original, self, args);
    watch.isLeft = true;
    return result;
  });
}

/** Cancels a stream, or its reader; the stream is over then. */
export function cancelling(original: Method, self: unknown, args: unknown[], channel: Channel): unknown {
  return onSettled(
    channel.run(() => Reflect.apply(original, self, args)),
    () => channel.end('returned', args[0]),
    (error) => channel.end('failed', error),
  );
}
