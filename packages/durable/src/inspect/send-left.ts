import { resolve } from 'node:path';
import type { Loss } from '../losses.js';
import type { Signal } from '../send/settings.js';
import { Spool } from '../spool.js';
import type { Watch } from '../spool.js';
import { otlpOptionsOf, STALL_TIMEOUT_MS, whileProgress } from './delivery-options.js';
import type { DeliveryOptions } from './delivery-options.js';
import { openStreams } from './read.js';

/** What became of one stream. */
export interface SentStream {
  readonly streamId: string;
  readonly logs: number;
  readonly traces: number;
  /** Log records and spans that the Collector refused for good, and that are among the dead letters now. */
  readonly deadLettered: number;
  /** Nothing waits in it any more. */
  readonly isEmpty: boolean;
}

/** What became of a spool. */
export interface Sent {
  /** Nothing waits any more in the streams that nobody owned. */
  readonly isEmpty: boolean;
  readonly deadLettered: number;
  /** Ids of streams that were left alone: a process that is alive writes or delivers them. */
  readonly live: readonly string[];
}

export interface SendLeftOptions extends DeliveryOptions {
  /** How long records are kept after they were acknowledged, in milliseconds. Default: 24 h. */
  readonly retentionMs?: number;
  /** Bytes of acknowledged records that are kept at most. Default: 256 MiB. */
  readonly retentionBytesMax?: number;
  /** Told of each stream in which something was waiting, when it is let go of. */
  readonly onStream?: (stream: SentStream) => void;
}

/**
 * Delivers what is in a spool and has no owner, as a start of the application would, and ends. What is lost on the way (damage,
 * dead letters) is told of in the trail, by a stream of its own.
 *
 * @throws SpoolError `INVALID_OPTIONS`; `NOT_FOUND` where there is no such directory, `UNKNOWN_FORMAT` where it is no spool, `IO` or
 *   `NO_SPACE` where it cannot be written to.
 */
export async function sendLeft(directory: string, options: SendLeftOptions = {}): Promise<Sent> {
  const { onStream, retentionMs, retentionBytesMax, ...delivery } = options;
  const { stallTimeoutMs = STALL_TIMEOUT_MS, onTrouble } = delivery;
  const live = openStreams(directory)
    .list()
    .flatMap(({ id, state }) => (state === 'owned' ? id : []));
  const progress = new Progress(onStream, onTrouble);
  const spool = new Spool(
    {
      ...otlpOptionsOf(delivery),
      directory: resolve(directory),
      ...(retentionMs !== undefined && { retentionMs }),
      ...(retentionBytesMax !== undefined && { retentionBytesMax }),
    },
    progress,
  );
  let isEmpty = false;
  try {
    const flush = (timeoutMs: number): Promise<boolean> => spool.flush(timeoutMs);
    isEmpty = await whileProgress(flush, () => progress.settled, stallTimeoutMs);
    // What was found out on the way is told of in records, which are delivered in their turn.
    if (isEmpty && progress.hasLosses) isEmpty = await whileProgress(flush, () => progress.settled, stallTimeoutMs);
  } finally {
    if (isEmpty) progress.end();
    await spool.shutdown(0);
    progress.end();
  }
  return { isEmpty: isEmpty && progress.isEmpty, deadLettered: progress.deadLettered, live };
}

/** Adds up what the spool tells. */
class Progress implements Watch {
  readonly resource = { attributes: { 'service.name': process.env['OTEL_SERVICE_NAME'] || 'decision-trail' } };
  /** Records that were accepted or refused. */
  settled = 0;
  deadLettered = 0;
  hasLosses = false;
  readonly #onStream: ((stream: SentStream) => void) | undefined;
  readonly #onTrouble: ((message: string) => void) | undefined;
  readonly #streams = new Map<string, { logs: number; traces: number; deadLettered: number }>();
  /** Streams that were let go of although something in them waits. */
  readonly #left = new Set<string>();
  #ended = false;

  constructor(
    onStream: ((stream: SentStream) => void) | undefined,
    onTrouble: ((message: string) => void) | undefined,
  ) {
    this.#onStream = onStream;
    this.#onTrouble = onTrouble;
  }

  get isEmpty(): boolean {
    return this.#left.size === 0;
  }

  delivered(streamId: string, signal: Signal, count: number): void {
    this.settled += count;
    this.#of(streamId)[signal] += count;
  }

  lost({ reason, stream, count = 0 }: Loss): void {
    this.hasLosses = true;
    if (reason !== 'dead-letter' || stream === undefined) return;
    this.settled += count;
    this.deadLettered += count;
    this.#of(stream).deadLettered += count;
  }

  released(streamId: string, isEmpty: boolean): void {
    // At its end the spool looks once more at what it has just let go of.
    if (this.#ended) return;
    const counts = this.#of(streamId);
    this.#streams.delete(streamId);
    const isNews = counts.logs + counts.traces + counts.deadLettered > 0 || (!isEmpty && !this.#left.has(streamId));
    if (isEmpty) this.#left.delete(streamId);
    else this.#left.add(streamId);
    if (isNews) this.#onStream?.({ streamId, ...counts, isEmpty });
  }

  trouble(message: string): void {
    if (!this.#ended) this.#onTrouble?.(message);
  }

  end(): void {
    this.#ended = true;
  }

  #of(streamId: string): { logs: number; traces: number; deadLettered: number } {
    const counts = this.#streams.get(streamId) ?? { logs: 0, traces: 0, deadLettered: 0 };
    this.#streams.set(streamId, counts);
    return counts;
  }
}
