import { join } from 'node:path';

import type { SpoolError } from '../errors.js';
import { Cursor } from './cursor.js';
import { DeadLetters } from './dead-letters.js';
import { errorCode } from './files.js';
import type { Files } from './files.js';
import { frameBytes, readU64, SEGMENT_HEADER_BYTES, segmentName, segmentNumber } from './format.js';
import type { Position } from './format.js';
import { FRAME_HEADER_BYTES, KIND } from './frame.js';
import type { Frame } from './frame.js';
import type { Ownership } from './owner.js';
import type { Damage } from './reader.js';
import { StreamQueue } from './stream-queue.js';
import type { StreamWriter } from './writer.js';

/** What a stream tells those who use it. */
export interface StreamEvents {
  /** Something of a stream cannot be read. Told at least once; must not throw. */
  readonly onDamage: (damage: Damage) => void;
  /** Something went wrong that costs duplicates or room, and no record. Must not throw. */
  readonly onError: (error: SpoolError) => void;
}

/** A file of a segment. */
export interface SegmentFile {
  readonly number: number;
  readonly path: string;
  readonly bytes: number;
  /** When it was written last, Unix milliseconds by the wall clock. */
  readonly changedMs: number;
}

/** What was given up: numbers of frames, and the sequence numbers between which they are missing, both excluded. */
export interface Dropped {
  readonly logs: number;
  readonly traces: number;
  readonly from: number;
  readonly to: number;
}

const BEGINNING: Position = { segment: 1, offset: SEGMENT_HEADER_BYTES, sequence: 0 };

/** The segments in a directory, in order. */
export function segmentFiles(directory: string, files: Files): SegmentFile[] {
  return files.list(directory).flatMap((name) => {
    const number = segmentNumber(name);
    const path = join(directory, name);
    const stat = number === undefined ? undefined : files.stat(path);
    return number === undefined || stat === undefined
      ? []
      : { number, path, bytes: stat.size, changedMs: stat.mtimeMs };
  });
}

/** A stream that this process delivers: its own, or one that it has adopted. */
export class Stream {
  /** A UUID. */
  readonly id: string;
  readonly directory: string;
  readonly logs: StreamQueue;
  readonly traces: StreamQueue;
  readonly #files: Files;
  readonly #writer: StreamWriter | undefined;
  readonly #ownership: Ownership | undefined;
  readonly #deadLetters: DeadLetters;
  /** Segments with damage that could not be linked into `damaged/`. */
  readonly #unlinked = new Set<number>();

  /** @param owner the writer of the stream, or that it was adopted. */
  constructor(id: string, directory: string, owner: StreamWriter | Ownership, files: Files, events: StreamEvents) {
    this.id = id;
    this.directory = directory;
    this.#files = files;
    this.#writer = 'append' in owner ? owner : undefined;
    this.#ownership = 'append' in owner ? undefined : owner;
    this.#deadLetters = new DeadLetters(directory, id, files);
    this.logs = this.#queue('logs', KIND.logRecord, events, events.onDamage);
    // Both queues read all frames and find the same damage: one of them tells.
    this.traces = this.#queue('traces', KIND.span, events, () => {});
  }

  #queue(
    signal: 'logs' | 'traces',
    kind: Frame['kind'],
    events: StreamEvents,
    tell: (damage: Damage) => void,
  ): StreamQueue {
    const writer = this.#writer;
    return new StreamQueue({
      directory: this.directory,
      streamId: this.id,
      files: this.#files,
      kind,
      end: writer === undefined ? undefined : () => writer.end,
      cursor: new Cursor(join(this.directory, `${signal}.cursor`), this.#files),
      deadLetters: this.#deadLetters,
      onDamage: (damage) => {
        this.#setAside(damage);
        tell(damage);
      },
      onError: events.onError,
    });
  }

  /** A second name, at once: that a segment is damaged must not be forgotten when the cursors have passed it. */
  #setAside(damage: Damage): void {
    if (damage.what !== 'corrupt' && damage.what !== 'missing') return;
    const path = join(this.directory, segmentName(damage.segment));
    if (this.#files.stat(path) === undefined || !this.#keep(path, damage.segment)) this.#unlinked.add(damage.segment);
  }

  #keep(path: string, number: number): boolean {
    const directory = join(this.directory, 'damaged');
    try {
      this.#files.makeDirectories(directory);
    } catch (error) {
      if (errorCode(error) === '') throw error;
      return false;
    }
    return this.#files.link(path, join(directory, segmentName(number)));
  }

  /** Whether the stream is this process's own, and its segments may be deleted. Looks. */
  held(): boolean {
    return this.#ownership?.renew() ?? this.#writer?.held ?? false;
  }

  /** Whether everything in it was acknowledged and nothing is added to it. */
  get drained(): boolean {
    return this.#writer === undefined && this.logs.drained && this.traces.drained;
  }

  /** The segments that the cursors have passed on stable storage. Throws a `SpoolError` where the cursors cannot be made stable. */
  async passed(): Promise<SegmentFile[]> {
    const { drained } = this;
    await this.logs.sync();
    await this.traces.sync();
    const cursors = Math.min(this.logs.stable?.segment ?? 1, this.traces.stable?.segment ?? 1);
    // Delivery may be faster than a commit, which would not find the segment.
    const before = Math.min(cursors, this.#writer?.oldestOpen ?? cursors);
    return segmentFiles(this.directory, this.#files).filter(({ number }) => drained || number < before);
  }

  /** Deletes a segment that was passed; a damaged one stays in `damaged/`. False where it cannot be deleted. */
  async remove({ number, path }: SegmentFile): Promise<boolean> {
    // Else power loss could leave earlier ones without the one that the cursors stand in, as if that had been lost.
    if (this.drained && segmentFiles(this.directory, this.#files).length === 1) {
      await this.#files.syncDirectory(this.directory);
    }
    if (!this.#unlinked.has(number)) return this.#files.remove(path);
    try {
      this.#files.rename(path, join(this.directory, 'damaged', segmentName(number)));
      return true;
    } catch (error) {
      if (errorCode(error) === '') throw error;
      return false;
    }
  }

  /**
   * Deletes the oldest segment with frames that wait, unless it is being written; `undefined` where there is none. Throws a
   * `SpoolError` where the cursors cannot be moved.
   */
  dropOldest(): Dropped | undefined {
    const [logs, traces] = [this.logs.position ?? BEGINNING, this.traces.position ?? BEGINNING];
    const segments = segmentFiles(this.directory, this.#files);
    const oldest = segments.find(({ number }) => number >= Math.min(logs.segment, traces.segment));
    if (oldest === undefined || oldest.number >= (this.#writer?.end.segment ?? Infinity)) return undefined;
    const dropped = this.#count(oldest, logs, traces);
    const next = { segment: oldest.number + 1, offset: SEGMENT_HEADER_BYTES, sequence: dropped.to - 1 };
    if (logs.segment <= oldest.number) this.logs.skip(next);
    if (traces.segment <= oldest.number) this.traces.skip(next);
    this.#files.remove(oldest.path);
    return dropped;
  }

  /** Counts the frames of a segment behind the cursors. */
  #count({ path, number, bytes }: SegmentFile, logs: Position, traces: Position): Dropped {
    const segment = Buffer.allocUnsafe(bytes);
    const fd = this.#files.open(path, 'r');
    try {
      this.#files.readSync(fd, segment, 0);
    } finally {
      this.#files.close(fd);
    }
    const waits = (at: number, { segment: passed, offset }: Position): boolean =>
      passed < number || (passed === number && at >= offset);
    const dropped = { logs: 0, traces: 0, from: logs.sequence, to: logs.sequence + 1 };
    for (let at = SEGMENT_HEADER_BYTES; at + FRAME_HEADER_BYTES <= bytes; at += frameBytes(segment, at)) {
      if (frameBytes(segment, at) === 0) break;
      dropped.to = Math.max(dropped.to, readU64(segment, at + 16) + 1);
      if (segment[at + 8] === KIND.logRecord && waits(at, logs)) dropped.logs += 1;
      if (segment[at + 8] === KIND.span && waits(at, traces)) dropped.traces += 1;
    }
    return dropped;
  }

  /** Removes what a drained stream without segments still has. Damaged segments and dead letters stay. */
  async dissolve(): Promise<void> {
    this.#close();
    // Else power loss could bring the segments back without their cursors.
    await this.#files.syncDirectory(this.directory);
    for (const name of this.#files.list(this.directory)) {
      if (/^\.|\.cursor$|^owner\../.test(name)) this.#files.remove(join(this.directory, name));
    }
    this.#ownership?.release();
    this.#files.removeDirectory(this.directory);
  }

  #close(): void {
    this.logs.close();
    this.traces.close();
    this.#deadLetters.close();
  }

  /** Leaves an adopted stream to others; of this process's own, `close` of the writer does that. */
  release(): void {
    this.#close();
    this.#ownership?.release();
  }
}
