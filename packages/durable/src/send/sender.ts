import type { Frame } from '../spool/frame.js';
import type { Answer } from './answer.js';
import { printable } from './answer.js';
import type { Clock, Timer } from './clock.js';
import { systemClock } from './clock.js';
import type { Step } from './parts.js';
import { Parts } from './parts.js';
import type { Batch, DeliveryQueue, Note } from './queue.js';
import type { Signal } from './settings.js';

/** What sends a request; never rejects. `OtlpClient` is one. */
export interface RequestSender {
  send(body: readonly Uint8Array[], signal?: AbortSignal): Promise<Answer>;
}

/** What happened, as it happens; for metrics and `diag`. What these throw is ignored. */
export interface SenderEvents {
  /** The Collector has accepted this many frames. */
  delivered?(frames: number): void;
  /** A request came to nothing and goes out again after a pause: the receiver is away, busy or failing. */
  retrying?(why: Answer, delayMs: number): void;
  /** The receiver wants something changed by a person: credentials, address. Delivery is tried again after a pause. */
  denied?(why: Answer, delayMs: number): void;
  /** Frames went to the dead letters. */
  buried?(frames: number, note: Note): void;
  /** The queue has failed, and is asked again after a pause. */
  failed?(error: unknown, delayMs: number): void;
}

/** Limits of a sender. */
export interface SenderLimits {
  /** Frames in one request. Default: 512. */
  readonly framesMax: number;
  /** Bytes of payload in one request, but for a single frame that is larger. Default: 2 MiB. */
  readonly bytesMax: number;
  /** How long frames wait for others to be sent with. Default: 200 ms. */
  readonly lingerMs: number;
  /** Longest first pause before a request is tried again; doubled each time. Default: 1,000 ms. */
  readonly retryInitialMs: number;
  /** Longest pause, unless the receiver asks for a longer one. Default: 30,000 ms. */
  readonly retryMaxMs: number;
  /** Pause where the receiver wants something changed. Default: 30,000 ms. */
  readonly deniedPauseMs: number;
}

/** What a sender works with. */
export interface SenderOptions {
  readonly signal: Signal;
  readonly queue: DeliveryQueue;
  readonly client: RequestSender;
  /** Makes a request of frames. */
  readonly assemble: (frames: readonly Frame[]) => Uint8Array | readonly Uint8Array[];
  readonly events?: SenderEvents;
  readonly limits?: Partial<SenderLimits>;
  /** Default: the machine's. */
  readonly clock?: Clock;
  /** From 0 to 1, for jitter. Default: `Math.random`. */
  readonly random?: () => number;
}

const LIMITS: SenderLimits = {
  framesMax: 512,
  bytesMax: 2 * 1024 * 1024,
  lingerMs: 200,
  retryInitialMs: 1000,
  retryMaxMs: 30_000,
  deniedPauseMs: 30_000,
};

/** By which requests grow again after they had to become smaller; no smaller than this either. */
const BYTES_STEP = 64 * 1024;

/** Codes of requests that have broken off on their way, which more bytes make likelier. */
const BROKEN: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'TIMEOUT', 'UND_ERR_SOCKET']);

/** A pause that can be cut short. */
interface Pause {
  /** `own`: of our making, so that `drain` need not sit it out; `asked`: for by the receiver, or by a person's absence. */
  readonly kind: 'linger' | 'own' | 'asked';
  /** Unix milliseconds. */
  readonly until: number;
  end(): void;
}

interface Drain {
  /** Unix milliseconds. */
  readonly until: number;
  finish(empty: boolean): void;
}

/**
 * Delivers what waits in a queue, in order, one request at a time, until it is stopped: retries without end, and gives up
 * only what the Collector refuses for good, into the dead letters.
 *
 * The queue is told to forget a batch when each of its frames was accepted or buried, and not before. Timers do not keep the
 * process alive, except while `drain` runs.
 */
export class Sender {
  readonly #options: SenderOptions;
  readonly #limits: SenderLimits;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #stopping = new AbortController();
  readonly #drains = new Set<Drain>();
  #loop: Promise<void> | undefined;
  #pause: Pause | undefined;
  /** Records appended since the queue was last looked into. */
  #appended = 0;
  /** Requests without success in a row. */
  #failures = 0;
  #bytesMax: number;
  /** Of the batch at the head of the queue what was settled though the rest was not, by place. */
  #done: ReadonlyMap<number, Frame> = new Map();

  constructor(options: SenderOptions) {
    this.#options = options;
    this.#limits = { ...LIMITS, ...options.limits };
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    this.#bytesMax = this.#limits.bytesMax;
  }

  /** Says that something was appended; cheap enough for each record. */
  wake(): void {
    this.#appended += 1;
    if (this.#loop === undefined) this.#start();
    else if (this.#appended >= this.#limits.framesMax && this.#pause?.kind === 'linger') this.#pause.end();
  }

  /**
   * Sends what waits now, keeping the process alive meanwhile. Resolves with true when the queue was empty; with false at the
   * deadline, or before it as soon as no attempt can be made until then. What is left is tried further.
   *
   * @param deadlineMs from now.
   */
  drain(deadlineMs: number): Promise<boolean> {
    if (this.#stopping.signal.aborted) return Promise.resolve(false);
    return new Promise((resolve) => {
      let timer: Timer | undefined;
      const finish = (empty: boolean): void => {
        if (!this.#drains.delete(drain)) return;
        timer?.clear();
        resolve(empty);
      };
      const drain: Drain = { until: this.#clock.now() + deadlineMs, finish };
      this.#drains.add(drain);
      timer = this.#clock.after(deadlineMs, () => finish(false), true);
      // What was learnt about a receiver that was away is of no use to somebody who has seconds left.
      this.#failures = 0;
      if (this.#pause?.kind === 'own') this.#pause.end();
      this.#start();
      this.#hurry();
    });
  }

  /** Breaks off what is under way, for good; resolves when nothing of it is left. What was not acknowledged stays queued. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#pause?.end();
    for (const drain of this.#drains) drain.finish(false);
    await this.#loop;
  }

  #start(): void {
    if (this.#loop !== undefined || this.#stopping.signal.aborted) return;
    this.#loop = this.#run();
  }

  async #run(): Promise<void> {
    try {
      await this.#sleep('linger', this.#limits.lingerMs);
      while (!this.#stopping.signal.aborted && (await this.#deliverNext()));
    } catch (error) {
      this.#tell((events) => events.failed?.(error, 0));
    } finally {
      this.#loop = undefined;
      // Somebody may have called since the loop saw that nobody had.
      if (this.#appended > 0 || this.#drains.size > 0) this.#start();
    }
  }

  /** Delivers one batch; false where nothing waits. */
  async #deliverNext(): Promise<boolean> {
    const drains = [...this.#drains];
    this.#appended = 0;
    const batch = await this.#insist(() => this.#options.queue.next(this.#peekLimits()));
    if (batch === undefined || batch.frames.length === 0) {
      if (!this.#stopping.signal.aborted) for (const drain of drains) drain.finish(true);
      return this.#drains.size > 0;
    }
    const full = this.#isFull(batch);
    if (!(await this.#settle(batch))) return true;
    await this.#insist(() => this.#options.queue.acknowledge(batch));
    this.#done = new Map();
    // What is appended while a request is under way would otherwise go out in requests of a few records each.
    if (!full) await this.#sleep('linger', this.#limits.lingerMs);
    return true;
  }

  #peekLimits(): { framesMax: number; bytesMax: number } {
    const { framesMax, bytesMax } = this.#limits;
    // What is settled already must not keep out the company that a single frame waits for.
    if (this.#done.size > 0) return { framesMax: framesMax + this.#done.size, bytesMax: bytesMax * 2 };
    return { framesMax, bytesMax: this.#bytesMax };
  }

  #isFull({ frames }: Batch): boolean {
    return frames.length >= this.#limits.framesMax || bytesOf(frames) * 2 >= this.#bytesMax;
  }

  /** Sends a batch until all of it was accepted or buried; false where it is to be taken from the queue again. */
  async #settle(batch: Batch): Promise<boolean> {
    const parts = new Parts(batch.frames, stillThere(this.#done, batch));
    for (let frames = parts.current; frames !== undefined; frames = parts.current) {
      if (this.#stopping.signal.aborted) return false;
      const answer = await this.#send(frames);
      this.#adapt(answer, bytesOf(frames));
      if (answer.kind === 'accepted') {
        this.#failures = 0;
        parts.accepted();
        const { length } = frames;
        this.#tell((events) => events.delivered?.(length));
      } else if (answer.kind === 'retry' || answer.kind === 'denied') {
        await this.#pauseAfter(answer);
        // Meanwhile there may be more to send along, and what is let go of takes no memory.
        if (parts.untouched) return false;
      } else if (!(await this.#giveWay(parts, frames, answer))) return false;
    }
    return true;
  }

  /** What follows where a request as it is will not be taken; false to begin again. */
  async #giveWay(parts: Parts, frames: readonly Frame[], answer: Answer): Promise<boolean> {
    const step = stepAfter(parts, answer);
    if (step.then === 'bury') {
      if (!(await this.#bury(frames, step.reason, answer))) return false;
      parts.settled();
    }
    if (step.then === 'pause' || step.then === 'begin-again') await this.#pauseAfter(answer);
    else this.#failures = 0;
    if (step.then !== 'begin-again') return true;
    this.#done = parts.done;
    return false;
  }

  async #send(frames: readonly Frame[]): Promise<Answer> {
    try {
      const body = this.#options.assemble(frames);
      const parts = body instanceof Uint8Array ? [body] : body;
      return await this.#options.client.send(parts, this.#stopping.signal);
    } catch (error) {
      return { kind: 'retry', code: 'UNKNOWN', message: printable(String(error)) };
    }
  }

  /**
   * Makes requests smaller where they may have been too large for the receiver, also where that shows only as a connection
   * that breaks (a server may close it before its 413 was read) or a time-out (a slow line), and larger again.
   */
  #adapt(answer: Answer, bytes: number): void {
    if (BROKEN.has(answer.code ?? '') || answer.kind === 'too-large') {
      const smaller = Math.min(this.#bytesMax, bytes / 2);
      this.#bytesMax = Math.min(this.#limits.bytesMax, Math.max(BYTES_STEP, Math.floor(smaller)));
    } else if (answer.kind === 'accepted') {
      this.#bytesMax = Math.min(this.#limits.bytesMax, this.#bytesMax + BYTES_STEP);
    }
  }

  /** Keeps frames in the dead letters; false where the sender was stopped before they were safe. */
  async #bury(frames: readonly Frame[], reason: Note['reason'], answer: Answer): Promise<boolean> {
    const { status, message } = answer;
    const note: Note = {
      at: this.#clock.now(),
      signal: this.#options.signal,
      reason,
      ...(status === undefined ? {} : { status }),
      ...(message === undefined ? {} : { message }),
    };
    const buried = await this.#insist(async () => {
      await this.#options.queue.bury(frames, note);
      return true;
    });
    if (buried !== true) return false;
    this.#tell((events) => events.buried?.(frames.length, note));
    return true;
  }

  /** Does something with the queue until it succeeds; `undefined` where the sender was stopped before. */
  async #insist<T>(act: () => Promise<T>): Promise<T | undefined> {
    for (let failures = 0; ; failures += 1) {
      try {
        return await act();
      } catch (error) {
        if (this.#stopping.signal.aborted) return undefined;
        const delayMs = this.#jitter(failures);
        this.#tell((events) => events.failed?.(error, delayMs));
        await this.#sleep('own', delayMs);
        if (this.#stopping.signal.aborted) return undefined;
      }
    }
  }

  async #pauseAfter(answer: Answer): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    const askedMs = answer.retryAfterMs ?? 0;
    if (answer.kind === 'denied') {
      const delayMs = Math.max(this.#limits.deniedPauseMs, askedMs);
      this.#tell((events) => events.denied?.(answer, delayMs));
      await this.#sleep('asked', delayMs);
      return;
    }
    const ownMs = this.#jitter(this.#failures);
    this.#failures += 1;
    const delayMs = Math.max(ownMs, askedMs);
    this.#tell((events) => events.retrying?.(answer, delayMs));
    await this.#sleep(askedMs > ownMs ? 'asked' : 'own', delayMs);
  }

  /** Full jitter: anything from nothing to the longest pause, so that many senders do not come back at once. */
  #jitter(failures: number): number {
    const { retryInitialMs, retryMaxMs } = this.#limits;
    return Math.floor(this.#random() * Math.min(retryMaxMs, retryInitialMs * 2 ** Math.min(failures, 30)));
  }

  /** Resolves after the time, or when the pause is ended. */
  async #sleep(kind: Pause['kind'], ms: number): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    await new Promise<void>((resolve) => {
      const timer = this.#clock.after(ms, resolve, false);
      const end = (): void => {
        timer.clear();
        resolve();
      };
      this.#pause = { kind, until: this.#clock.now() + ms, end };
      this.#hurry();
      if (kind === 'linger' && this.#appended >= this.#limits.framesMax) end();
    });
    this.#pause = undefined;
  }

  /** Where somebody waits for the queue to be empty: neither linger, nor wait longer than they do. */
  #hurry(): void {
    const pause = this.#pause;
    if (pause === undefined || this.#drains.size === 0) return;
    if (pause.kind === 'linger') {
      pause.end();
      return;
    }
    for (const drain of this.#drains) {
      if (pause.until >= drain.until) drain.finish(false);
    }
  }

  #tell(say: (events: SenderEvents) => void): void {
    try {
      if (this.#options.events !== undefined) say(this.#options.events);
    } catch {
      // Whoever listens must not stop delivery.
    }
  }
}

function stepAfter(parts: Parts, answer: Answer): Step {
  switch (answer.kind) {
    case 'too-large':
      return parts.tooLarge();
    case 'refused':
      return parts.refused();
    case 'server-error':
      return parts.serverError();
    default:
      // OTLP forbids to send a request again of which a part was accepted.
      return { then: 'bury', reason: 'partial-success' };
  }
}

/** What was settled of a batch that was taken again, provided that it is the same: a full spool may drop its oldest records. */
function stillThere(done: ReadonlyMap<number, Frame>, { frames }: Batch): ReadonlyMap<number, Frame> {
  for (const [place, { sequence, payload }] of done) {
    const frame = frames[place];
    if (frame?.sequence !== sequence || Buffer.compare(frame.payload, payload) !== 0) return new Map();
  }
  return done;
}

function bytesOf(frames: readonly Frame[]): number {
  return frames.reduce((sum, { payload }) => sum + payload.length, 0);
}
