import { OtlpClient } from './send/client.js';
import type { Answer } from './send/answer.js';
import type { DeliveryQueue, Note } from './send/queue.js';
import { Sender } from './send/sender.js';
import { otlpSettings } from './send/settings.js';
import type { OtlpOptions, OtlpSettings, Signal } from './send/settings.js';
import { SpoolError } from './errors.js';
import type { Loss } from './losses.js';
import type { SpoolSettings } from './options.js';
import { assembleRequest, readResponse, RequestMemory } from './otlp/request.js';
import type { Frame } from './spool/frame.js';
import type { Damage } from './spool/reader.js';
import type { Dropped, Stream } from './spool/stream.js';
import { Streams } from './spool/streams.js';
import type { StreamWriter } from './spool/writer.js';
import { VERSION } from './version.js';

/** What a courier tells of; none of these may throw. */
export interface CourierEvents {
  /** The Collector has acknowledged records, of this process or of an earlier one. */
  delivered(signal: Signal, count: number, streamId: string): void;
  /** Records no longer wait, so that there may be room again. */
  freed(): void;
  lost(loss: Loss): void;
  /** A stream of an earlier process is let go of: with nothing left that waits, or because delivery was stopped. */
  released?(streamId: string, isEmpty: boolean): void;
  trouble(level: 'error' | 'warn', kind: string, message: string): void;
}

/** What became of the records that this process has appended. */
export interface SignalCounts {
  readonly acknowledged: number;
  readonly spooled: number;
  readonly deadLettered: number;
  readonly dropped: number;
}

/** Sequence numbers between which records were dropped, both excluded. */
export interface DroppedRange {
  readonly from: number;
  readonly to: number;
}

/** How often streams are looked for that nobody owns any more, and what was acknowledged is cleaned away. */
const ROUND_MS = 30_000;

/** The name that this package's own scope has in the bytes of an origin. */
const OWN_SCOPE = '@decision-trail/durable';

/**
 * Delivers what is in a spool: the stream of this process while it is written, and one after the other those that earlier
 * processes left.
 */
export class Courier {
  readonly #settings: SpoolSettings;
  readonly #events: CourierEvents;
  readonly #clients: Readonly<Record<Signal, OtlpClient>>;
  readonly #urls: Readonly<Record<Signal, string>>;
  readonly #streams: Streams;
  /** Of the stream that this process writes. */
  #own: { delivery: Delivery; writer: StreamWriter; isReserved: boolean } | undefined;
  readonly #counts: Record<Signal, { appended: number; acknowledged: number; deadLettered: number; dropped: number }> =
    {
      logs: { appended: 0, acknowledged: 0, deadLettered: 0, dropped: 0 },
      traces: { appended: 0, acknowledged: 0, deadLettered: 0, dropped: 0 },
    };
  /** The stream of an earlier process that is being delivered. */
  #left: Delivery | undefined;
  #leftLoop: Promise<void> | undefined;
  /** Not every stream without an owner could be taken over, the last time it was tried. */
  #leftFailed = false;
  /** Streams of earlier processes in which nothing waits any more, and when that was found. */
  readonly #empty = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #isReclaiming = false;
  #isStopped = false;

  /** @throws SpoolError `INVALID_OPTIONS` where it is not clear where and how to deliver. */
  constructor(options: OtlpOptions, settings: SpoolSettings, events: CourierEvents) {
    this.#settings = settings;
    this.#events = events;
    const of = { logs: otlpSettings('logs', options), traces: otlpSettings('traces', options) };
    this.#clients = { logs: clientOf(of.logs), traces: clientOf(of.traces) };
    this.#urls = { logs: shown(of.logs), traces: shown(of.traces) };
    this.#streams = new Streams(settings.directory, {
      onDamage: (damage) => this.#tellDamage(damage),
      onError: (error) => events.trouble('warn', 'spool', error.message),
    });
  }

  /** Delivers what a writer appends, and what is left of earlier processes. */
  start(writer: StreamWriter): void {
    const before = this.#own?.delivery;
    this.#own = { delivery: this.#deliver(this.#streams.attach(writer), true), writer, isReserved: false };
    void before?.stop();
    this.#timer ??= setInterval(() => void this.#round(), ROUND_MS).unref();
    void this.#round();
  }

  /** Says that something was appended. */
  wake(signal: Signal): void {
    this.#counts[signal].appended += 1;
    if (this.#own === undefined) return;
    const { delivery } = this.#own;
    if (!this.#own.isReserved) {
      this.#own.isReserved = true;
      delivery.stream.logs.reserve();
      delivery.stream.traces.reserve();
    }
    delivery[signal].wake();
  }

  counts(signal: Signal): SignalCounts {
    const { appended, acknowledged, deadLettered, dropped } = this.#counts[signal];
    return { acknowledged, deadLettered, dropped, spooled: appended - acknowledged - deadLettered - dropped };
  }

  /** Bytes on disk, and those of them that wait for delivery. Reads directories. */
  totals(): { readonly bytes: number; readonly waitingBytes: number; readonly oldestWaitingMs: number | undefined } {
    const { segmentBytes, deadLetterBytes, damagedBytes, waitingBytes, oldestWaitingMs } = this.#streams.totals();
    return { bytes: segmentBytes + deadLetterBytes + damagedBytes, waitingBytes, oldestWaitingMs };
  }

  /**
   * Drops the oldest segment that is not delivered, which the writer has finished.
   *
   * @returns Which records of this process's own stream were in it; `undefined` where there is none.
   */
  dropOldest(): DroppedRange | undefined {
    const own = this.#own?.delivery.stream;
    const oldest = this.#left?.stream ?? own;
    const dropped = this.#attemptToDrop(oldest);
    if (oldest === undefined || dropped === undefined) return undefined;
    if (oldest === own) {
      this.#counts.logs.dropped += dropped.logs;
      this.#counts.traces.dropped += dropped.traces;
    }
    const { logs, traces, from, to } = dropped;
    this.#events.lost({ reason: 'dropped-oldest', count: logs + traces, stream: oldest.id, from, to });
    return oldest === own ? { from, to } : { from: 0, to: 0 };
  }

  #attemptToDrop(stream: Stream | undefined): Dropped | undefined {
    try {
      return stream?.dropOldest();
    } catch (error) {
      this.#events.trouble('error', 'spool', `the oldest records cannot be dropped: ${String(error)}`);
      return undefined;
    }
  }

  /** Deletes all that was acknowledged, to make room, and tells when there is more. */
  reclaim(): void {
    if (this.#isReclaiming) return;
    this.#isReclaiming = true;
    void this.#clean(0).then((deletedBytes) => {
      this.#isReclaiming = false;
      if (deletedBytes > 0) this.#events.freed();
    });
  }

  /** Delivers all that waits now. Resolves with whether nothing is left, at the deadline at the latest. */
  async drain(timeoutMs: number): Promise<boolean> {
    if (this.#isStopped) return false;
    const until = performance.now() + timeoutMs;
    const own = this.#own?.delivery.drain(timeoutMs) ?? true;
    const left = this.#drainLeft(until);
    return (await Promise.all([own, left])).every(Boolean);
  }

  async #drainLeft(until: number): Promise<boolean> {
    let isOver = false;
    const loop = this.#deliverLeft().finally(() => (isOver = true));
    for (;;) {
      const delivery = this.#left;
      if (delivery === undefined) await Promise.race([loop, Promise.resolve()]);
      else if (!(await delivery.drain(Math.max(0, until - performance.now())))) return false;
      if (isOver) return !this.#leftFailed;
      // The loop goes on to the next one in a few microtasks; it waits for nothing else.
      await new Promise(setImmediate);
    }
  }

  /** Stops, and leaves the streams of earlier processes to others. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearInterval(this.#timer);
    await Promise.all([this.#own?.delivery.stop(), this.#left?.stop()]);
    await this.#leftLoop;
    await this.#clean();
    for (const stream of this.#streams.streams) this.#streams.release(stream);
    await Promise.all([this.#clients.logs.close(), this.#clients.traces.close()]);
  }

  async #round(): Promise<void> {
    await this.#deliverLeft();
    await this.#clean();
  }

  /** Delivers the streams of earlier processes, one after the other; one such loop runs at a time. */
  #deliverLeft(): Promise<void> {
    this.#leftLoop ??= this.#runLeft()
      .catch((error: unknown) => this.#failedToAdopt(error))
      .finally(() => (this.#leftLoop = undefined));
    return this.#leftLoop;
  }

  async #runLeft(): Promise<void> {
    this.#leftFailed = false;
    for (const { id, state } of this.#streams.list()) {
      if (this.#isStopped) return;
      if (state !== 'free' || this.#isKept(id)) continue;
      const stream = this.#adopt(id);
      if (stream === undefined) continue;
      const delivery = this.#deliver(stream, false);
      this.#left = delivery;
      delivery.logs.wake();
      delivery.traces.wake();
      await delivery.empty;
      this.#left = undefined;
      // Now, since what is closed has nothing that waits.
      const isEmpty = stream.drained;
      await delivery.stop();
      await this.#clean();
      this.#events.released?.(id, isEmpty);
      if (!this.#streams.streams.includes(stream)) continue;
      this.#empty.set(id, Date.now());
      this.#streams.release(stream);
    }
  }

  /** Takes over a stream; one that cannot be taken over does not keep the others from being delivered. */
  #adopt(id: string): Stream | undefined {
    try {
      return this.#streams.adopt(id);
    } catch (error) {
      this.#failedToAdopt(error);
      this.#events.released?.(id, false);
      return undefined;
    }
  }

  #failedToAdopt(error: unknown): void {
    this.#leftFailed = true;
    this.#events.trouble('error', 'left', `cannot take over what is left: ${String(error)}`);
  }

  /** Whether a stream is known to hold nothing but what is kept for a while. */
  #isKept(id: string): boolean {
    const since = this.#empty.get(id);
    return since !== undefined && Date.now() - since < this.#settings.retentionMs;
  }

  async #clean(retainedBytesMax: number = this.#settings.retentionBytesMax): Promise<number> {
    const { retentionMs } = this.#settings;
    try {
      return await this.#streams.clean({ retentionMs, retainedBytesMax });
    } catch (error) {
      if (!(error instanceof SpoolError)) throw error;
      this.#events.trouble('warn', 'clean', `acknowledged records cannot be cleaned away: ${error.message}`);
      return 0;
    }
  }

  #deliver(stream: Stream, isOwn: boolean): Delivery {
    return new Delivery(stream, (signal, queue) => {
      const memory = new RequestMemory();
      return new Sender({
        signal,
        queue: this.#observed(queue, stream, signal, isOwn),
        client: this.#clients[signal],
        assemble: (frames) => assembleRequest(frames, memory.allocate),
        events: {
          delivered: (frames) => {
            memory.release();
            if (isOwn) this.#counts[signal].acknowledged += frames;
            this.#events.delivered(signal, frames, stream.id);
          },
          retrying: (why) => this.#tellRetry('warn', signal, why),
          denied: (why) => this.#tellRetry('error', signal, why),
          failed: (error) => this.#events.trouble('error', 'spool', `the spool cannot be read: ${String(error)}`),
        },
      });
    });
  }

  /** The queue, whose dead letters are counted and told of. */
  #observed(queue: DeliveryQueue, stream: Stream, signal: Signal, isOwn: boolean): DeliveryQueue {
    return {
      next: async (limits) => {
        const batch = await queue.next(limits);
        if (batch === undefined) this.#events.freed();
        return batch;
      },
      acknowledge: async (batch) => {
        await queue.acknowledge(batch);
        this.#events.freed();
        // The frames of one signal are in the way of the other's cursor, which passes them only when it looks.
        if (isOwn) this.#own?.delivery[signal === 'logs' ? 'traces' : 'logs'].wake();
      },
      bury: async (frames, note) => {
        await queue.bury(frames, note);
        if (isOwn) this.#counts[signal].deadLettered += frames.length;
        this.#tellBuried(stream, signal, frames, note);
      },
    };
  }

  #tellBuried(stream: Stream, signal: Signal, frames: readonly Frame[], note: Note): void {
    const why = wordsOf(note.reason, note.status, note.message);
    const told = frames.filter(({ origin }) => !Buffer.from(origin.scope).includes(OWN_SCOPE));
    if (told.length < frames.length) {
      // A record that tells of a loss, refused in its turn: another one would be refused as well.
      this.#events.trouble('error', 'dead-letter', `the Collector refused a record of a loss: ${why}`);
    }
    if (told.length === 0) return;
    const [first, last] = [told[0]!, told.at(-1)!];
    const range = signal === 'logs' ? { from: first.sequence - 1, to: last.sequence + 1 } : {};
    this.#events.lost({ reason: 'dead-letter', count: told.length, stream: stream.id, ...range, detail: why });
  }

  #tellRetry(level: 'warn' | 'error', signal: Signal, why: Answer): void {
    const then = level === 'warn' ? 'is tried again' : 'is tried again, but needs a change of credentials or address';
    this.#events.trouble(
      level,
      `delivery ${signal}`,
      `${this.#urls[signal]} does not take records (${reasonOf(why)}); they wait on disk, and delivery ${then}`,
    );
  }

  #tellDamage({ what, streamId, segment, offset, recordsMissing, lastSequence }: Damage): void {
    const detail = `segment ${segment}, byte ${offset}`;
    if (what === 'unknown') {
      this.#events.trouble('error', 'newer', `stream ${streamId} is of a newer version (${detail}), and is left alone`);
      return;
    }
    const from = Math.max(lastSequence, 0);
    const range = recordsMissing === undefined || lastSequence < 0 ? {} : { from, to: from + recordsMissing + 1 };
    const count = recordsMissing === undefined ? {} : { count: recordsMissing };
    const reason = what === 'ahead' ? 'missing' : what;
    this.#events.lost({ reason, stream: streamId, ...count, ...range, detail });
  }
}

/** The delivery of one stream: a sender for each signal. */
class Delivery {
  readonly stream: Stream;
  readonly logs: Sender;
  readonly traces: Sender;
  /** Resolves when nothing waited any more in either queue, or when it was stopped. */
  readonly empty: Promise<void>;
  #stopped!: () => void;

  constructor(stream: Stream, sender: (signal: Signal, queue: DeliveryQueue) => Sender) {
    this.stream = stream;
    const emptied = (signal: Signal): [Promise<void>, DeliveryQueue] => {
      const queue = stream[signal];
      let resolve: () => void;
      const empty = new Promise<void>((resolved) => (resolve = resolved));
      const next: DeliveryQueue['next'] = async (limits) => {
        const batch = await queue.next(limits);
        if (batch === undefined) resolve();
        return batch;
      };
      return [
        empty,
        { next, acknowledge: (batch) => queue.acknowledge(batch), bury: (f, note) => queue.bury(f, note) },
      ];
    };
    const [noLogs, logs] = emptied('logs');
    const [noTraces, traces] = emptied('traces');
    const stopped = new Promise<void>((resolve) => (this.#stopped = resolve));
    this.empty = Promise.race([stopped, Promise.all([noLogs, noTraces]).then(() => {})]);
    this.logs = sender('logs', logs);
    this.traces = sender('traces', traces);
  }

  async drain(timeoutMs: number): Promise<boolean> {
    return (await Promise.all([this.logs.drain(timeoutMs), this.traces.drain(timeoutMs)])).every(Boolean);
  }

  async stop(): Promise<void> {
    await Promise.all([this.logs.stop(), this.traces.stop()]);
    this.#stopped();
  }
}

/** What sends requests to where the settings say. */
export function clientOf(settings: OtlpSettings): OtlpClient {
  return new OtlpClient(settings, {
    readResponse,
    userAgent: `OTel-OTLP-Exporter-JavaScript/${VERSION} decision-trail`,
  });
}

/** An address without what may be secret in it. */
export function shown({ url }: OtlpSettings): string {
  return `${url.origin}${url.pathname}`;
}

/** Why a receiver has not taken a request, in a few words. */
export function reasonOf({ status, code, message }: Answer): string {
  return wordsOf(status, code, message);
}

function wordsOf(...parts: readonly (string | number | undefined)[]): string {
  return parts.filter((part) => part !== undefined && part !== '').join(' ');
}
