import { SpoolError } from '../errors.js';
import type { Batch, DeliveryQueue, Note } from '../send/queue.js';
import type { Cursor } from './cursor.js';
import type { DeadLetters } from './dead-letters.js';
import type { Position } from './format.js';
import type { Frame } from './frame.js';
import { StreamReader } from './reader.js';
import type { Damage, StreamReaderOptions } from './reader.js';
import type { StoredFrame } from './stored-frame.js';

/** Bytes that an origin adds to a request beyond its own, at most: tags and lengths. */
const ORIGIN_OVERHEAD_BYTES = 24;

/** What a queue is made of. */
export interface StreamQueueOptions extends Omit<StreamReaderOptions, 'from'> {
  readonly cursor: Cursor;
  readonly deadLetters: DeadLetters;
  /** Told of what cannot be read, at least once. Must not throw. */
  readonly onDamage: (damage: Damage) => void;
  /** Told of a cursor that could not be moved: what is acknowledged is sent again after a restart. Must not throw. */
  readonly onError: (error: SpoolError) => void;
}

/** What waits for delivery, of one stream and one signal; the disk is the queue, and memory holds one batch. */
export class StreamQueue implements DeliveryQueue {
  #reader: StreamReader;
  readonly #options: StreamQueueOptions;
  /** Read and not acknowledged, in order, from `#head` on. */
  #waiting: StoredFrame[] = [];
  #head = 0;
  /** Acknowledged before one in front of them was. */
  readonly #acknowledged = new Set<Frame>();
  #reading: Promise<boolean> | undefined;
  #atEnd = false;

  constructor(options: StreamQueueOptions) {
    this.#options = options;
    this.#reader = new StreamReader({ ...options, from: options.cursor.position });
  }

  /** Whether everything that was there at the last look has been acknowledged. */
  get drained(): boolean {
    return this.#atEnd && this.#head === this.#waiting.length && !this.#reader.ended;
  }

  /** When the oldest frame that was read and is not acknowledged was appended, Unix milliseconds. */
  get oldestMs(): number | undefined {
    return this.#waiting[this.#head]?.timeMs;
  }

  /** How far a power cut leaves it: what is before may be deleted. */
  get stable(): Position | undefined {
    return this.#options.cursor.stable;
  }

  async next(limits: { readonly framesMax: number; readonly bytesMax: number }): Promise<Batch | undefined> {
    for (;;) {
      const { frames, full } = this.#front(limits.framesMax, limits.bytesMax);
      if (full || !(await this.#readOn())) {
        if (frames.length > 0) return { frames };
        if (this.#head === this.#waiting.length) this.#moveCursor();
        return undefined;
      }
    }
  }

  /** What fits of the frames that were read; `full` where another would not. */
  #front(framesMax: number, bytesMax: number): { readonly frames: Frame[]; readonly full: boolean } {
    const frames: Frame[] = [];
    let bytes = 0;
    let last: Frame | undefined;
    for (let index = this.#head; index < this.#waiting.length; index += 1) {
      const frame = this.#waiting[index]!;
      if (this.#acknowledged.has(frame)) continue;
      if (frames.length >= framesMax) return { frames, full: true };
      bytes += frame.payload.length;
      const { origin } = frame;
      if (origin !== last?.origin) bytes += origin.resource.length + origin.scope.length + ORIGIN_OVERHEAD_BYTES;
      if (frames.length > 0 && bytes > bytesMax) return { frames, full: true };
      frames.push(frame);
      last = frame;
    }
    return { frames, full: frames.length >= framesMax || bytes >= bytesMax };
  }

  /** Reads a piece more; false where there is none. Two who ask at a time get the same piece. */
  #readOn(): Promise<boolean> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #read(): Promise<boolean> {
    const reader = this.#reader;
    const reading = await reader.read();
    // What was skipped meanwhile is no longer wanted.
    if (reader !== this.#reader) return true;
    this.#atEnd = reading === undefined;
    for (const damage of reading?.damage ?? []) this.#options.onDamage(damage);
    for (const frame of reading?.frames ?? []) this.#waiting.push(frame);
    return reading !== undefined;
  }

  // oxlint-disable-next-line require-await -- the interface is for queues that wait, and an error is a rejection.
  async acknowledge(batch: Batch): Promise<void> {
    const batched = new Set(batch.frames);
    // Only those that wait: another acknowledgement of the same frames changes nothing.
    for (const frame of this.#waiting.slice(this.#head)) if (batched.has(frame)) this.#acknowledged.add(frame);
    let last: StoredFrame | undefined;
    for (; this.#head < this.#waiting.length; this.#head += 1) {
      const frame = this.#waiting[this.#head]!;
      if (!this.#acknowledged.delete(frame)) break;
      if (last !== undefined && last.payload.buffer !== frame.payload.buffer) this.#reader.recycle(last.payload.buffer);
      last = frame;
    }
    if (last === undefined) return;
    if (this.#waiting[this.#head]?.payload.buffer !== last.payload.buffer) this.#reader.recycle(last.payload.buffer);
    this.#moveCursor(last);
    // Acknowledged frames would keep the buffers that they are views of.
    this.#waiting = this.#waiting.slice(this.#head);
    this.#head = 0;
  }

  /** To behind a frame, or, where none waits, behind all that was read: frames of the other kind do not hold it back. */
  #moveCursor(last?: StoredFrame): void {
    const { cursor } = this.#options;
    const empty = this.#head === this.#waiting.length;
    const to = last === undefined || empty ? this.#reader.position : behind(last);
    const from = cursor.position;
    if (to === from || (from === undefined && last === undefined && to.segment === 1 && to.offset === 64)) return;
    if (from !== undefined && to.segment === from.segment && to.offset === from.offset) return;
    try {
      cursor.move(to);
    } catch (error) {
      if (!(error instanceof SpoolError)) throw error;
      this.#options.onError(error);
    }
  }

  /** Where delivery has come to. */
  get position(): Position | undefined {
    return this.#options.cursor.position;
  }

  /** Gives up what is before a position. */
  skip(to: Position): void {
    const skipped = this.#reader;
    this.#reader = new StreamReader({ ...this.#options, from: to });
    // A read under way must not find its descriptor closed, or another file behind it.
    if (this.#reading === undefined) skipped.close();
    else void this.#reading.finally(() => skipped.close());
    this.#waiting = [];
    this.#head = 0;
    this.#atEnd = false;
    this.#acknowledged.clear();
    this.#options.cursor.move(to);
  }

  /** See `Cursor.reserve`. */
  reserve(): void {
    this.#options.cursor.reserve();
  }

  bury(frames: readonly Frame[], note: Note): Promise<void> {
    return this.#options.deadLetters.add(frames, note);
  }

  /** Puts the cursor on stable storage. Throws a `SpoolError` of code `IO` or `NO_SPACE`. */
  sync(): Promise<void> {
    return this.#options.cursor.sync();
  }

  /** Closes what is open; frames that were handed out stay as they are, and may not be acknowledged any more. */
  close(): void {
    this.#reader.close();
    this.#options.cursor.close();
    this.#waiting = [];
    this.#head = 0;
    this.#acknowledged.clear();
  }
}

function behind(frame: StoredFrame): Position {
  return { segment: frame.segment, offset: frame.end, sequence: frame.sequence };
}
