import type { WebReader } from './reader.js';

/** What is used of a web ReadableStream. */
export interface WebStream {
  readonly locked: boolean;
}

export type WebStreamClass = new (source: object, strategy?: object) => WebStream;

/** A stream that gives what another one does, read through the reader of that one. */
export interface Relay {
  readonly readable: WebStream;
  /** Unlocks the other stream. Never throws. */
  readonly release: () => void;
  /** Settles when no chunk is on its way; never rejects. */
  readonly idle: () => Promise<void>;
}

interface Controller {
  enqueue(chunk: unknown): void;
  close(): void;
  error(error: unknown): void;
  /** Of a byte stream: the buffer to fill, where its consumer brought one. */
  readonly byobRequest?: { readonly view: unknown; respondWithNewView(view: unknown): void } | null;
}

/**
 * Stands in for a stream where the implementation would read that one from within. It holds nothing back and reads
 * nothing ahead: each read of it is one read of the other. Errors come down and a cancel goes up.
 *
 * @param type Of a stream of bytes, `bytes`: a consumer that brings its own buffer has it filled by the other stream,
 * one that does not gets the chunks as they are. The two need different readers.
 */
export function relay(
  StreamClass: WebStreamClass,
  getReader: (options?: { mode: 'byob' }) => WebReader,
  type: 'bytes' | undefined,
): Relay {
  let reader: WebReader | undefined;
  let fillsBuffers = false;
  let pulling = Promise.resolve();
  const idle = (): Promise<void> => pulling;

  const take = (controller: Controller, forBuffer: boolean): WebReader => {
    if (reader !== undefined && fillsBuffers === forBuffer) return reader;
    reader?.releaseLock();
    const taken = forBuffer ? getReader({ mode: 'byob' }) : getReader();
    reader = taken;
    fillsBuffers = forBuffer;
    follow(taken, controller, { idle, isCurrent: () => reader === taken });
    return taken;
  };
  const source = {
    type,
    start: (controller: Controller): void => void take(controller, false),
    pull: (controller: Controller): Promise<void> => {
      const request = controller.byobRequest ?? undefined;
      const current = take(controller, request !== undefined);
      return (pulling = request === undefined ? pull(current, controller) : fill(current, controller, request));
    },
    cancel: (reason: unknown) => reader?.cancel(reason),
  };
  const readable = new StreamClass(source, NOTHING_AHEAD);
  return { readable, idle, release: () => attempt(() => reader?.releaseLock()) };
}

const NOTHING_AHEAD = { highWaterMark: 0 };

/** One read for one pull. How a read fails is told by `closed`. */
function pull(reader: WebReader, controller: Controller): Promise<void> {
  return reader.read().then(
    ({ done, value }) => {
      if (!done) attempt(() => controller.enqueue(value));
    },
    () => {},
  );
}

function fill(
  reader: WebReader,
  controller: Controller,
  request: NonNullable<Controller['byobRequest']>,
): Promise<void> {
  return reader.read(request.view).then(
    ({ done, value }) => {
      // A stream that was cancelled gives no buffer back.
      if (value === undefined) return;
      attempt(() => {
        if (done) controller.close();
        request.respondWithNewView(value);
      });
    },
    () => {},
  );
}

/** Ends a stream as the one that is read does, behind the last chunk on its way. */
function follow(
  reader: WebReader,
  controller: Controller,
  state: { idle: () => Promise<void>; isCurrent: () => boolean },
): void {
  const end = async (how: () => void): Promise<void> => {
    await state.idle();
    if (state.isCurrent()) attempt(how);
  };
  reader.closed.then(
    () => end(() => controller.close()),
    (error: unknown) => end(() => controller.error(error)),
  );
}

/** What the other side has closed, cancelled or released by now takes nothing more. */
function attempt(change: () => void): void {
  try {
    change();
  } catch {
    // Nobody waits for it.
  }
}
