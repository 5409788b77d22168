import { clientOf, reasonOf, shown } from '../courier.js';
import { assembleRequest } from '../otlp/request.js';
import type { OtlpClient } from '../send/client.js';
import type { Batch, DeliveryQueue, Note } from '../send/queue.js';
import { Sender } from '../send/sender.js';
import { otlpSettings } from '../send/settings.js';
import type { Signal } from '../send/settings.js';
import type { Frame } from '../spool/frame.js';
import { Trouble } from '../trouble.js';
import { otlpOptionsOf, STALL_TIMEOUT_MS, whileProgress } from './delivery-options.js';
import type { DeliveryOptions } from './delivery-options.js';

/** What became of records that were sent again. */
export interface Resent {
  readonly accepted: number;
  /** Refused for good, or accepted in part. */
  readonly refused: number;
  /** Whether all were sent; else the receiver took nothing for too long. */
  readonly isComplete: boolean;
}

type Frames<F extends Frame> = Iterable<F> | AsyncIterable<F>;

/**
 * Sends records again that a spool holds or has held, whatever its cursors say. Changes nothing on disk; readers remove
 * duplicates by id.
 *
 * @param records all of the signal's kind.
 * @throws SpoolError `INVALID_OPTIONS`, and what reading the records throws.
 */
export async function sendRecords(
  signal: Signal,
  records: Frames<Frame>,
  options: DeliveryOptions = {},
): Promise<Resent> {
  const resender = new Resender(options);
  try {
    return await resender.send(signal, records);
  } finally {
    await resender.close();
  }
}

/** Sends records again, in requests of the usual size and with the usual retries. */
export class Resender {
  readonly #clients: Readonly<Record<Signal, OtlpClient>>;
  readonly #addresses: Readonly<Record<Signal, string>>;
  readonly #stallTimeoutMs: number;
  readonly #trouble: Trouble;

  /** @throws SpoolError `INVALID_OPTIONS`. */
  constructor(options: DeliveryOptions) {
    const otlp = otlpOptionsOf(options);
    const settings = { logs: otlpSettings('logs', otlp), traces: otlpSettings('traces', otlp) };
    this.#clients = { logs: clientOf(settings.logs), traces: clientOf(settings.traces) };
    this.#addresses = { logs: shown(settings.logs), traces: shown(settings.traces) };
    this.#stallTimeoutMs = options.stallTimeoutMs ?? STALL_TIMEOUT_MS;
    this.#trouble = new Trouble((_, message) => options.onTrouble?.(message));
  }

  /** @param onAccepted told of records that the receiver has. What it throws ends the sending, and is thrown. */
  async send<F extends Frame>(
    signal: Signal,
    frames: Frames<F>,
    onAccepted: (accepted: readonly F[]) => void = () => {},
  ): Promise<Resent> {
    const queue = new ResendQueue(frames, onAccepted, (note) => this.#tellRefused(note));
    const sender = new Sender({
      signal,
      queue,
      client: this.#clients[signal],
      assemble: assembleRequest,
      events: {
        retrying: (why) => this.#tell(signal, reasonOf(why)),
        denied: (why) => this.#tell(signal, `${reasonOf(why)}; it needs other credentials or another address`),
      },
    });
    // A queue that fails would be asked again and again.
    const failed = queue.failure.then(() => sender.stop());
    const drain = (timeoutMs: number): Promise<boolean> => sender.drain(timeoutMs);
    const isDrained = await whileProgress(drain, () => queue.accepted + queue.refused, this.#stallTimeoutMs);
    await sender.stop();
    if (queue.error !== undefined) {
      await failed;
      throw queue.error;
    }
    const { accepted, refused } = queue;
    return { accepted, refused, isComplete: isDrained };
  }

  async close(): Promise<void> {
    await Promise.all([this.#clients.logs.close(), this.#clients.traces.close()]);
  }

  #tell(signal: Signal, why: string): void {
    this.#trouble.report('warn', signal, `${this.#addresses[signal]} does not take records (${why})`);
  }

  #tellRefused({ signal, reason, status, message }: Note): void {
    const why = [reason, status, message].filter((part) => part !== undefined && part !== '').join(' ');
    this.#trouble.report('warn', `refused ${signal}`, `${this.#addresses[signal]} refused a record (${why})`);
  }
}

/** Records on their way again; memory holds those of one request. */
class ResendQueue<F extends Frame> implements DeliveryQueue {
  accepted = 0;
  refused = 0;
  /** What the source of the records, or the one who is told, has thrown. */
  error: unknown;
  /** Resolves when there is an error. */
  readonly failure: Promise<void>;
  readonly #frames: Iterator<F> | AsyncIterator<F>;
  readonly #onAccepted: (accepted: readonly F[]) => void;
  readonly #onRefused: (note: Note) => void;
  readonly #buried = new Set<Frame>();
  #waiting: F[] = [];
  #failed!: () => void;

  constructor(frames: Frames<F>, onAccepted: (accepted: readonly F[]) => void, onRefused: (note: Note) => void) {
    this.#frames = Symbol.asyncIterator in frames ? frames[Symbol.asyncIterator]() : frames[Symbol.iterator]();
    this.#onAccepted = onAccepted;
    this.#onRefused = onRefused;
    this.failure = new Promise((resolve) => (this.#failed = resolve));
  }

  async next(limits: { readonly framesMax: number; readonly bytesMax: number }): Promise<Batch | undefined> {
    return this.#guarded(async () => {
      const frames: F[] = [];
      let bytes = 0;
      while (frames.length < limits.framesMax) {
        const frame = this.#waiting[frames.length] ?? (await this.#pull());
        if (frame === undefined) break;
        bytes += frame.payload.length;
        if (frames.length > 0 && bytes > limits.bytesMax) break;
        frames.push(frame);
      }
      return frames.length === 0 ? undefined : { frames };
    });
  }

  async #pull(): Promise<F | undefined> {
    const { done, value } = await this.#frames.next();
    if (done === true) return undefined;
    this.#waiting.push(value);
    return value;
  }

  async acknowledge({ frames }: Batch): Promise<void> {
    await this.#guarded(() => {
      const settled = this.#waiting.splice(0, frames.length);
      const accepted = settled.filter((frame) => !this.#buried.delete(frame));
      this.accepted += accepted.length;
      if (accepted.length > 0) this.#onAccepted(accepted);
    });
  }

  /** Nothing is buried: what was refused stays where it is. */
  async bury(frames: readonly Frame[], note: Note): Promise<void> {
    for (const frame of frames) this.#buried.add(frame);
    this.refused += frames.length;
    this.#onRefused(note);
    await Promise.resolve();
  }

  async #guarded<T>(work: () => T | Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      this.error = error;
      this.#failed();
      throw error;
    }
  }
}
