import { join } from 'node:path';

import { Cursor } from './cursor.js';
import { errorCode, Files, spoolError } from './files.js';
import { FRAME_HEADER_BYTES } from './frame.js';
import { isStreamId, readU64 } from './format.js';
import type { Position } from './format.js';
import { GONE_AFTER_MS, isOwned, Ownership } from './owner.js';
import type { Processes } from './owner.js';
import { segmentFiles, Stream } from './stream.js';
import type { SegmentFile, StreamEvents } from './stream.js';
import type { StreamWriter } from './writer.js';

/** How long acknowledged segments are kept, in milliseconds, unless an option says otherwise: a day. */
const RETENTION_MS: number = 24 * 60 * 60 * 1_000;
/** How many bytes of acknowledged segments are kept, unless an option says otherwise. */
const RETAINED_BYTES_MAX: number = 1024 * 1024 * 1024;

/** Options of a spool. */
export interface StreamsOptions extends StreamEvents {
  readonly files?: Files;
  readonly processes?: Processes;
  /** Unix milliseconds. */
  readonly now?: () => number;
}

/** A stream as it is found on disk. */
export interface StreamInfo {
  /** A UUID. */
  readonly id: string;
  readonly directory: string;
  /**
   * `owned`: a process that is alive writes or delivers it, or it is another user's and cannot be read. `free`: it may be adopted. `kept`: nothing but dead letters and damaged
   * segments is left of it, or it is just being made.
   */
  readonly state: 'owned' | 'free' | 'kept';
}

/** What is on disk. */
export interface Totals {
  readonly streams: number;
  /** Bytes of all segments, those in `dead-letters` and `damaged` not counted. */
  readonly segmentBytes: number;
  /** Of these, bytes that wait for an acknowledgement of logs or traces. */
  readonly waitingBytes: number;
  readonly deadLetterBytes: number;
  readonly damagedBytes: number;
  /** When the oldest of what waits was appended, Unix milliseconds. */
  readonly oldestWaitingMs: number | undefined;
}

/** What may be kept of acknowledged segments. */
export interface Retention {
  /** Milliseconds since the last change, a day by default. */
  readonly retentionMs?: number;
  /** Bytes in all streams of this process, 1 GiB by default; the oldest go first. */
  readonly retainedBytesMax?: number;
}

/** The streams in a directory, and those of them that this process delivers. */
export class Streams {
  readonly directory: string;
  readonly #files: Files;
  readonly #options: StreamsOptions;
  readonly #now: () => number;
  readonly #streams = new Map<string, Stream>();

  constructor(directory: string, options: StreamsOptions) {
    this.directory = directory;
    this.#files = options.files ?? new Files();
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /** The streams that this process delivers. */
  get streams(): Stream[] {
    return [...this.#streams.values()];
  }

  /** All streams on disk. Throws a `SpoolError` of code `IO`. */
  list(): StreamInfo[] {
    return this.#guarded(() =>
      this.#ids().map((id) => {
        const directory = join(this.directory, id);
        return { id, directory, state: this.#state(directory) };
      }),
    );
  }

  #ids(): string[] {
    return this.#files.list(this.directory).filter(isStreamId);
  }

  #state(directory: string): StreamInfo['state'] {
    return this.#unlessDenied('owned', () => this.#readableState(directory));
  }

  #readableState(directory: string): StreamInfo['state'] {
    if (isOwned(directory, this.#ownershipOptions())) return 'owned';
    // One with a temporary file at most is just being made.
    const rest = this.#files.list(directory).filter((name) => !/^(dead-letters|damaged|\..*)$/.test(name));
    return rest.length === 0 ? 'kept' : 'free';
  }

  /** Delivers what a writer in this process appends. */
  attach(writer: StreamWriter): Stream {
    const stream = new Stream(writer.streamId, writer.directory, writer, this.#files, this.#options);
    this.#streams.set(stream.id, stream);
    return stream;
  }

  /**
   * Takes over a stream that nobody owns; `undefined` where somebody does, or another was faster.
   *
   * @throws SpoolError of code `IO` or `NO_SPACE`.
   */
  adopt(id: string): Stream | undefined {
    const directory = join(this.directory, id);
    if (!isStreamId(id) || this.#streams.has(id)) return undefined;
    return this.#guarded(() => {
      const ownership = Ownership.acquire(directory, this.#ownershipOptions());
      if (ownership === undefined) return undefined;
      try {
        const stream = new Stream(id, directory, ownership, this.#files, this.#options);
        this.#streams.set(id, stream);
        return stream;
      } catch (error) {
        ownership.release();
        throw error;
      }
    });
  }

  /** Stops the delivery of a stream, and leaves it to others. */
  release(stream: Stream): void {
    stream.release();
    this.#streams.delete(stream.id);
  }

  /**
   * Deletes what was acknowledged and need not be kept any longer, of the streams that this process delivers: segments that both
   * cursors have passed, and adopted streams with nothing left in them. Streams that are gone are no longer among `streams`.
   *
   * @returns the bytes that were deleted.
   * @throws SpoolError of code `IO` or `NO_SPACE` where a cursor cannot be put on stable storage.
   */
  async clean(retention: Retention = {}): Promise<number> {
    const { retentionMs = RETENTION_MS, retainedBytesMax = RETAINED_BYTES_MAX } = retention;
    const passed: { readonly stream: Stream; readonly file: SegmentFile }[] = [];
    for (const stream of this.streams) {
      if (stream.held()) for (const file of await stream.passed()) passed.push({ stream, file });
    }
    // Stable: segments of one stream stay in order where they were changed at the same time.
    passed.sort((a, b) => a.file.changedMs - b.file.changedMs);
    let retained = passed.reduce((sum, { file }) => sum + file.bytes, 0);
    let deleted = 0;
    for (const { stream, file } of passed) {
      const old = this.#now() - file.changedMs > retentionMs;
      if (!old && retained <= retainedBytesMax) continue;
      retained -= file.bytes;
      if (await this.#removed(stream, file)) deleted += file.bytes;
    }
    await this.#dissolveEmpty();
    this.#removeAbandoned();
    return deleted;
  }

  /** Directories of processes that went down while they made them. */
  #removeAbandoned(): void {
    for (const { directory, state } of this.list()) {
      const changedMs = this.#files.stat(directory)?.mtimeMs ?? Infinity;
      if (state !== 'kept' || this.#now() - changedMs < GONE_AFTER_MS) continue;
      for (const name of this.#files.list(directory))
        if (name.startsWith('.')) this.#files.remove(join(directory, name));
      this.#files.removeDirectory(directory);
    }
  }

  async #removed(stream: Stream, file: SegmentFile): Promise<boolean> {
    try {
      return await stream.remove(file);
    } catch (error) {
      this.#options.onError(spoolError(error, `cannot remove ${file.path}`));
      return false;
    }
  }

  async #dissolveEmpty(): Promise<void> {
    for (const stream of this.streams) {
      if (!stream.drained || segmentFiles(stream.directory, this.#files).length > 0 || !stream.held()) continue;
      this.#streams.delete(stream.id);
      try {
        await stream.dissolve();
      } catch (error) {
        this.#options.onError(spoolError(error, `cannot remove ${stream.directory}`));
      }
    }
  }

  /** Adds up what is on disk. Reads directories and a few bytes of each stream. Throws a `SpoolError` of code `IO`. */
  totals(): Totals {
    return this.#guarded(() => {
      const sum = { streams: 0, segmentBytes: 0, waitingBytes: 0, deadLetterBytes: 0, damagedBytes: 0 };
      let oldestWaitingMs: number | undefined;
      for (const id of this.#ids()) {
        const directory = join(this.directory, id);
        if (this.#unlessDenied(undefined, () => this.#files.list(directory)) === undefined) continue;
        const segments = segmentFiles(directory, this.#files);
        const waiting = this.#waiting(directory, segments);
        sum.streams += 1;
        sum.segmentBytes += bytesOf(segments);
        sum.waitingBytes += waiting.bytes;
        sum.deadLetterBytes += bytesOf(segmentFiles(join(directory, 'dead-letters'), this.#files));
        sum.damagedBytes += bytesOf(segmentFiles(join(directory, 'damaged'), this.#files));
        if (waiting.oldestMs !== undefined) oldestWaitingMs = Math.min(oldestWaitingMs ?? Infinity, waiting.oldestMs);
      }
      return { ...sum, oldestWaitingMs };
    });
  }

  /** What is behind the cursor of a stream that is behind the other. */
  #waiting(
    directory: string,
    segments: readonly SegmentFile[],
  ): { readonly bytes: number; readonly oldestMs?: number } {
    const from = earlier(this.#position(directory, 'logs'), this.#position(directory, 'traces'));
    let bytes = 0;
    let oldestMs: number | undefined;
    for (const segment of segments) {
      if (segment.number < from.segment) continue;
      const offset = segment.number === from.segment ? from.offset : 64;
      bytes += Math.max(segment.bytes - offset, 0);
      oldestMs ??= segment.bytes >= offset + FRAME_HEADER_BYTES ? this.#timeAt(segment.path, offset) : undefined;
    }
    return oldestMs === undefined ? { bytes } : { bytes, oldestMs };
  }

  #position(directory: string, signal: 'logs' | 'traces'): Position {
    const { position } = new Cursor(join(directory, `${signal}.cursor`), this.#files);
    return position ?? { segment: 1, offset: 64, sequence: 0 };
  }

  #timeAt(path: string, offset: number): number | undefined {
    const fd = this.#files.open(path, 'r');
    try {
      const header = Buffer.alloc(FRAME_HEADER_BYTES);
      const count = this.#files.readSync(fd, header, offset);
      const timeMs = readU64(header, 24);
      return count === FRAME_HEADER_BYTES && timeMs > 0 ? timeMs : undefined;
    } finally {
      this.#files.close(fd);
    }
  }

  #ownershipOptions(): { readonly files: Files; readonly now: () => number; readonly processes?: Processes } {
    const { processes } = this.#options;
    const options = { files: this.#files, now: this.#now };
    return processes === undefined ? options : { ...options, processes };
  }

  /** Who runs a command as another user may leave a stream of that user; it must not hide all the others. */
  #unlessDenied<T>(otherwise: T, read: () => T): T {
    try {
      return read();
    } catch (error) {
      if (errorCode(error) !== 'EACCES' && errorCode(error) !== 'EPERM') throw error;
      return otherwise;
    }
  }

  #guarded<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw spoolError(error, `cannot read ${this.directory}`);
    }
  }
}

function bytesOf(segments: readonly SegmentFile[]): number {
  return segments.reduce((sum, { bytes }) => sum + bytes, 0);
}

function earlier(a: Position, b: Position): Position {
  return a.segment < b.segment || (a.segment === b.segment && a.offset <= b.offset) ? a : b;
}
