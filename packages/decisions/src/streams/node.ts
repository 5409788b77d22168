import { Channel } from './channel.js';
import { inPlaceOf, methodOf, override } from './override.js';
import type { Method } from './override.js';
import type { StreamEnd } from './observer.js';

type End = [how: StreamEnd, value?: unknown];

/** What is read of a Node stream; all of it can be missing in older or foreign ones. */
interface NodeStream {
  readonly readableEnded?: unknown;
  readonly closed?: unknown;
  readonly errored?: unknown;
}

/** Whether an object is a Node stream with a readable side, of whatever implementation. */
export function isNodeStream(target: object): boolean {
  const has = (name: string): boolean => methodOf(target, name) !== undefined;
  return has('pipe') && has('on') && has('emit') && (has('read') || has('resume'));
}

/**
 * Observes a Node stream by its events: flowing or paused, piped or iterated, each chunk that leaves it is emitted as
 * `data`. Listening to that event would make it flow; so it gets an `emit` of its own.
 */
export function nodeChannel(stream: object): Channel | undefined {
  const channel = new Channel();
  const methods = new Map<PropertyKey, Method>();

  const emit = methodOf(stream, 'emit')!;
  const emitting = inPlaceOf(emit, (self, args) => {
    if (channel.isActive) note(stream, channel, args);
    return Reflect.apply(emit, self, args);
  });
  methods.set('emit', emitting);

  const read = methodOf(stream, '_read');
  if (read !== undefined) {
    // The side that produces runs in the decision's context, the listeners of the consumer do not.
    const reading = inPlaceOf(read, (self, args) =>
      channel.isActive ? channel.run(() => Reflect.apply(read, self, args)) : Reflect.apply(read, self, args),
    );
    methods.set('_read', reading);
  }
  return override(stream, methods) ? channel : undefined;
}

function note(stream: NodeStream, channel: Channel, [event, value]: unknown[]): void {
  if (event === 'data') channel.item(value);
  else if (event === 'end') channel.end('completed');
  else if (event === 'error') channel.end(...failing(value));
  else if (event === 'close') channel.end(...closing(stream));
}

function failing(error: unknown): End {
  return isLeaving(error) ? ['returned'] : ['failed', error];
}

/**
 * Whether an error is the one by which Node destroys a stream whose consumer leaves a loop, or a block with `using`.
 * That of an AbortSignal has the signal's reason for its cause.
 */
function isLeaving(error: unknown): boolean {
  const { name, code, cause } = (error ?? {}) as { name?: unknown; code?: unknown; cause?: unknown };
  return name === 'AbortError' && code === 'ABORT_ERR' && cause === undefined;
}

/** Closed without an end: destroyed, by an error that was not emitted or by the consumer. */
function closing(stream: NodeStream): End {
  const errored = read(() => stream.errored);
  return errored === null || errored === undefined ? ['returned'] : failing(errored);
}

/** How a stream ended that will emit no more; `undefined` where it has not. */
export function endOf(stream: NodeStream): End | undefined {
  if (read(() => stream.readableEnded) === true) return ['completed'];
  return read(() => stream.closed) === true ? closing(stream) : undefined;
}

function read(get: () => unknown): unknown {
  try {
    return get();
  } catch {
    return undefined;
  }
}
