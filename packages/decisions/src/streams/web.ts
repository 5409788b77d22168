import { Channel } from './channel.js';
import { steps } from './iterators.js';
import { inPlaceOf, methodOf, override } from './override.js';
import type { Method } from './override.js';
import { cancelling, observeReader, passFor } from './reader.js';
import type { WebReader } from './reader.js';
import { relay } from './relay.js';
import type { Relay, WebStream, WebStreamClass } from './relay.js';
import { isObject, onSettled } from './settle.js';

/**
 * Whether an object is a web ReadableStream, of Node, of another realm or of a polyfill. The observers hear of what
 * goes through its public methods; a reader made by `new ReadableStreamDefaultReader(stream)` and a transfer to
 * another thread go past them.
 */
export function isWebStream(target: object): target is WebStream {
  return ['getReader', 'cancel', 'pipeTo', 'tee'].every((name) => methodOf(target, name)) && 'locked' in target;
}

/** Observes a web stream by what its consumer may take to read it: a reader, an iterator, a pipe or branches. */
export function webChannel(stream: WebStream): Channel | undefined {
  return new ObservedStream(stream).open();
}

class ObservedStream {
  readonly #stream: WebStream;
  readonly #channel = new Channel();
  /** The prototype of the implementation, below the classes that extend it. */
  readonly #base: object;
  #readers = 0;

  constructor(stream: WebStream) {
    this.#stream = stream;
    this.#base = baseOf(stream);
  }

  open(): Channel | undefined {
    const methods = new Map<PropertyKey, Method>();
    const put = (name: PropertyKey, make: (original: Method) => Method): void => {
      const original = methodOf(this.#stream, name);
      if (original !== undefined) methods.set(name, make(original));
    };
    put('getReader', (original) => this.#getReader(original));
    put('cancel', (original) => this.#cancel(original));
    put(Symbol.asyncIterator, (original) => this.#iterate(original));
    // One function under two names, as a rule, and it stays so.
    const iterate = methods.get(Symbol.asyncIterator);
    const isSame = methodOf(this.#stream, 'values') === methodOf(this.#stream, Symbol.asyncIterator);
    put('values', (original) => (isSame && iterate !== undefined ? iterate : this.#iterate(original)));

    // These take hold of the stream from within; a class that overrides one does so by the methods above.
    const putNative = (name: string, make: (original: Method) => Method): void => {
      if (methodOf(this.#stream, name) === methodOf(this.#base, name)) put(name, make);
    };
    putNative('pipeTo', (original) => this.#pipeTo(original));
    putNative('pipeThrough', (original) => this.#pipeThrough(original));
    putNative('tee', (original) => this.#tee(original));
    return override(this.#stream, methods) ? this.#channel : undefined;
  }

  /** Whether a method called now is the consumer's own way in. */
  get #isOpen(): boolean {
    return this.#channel.isActive && !this.#stream.locked;
  }

  #getReader(original: Method): Method {
    return inPlaceOf(original, (self, args) => {
      const isOpen = this.#isOpen;
      const reader = Reflect.apply(original, self, args);
      if (!isOpen || !isObject(reader)) return reader;
      this.#readers += 1;
      observeReader(reader as WebReader, this.#channel);
      return original === methodOf(this.#base, 'getReader') ? this.#standIn(reader as WebReader, original) : reader;
    });
  }

  /** A reader of the same class that reads by the given one, also where its methods are passed by. */
  #standIn(reader: WebReader, getReader: Method): WebReader {
    const through = this.#relay(undefined, () => reader);
    if (through === undefined) return reader;
    const outer = Reflect.apply(getReader, through.readable, []) as WebReader;
    // That of a byte stream fills buffers; nothing reads those from within.
    const isSame = Reflect.getPrototypeOf(outer) === Reflect.getPrototypeOf(reader);
    return isSame && passFor(reader, outer, through.idle) ? outer : reader;
  }

  #cancel(original: Method): Method {
    return inPlaceOf(original, (self, args) =>
      this.#isOpen ? cancelling(original, self, args, this.#channel) : Reflect.apply(original, self, args),
    );
  }

  #iterate(original: Method): Method {
    return inPlaceOf(original, (self, args) => {
      if (!this.#isOpen) return Reflect.apply(original, self, args);
      const readersBefore = this.#readers;
      const iterator = Reflect.apply(original, self, args);
      // An iterator of the implementation locks the stream at once; another one reads by `getReader()` sometime.
      const isNative = this.#stream.locked && this.#readers === readersBefore;
      if (isNative && isObject(iterator) && iterator !== this.#stream) {
        const returnEnds = !preventsCancel(args[0]);
        override(iterator, steps(iterator, { channel: this.#channel, isAsync: true, returnEnds }));
      }
      return iterator;
    });
  }

  #pipeTo(original: Method): Method {
    return inPlaceOf(original, (self, args) => {
      const [target, options] = args;
      const through = this.#isOpen && isPipe(target, options) ? this.#relay() : undefined;
      if (through === undefined) return Reflect.apply(original, self, args);
      const piped = Reflect.apply(original, through.readable, args);
      return onSettled(piped, through.release, through.release);
    });
  }

  #pipeThrough(original: Method): Method {
    return inPlaceOf(original, (self, args) => {
      const [transform, options] = args;
      const { readable, writable } = ends(transform);
      const pipeTo = methodOf(this.#base, 'pipeTo');
      const isPossible = isPipe(writable, options) && isObject(readable) && methodOf(readable, 'getReader');
      const through = this.#isOpen && pipeTo && isPossible ? this.#relay() : undefined;
      if (pipeTo === undefined || through === undefined) return Reflect.apply(original, self, args);
      // What goes wrong shows at the other end of the transform, as with the original.
      const piped = Reflect.apply(pipeTo, through.readable, [writable, options]) as Promise<unknown>;
      piped.then(through.release, through.release);
      return readable;
    });
  }

  #tee(original: Method): Method {
    return inPlaceOf(original, (self, args) => {
      const through = this.#isOpen ? this.#relay(this.#isBytes() ? 'bytes' : undefined) : undefined;
      return Reflect.apply(original, through === undefined ? self : through.readable, args);
    });
  }

  /** `undefined` where the class is not the standard's, and the original has to do. */
  #relay(type?: 'bytes', getReader = (...options: unknown[]) => this.#reader(...options)): Relay | undefined {
    const { constructor } = this.#base;
    try {
      return relay(constructor as unknown as WebStreamClass, getReader, type);
    } catch {
      return undefined;
    }
  }

  #isBytes(): boolean {
    try {
      this.#reader({ mode: 'byob' }).releaseLock();
      return true;
    } catch {
      return false;
    }
  }

  #reader(...options: unknown[]): WebReader {
    const getReader = methodOf(this.#base, 'getReader')!;
    const reader = Reflect.apply(getReader, this.#stream, options) as WebReader;
    observeReader(reader, this.#channel);
    return reader;
  }
}

/** The last prototype before the one that all objects have. */
function baseOf(stream: object): object {
  let base = stream;
  for (;;) {
    const next = Reflect.getPrototypeOf(base);
    if (next === null || Reflect.getPrototypeOf(next) === null) return base;
    base = next;
  }
}

function preventsCancel(options: unknown): boolean {
  try {
    return Boolean((options as { preventCancel?: unknown } | undefined)?.preventCancel);
  } catch {
    return false;
  }
}

/** Whether a pipe to `target` starts; where it does not, the original is to say why. */
function isPipe(target: unknown, options: unknown): boolean {
  try {
    if (!isObject(target) || methodOf(target, 'getWriter') === undefined) return false;
    if ((target as { locked?: unknown }).locked !== false) return false;
    if (options === undefined || options === null) return true;
    if (typeof options !== 'object' && typeof options !== 'function') return false;
    const { signal } = options as { signal?: unknown };
    return signal === undefined || (isObject(signal) && 'aborted' in signal);
  } catch {
    return false;
  }
}

function ends(transform: unknown): { readable?: unknown; writable?: unknown } {
  try {
    const { readable, writable } = transform as { readable?: unknown; writable?: unknown };
    return { readable, writable };
  } catch {
    return {};
  }
}
