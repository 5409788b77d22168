import { randomUUID } from 'node:crypto';
import { join } from 'node:path';

import { SpoolError } from '../errors.js';
import { Files, errorCode, spoolError } from './files.js';
import {
  encodeSegmentHeader,
  frameSeed,
  originFrame,
  ORIGINS_MAX,
  sealFrame,
  SEGMENT_BYTES_MAX,
  SEGMENT_HEADER_BYTES,
  segmentName,
  SEGMENTS_MAX,
} from './format.js';
import { FRAME_HEADER_BYTES, KIND, PAYLOAD_BYTES_MAX } from './frame.js';
import type { Frame, Origin } from './frame.js';
import { Ownership } from './owner.js';
import type { Processes } from './owner.js';

/** How long a record waits for stable storage where nobody asks for it, in milliseconds, unless an option says otherwise. */
const COMMIT_INTERVAL_MS = 1_000;
/** Streams that are tried where another process cleans away what is just being made. */
const ATTEMPTS_MAX = 3;

/** A commit that has ended. */
export interface Commit {
  /** Milliseconds that it took. */
  readonly durationMs: number;
  /** Records that it put on stable storage. */
  readonly records: number;
  /** Why it failed; the records of the failed segment may or may not outlive a power cut. */
  readonly error?: SpoolError;
}

/** Runs something once after a while; a test has its own. Returns what calls it off. */
export type Schedule = (work: () => void, delayMs: number) => () => void;

/** Options of a writer; the defaults are those of `docs/spec/spool.md`. */
export interface StreamWriterOptions {
  readonly files?: Files;
  /** Bytes of a segment, 16 MiB at most and by default. */
  readonly segmentBytes?: number;
  /** Milliseconds after which what was appended is committed without being asked, 1,000 by default. */
  readonly commitIntervalMs?: number;
  /** Unix milliseconds. */
  readonly now?: () => number;
  readonly schedule?: Schedule;
  readonly processes?: Processes;
  /** A UUID that no stream has; a random one by default. */
  readonly streamId?: string;
  /** Told of every commit, whoever asked for it. Must not throw. */
  readonly onCommit?: (commit: Commit) => void;
}

/** How far a stream is written. */
export interface StreamEnd {
  /** Number of the segment, 0 before the first one. */
  readonly segment: number;
  /** Bytes of it that are whole frames. */
  readonly offset: number;
}

/** A segment that has a descriptor open. */
class OpenSegment {
  readonly origins = new Map<Origin, number>();
  /** Bytes of whole frames, which is where the next one goes. */
  position = SEGMENT_HEADER_BYTES;
  /** Records appended to it. */
  appended = 0;
  /** The first so many of them are settled: on stable storage, or told of as lost to it. */
  settled = 0;
  /** No more is appended to it. */
  retired = false;
  /** A sync has failed: no descriptor of it is believed again. */
  failed: SpoolError | undefined = undefined;
  /** A sync is under way in the thread pool. */
  busy = false;
  /** Whether bytes were appended since a sync began that succeeded. */
  dirty = true;
  readonly number: number;
  readonly seed: number;
  readonly fd: number;
  /**
   * Synced by `commitSync` alone. The kernel tells of a failed write-back once per open file: were there one for both, an error told
   * to a sync in the thread pool would be kept from `commitSync`, which cannot wait to hear of it.
   */
  readonly syncFd: number;

  constructor(number: number, seed: number, fd: number, syncFd: number) {
    this.number = number;
    this.seed = seed;
    this.fd = fd;
    this.syncFd = syncFd;
  }
}

const scheduleByTimer: Schedule = (work, delayMs) => {
  const timer = setTimeout(work, delayMs).unref();
  return () => clearTimeout(timer);
};

/**
 * Appends to a stream of its own, which it makes at the first record.
 *
 * `append` hands a record to the operating system: it outlives the process. `commit` puts it on stable storage: it outlives the
 * machine. Not for use by several threads: each makes its own.
 */
export class StreamWriter {
  /** A UUID: the name of the stream, and of its directory. */
  readonly streamId: string;
  readonly directory: string;
  readonly #spoolDirectory: string;
  readonly #files: Files;
  readonly #segmentBytes: number;
  readonly #intervalMs: number;
  readonly #now: () => number;
  readonly #schedule: Schedule;
  readonly #processes: Processes | undefined;
  readonly #onCommit: ((commit: Commit) => void) | undefined;
  readonly #intervalCommit: () => void;
  #ownership: Ownership | undefined;
  /** The one that is appended to. */
  #segment: OpenSegment | undefined;
  /** Those with a descriptor, in order, the current one last. */
  #open: OpenSegment[] = [];
  #lastNumber = 0;
  #lastSequence = 0;
  /** Where the last frame ends, once its segment is not appended to any more. */
  #lastOffset = 0;
  /** Directories with entries that are not stable yet, with a number that every new entry changes. */
  readonly #changedDirectories = new Map<string, number>();
  #changes = 0;
  #appended = 0;
  #pending = 0;
  #bytes = 0;
  #commit: Promise<void> | undefined;
  /** `#appended` when that commit began. */
  #commitCovers = 0;
  #nextCommit: Promise<void> | undefined;
  /** Segments whose sync has failed so far, and why the last one did. */
  #failures = 0;
  #lastFailure: SpoolError | undefined;
  #stopTimer: (() => void) | undefined;
  #closed = false;

  /**
   * @param spoolDirectory is made where it is not there. Throws a `SpoolError` of code `IO` or `NO_SPACE` where no stream can be made
   *   in it.
   */
  constructor(spoolDirectory: string, options: StreamWriterOptions = {}) {
    this.streamId = options.streamId ?? randomUUID();
    this.directory = join(spoolDirectory, this.streamId);
    this.#spoolDirectory = spoolDirectory;
    this.#files = options.files ?? new Files();
    this.#segmentBytes = Math.min(options.segmentBytes ?? SEGMENT_BYTES_MAX, SEGMENT_BYTES_MAX);
    this.#intervalMs = options.commitIntervalMs ?? COMMIT_INTERVAL_MS;
    this.#now = options.now ?? Date.now;
    this.#schedule = options.schedule ?? scheduleByTimer;
    this.#processes = options.processes;
    this.#onCommit = options.onCommit;
    this.#intervalCommit = () => {
      this.#stopTimer = undefined;
      // Who waits for a record hears of the error by its own commit; all others by `onCommit`.
      this.commit().catch(() => {});
    };
    this.#checkDirectory();
  }

  /** The number that the next log record has to have. */
  get nextSequence(): number {
    return this.#lastSequence + 1;
  }

  /** Records appended of which it is not known yet whether they are on stable storage. */
  get pending(): number {
    return this.#pending;
  }

  /** Whether the stream is this process's own: false before the first record, after `close`, and where another has taken it over. */
  get held(): boolean {
    return this.#ownership?.held === true;
  }

  /** Bytes of the stream's segments that this writer has filled. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Number of the oldest segment that a commit has still to look at, and that must not be deleted before. */
  get oldestOpen(): number {
    return this.#open[0]?.number ?? Number.POSITIVE_INFINITY;
  }

  /** How far a reader in this process may read. */
  get end(): StreamEnd {
    return { segment: this.#segment?.number ?? this.#lastNumber, offset: this.#segment?.position ?? this.#lastOffset };
  }

  /**
   * Hands a record to the operating system.
   *
   * @param frame 64 bytes, which are overwritten, and the payload; of a log record, numbered `nextSequence`.
   * @param leafHash 32 bytes.
   * @throws SpoolError of code `NO_SPACE`, `IO`, `TOO_LARGE` or `CLOSED` (also where another process has taken over the stream after
   *   this one was stopped for a minute: a new writer goes on). Nothing of the record is in the stream then, and the number is free.
   */
  append(kind: Frame['kind'], origin: Origin, frame: Buffer, leafHash?: Uint8Array): void {
    if (this.#closed) throw new SpoolError('CLOSED', 'the stream is closed');
    const payloadBytes = frame.length - FRAME_HEADER_BYTES;
    if (payloadBytes < 1 || payloadBytes > PAYLOAD_BYTES_MAX) throw tooLarge('a record', payloadBytes);
    const now = this.#now();
    if (this.#ownership !== undefined && !this.#ownership.heldAt(now)) throw this.#takenOver();
    const sequence = kind === KIND.logRecord ? this.#lastSequence + 1 : this.#lastSequence;
    let segment = this.#segmentFor(origin, frame.length, now);
    try {
      this.#put(segment, kind, segment.origins.get(origin)!, sequence, now, frame, leafHash);
    } catch (error) {
      this.#giveUp(segment, error);
      // The place may be bad rather than the disk: another segment is tried before the record is refused.
      segment = this.#segmentFor(origin, frame.length, now);
      try {
        this.#put(segment, kind, segment.origins.get(origin)!, sequence, now, frame, leafHash);
      } catch (secondError) {
        this.#files.truncate(segment.fd, segment.position);
        this.#retire(segment);
        throw spoolError(secondError, `cannot write to ${this.directory}`);
      }
    }
    this.#lastSequence = sequence;
    segment.appended += 1;
    this.#pending += 1;
    this.#appended += 1;
    if (this.#stopTimer === undefined) this.#stopTimer = this.#schedule(this.#intervalCommit, this.#intervalMs);
  }

  #put(
    segment: OpenSegment,
    kind: Frame['kind'] | typeof KIND.origin,
    originIndex: number,
    sequence: number,
    now: number,
    frame: Buffer,
    leafHash: Uint8Array | undefined,
  ): void {
    sealFrame(frame, segment.seed, kind, originIndex, sequence, now, leafHash);
    this.#files.write(segment.fd, frame, segment.position);
    segment.position += frame.length;
    segment.dirty = true;
    this.#bytes += frame.length;
  }

  /** After a failed write: on a full disk the segment goes on once there is room, else it is retired. Throws where all ends here. */
  #giveUp(segment: OpenSegment, error: unknown): void {
    const failure = spoolError(error, `cannot write to ${this.directory}`);
    // What was written in part is cut off; where that fails, the next frame is written over it.
    const cut = this.#files.truncate(segment.fd, segment.position);
    segment.dirty = true;
    if (failure.code === 'NO_SPACE') {
      if (!cut) this.#retire(segment);
      throw failure;
    }
    this.#retire(segment);
  }

  /** The segment for a frame, with its origin in it. */
  #segmentFor(origin: Origin, frameBytes: number, now: number): OpenSegment {
    let segment = this.#segment;
    if (segment !== undefined && segment.origins.has(origin) && this.#fits(segment, frameBytes)) return segment;
    const bytes = originFrame(origin);
    if (bytes.length - FRAME_HEADER_BYTES > PAYLOAD_BYTES_MAX) throw tooLarge('an origin', bytes.length);
    if (segment === undefined || !this.#hasRoom(segment, origin, bytes.length + frameBytes)) {
      segment = this.#begin(now);
    }
    if (segment.origins.has(origin)) return segment;
    const index = segment.origins.size;
    try {
      this.#put(segment, KIND.origin, index, this.#lastSequence, now, bytes, undefined);
    } catch (error) {
      this.#giveUp(segment, error);
      segment = this.#begin(now);
      return this.#firstOrigin(segment, origin, bytes, now);
    }
    segment.origins.set(origin, index);
    return segment;
  }

  #firstOrigin(segment: OpenSegment, origin: Origin, bytes: Buffer, now: number): OpenSegment {
    try {
      this.#put(segment, KIND.origin, 0, this.#lastSequence, now, bytes, undefined);
    } catch (error) {
      this.#retire(segment);
      throw spoolError(error, `cannot write to ${this.directory}`);
    }
    segment.origins.set(origin, 0);
    return segment;
  }

  #hasRoom(segment: OpenSegment, origin: Origin, bytes: number): boolean {
    return this.#fits(segment, bytes) && (segment.origins.has(origin) || segment.origins.size < ORIGINS_MAX);
  }

  /** One frame fits in an empty segment whatever the segment's size, which tests make small. */
  #fits(segment: OpenSegment, bytes: number): boolean {
    return segment.position + bytes <= this.#segmentBytes || segment.position === SEGMENT_HEADER_BYTES;
  }

  #begin(now: number): OpenSegment {
    if (this.#segment !== undefined) this.#retire(this.#segment);
    if (this.#lastNumber >= SEGMENTS_MAX) throw new SpoolError('IO', 'the stream has as many segments as it may have');
    this.#makeStream();
    try {
      return this.#create(this.#lastNumber + 1, now);
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw spoolError(error, `cannot make a segment in ${this.directory}`);
    }
    // Somebody has removed the directory under us; what was in it is gone, what comes is kept.
    this.#ownership?.release();
    this.#ownership = undefined;
    this.#makeStream();
    try {
      return this.#create(this.#lastNumber + 1, now);
    } catch (error) {
      throw spoolError(error, `cannot make a segment in ${this.directory}`);
    }
  }

  #create(number: number, now: number): OpenSegment {
    const { streamId } = this;
    const path = join(this.directory, segmentName(number));
    let fd: number;
    try {
      fd = this.#files.create(path);
    } catch (error) {
      // What a failed attempt has left keeps its number: it is a segment in which nothing was written.
      if (errorCode(error) === 'EEXIST') this.#end(number, 0);
      throw error;
    }
    try {
      this.#files.write(
        fd,
        encodeSegmentHeader({ streamId, number, firstSequence: this.nextSequence, begunAtMs: now }),
        0,
      );
      const segment = new OpenSegment(number, frameSeed(streamId, number), fd, this.#files.open(path, 'r+'));
      this.#end(number, SEGMENT_HEADER_BYTES);
      this.#bytes += SEGMENT_HEADER_BYTES;
      this.#changed(this.directory);
      this.#open.push(segment);
      this.#segment = segment;
      return segment;
    } catch (error) {
      this.#files.close(fd);
      this.#files.remove(path);
      throw error;
    }
  }

  #end(number: number, offset: number): void {
    this.#lastNumber = number;
    this.#lastOffset = offset;
  }

  #changed(directory: string): void {
    this.#changes += 1;
    this.#changedDirectories.set(directory, this.#changes);
  }

  /** The directory and its owner, at the first record. */
  #makeStream(): void {
    if (this.#ownership !== undefined) return;
    try {
      for (let attempt = 1; this.#ownership === undefined; attempt += 1) this.#ownership = this.#tryMakeStream(attempt);
    } catch (error) {
      throw spoolError(error, `cannot make a stream in ${this.#spoolDirectory}`);
    }
    this.#changed(this.#spoolDirectory);
    this.#changed(this.directory);
  }

  #tryMakeStream(attempt: number): Ownership | undefined {
    for (const changed of this.#files.makeDirectories(this.directory)) this.#changed(changed);
    try {
      const options = { files: this.#files, now: this.#now };
      const ownership = Ownership.acquire(
        this.directory,
        this.#processes === undefined ? options : { ...options, processes: this.#processes },
      );
      if (ownership !== undefined) return ownership;
      throw new SpoolError('IO', `${this.directory} is another process's`);
    } catch (error) {
      // Another process, which cleans, has removed the directory while it was empty.
      if (errorCode(error) !== 'ENOENT' || attempt >= ATTEMPTS_MAX) throw error;
      return undefined;
    }
  }

  /** Makes a directory and removes it again, since asking for permission is no answer: it says yes to root on a read-only disk. */
  #checkDirectory(): void {
    try {
      for (const changed of this.#files.makeDirectories(this.#spoolDirectory)) this.#changed(changed);
      this.#files.makeDirectory(this.directory);
    } catch (error) {
      const { code, message } = spoolError(error, `cannot make a stream in ${this.#spoolDirectory}`);
      throw new SpoolError(code, `${message}. Give the spool a directory that this user may write to`, {
        cause: error,
      });
    }
    this.#files.removeDirectory(this.directory);
  }

  #takenOver(): SpoolError {
    return new SpoolError('CLOSED', `another process has taken over ${this.directory}`);
  }

  #retire(segment: OpenSegment): void {
    segment.retired = true;
    if (this.#segment === segment) {
      this.#segment = undefined;
      this.#lastOffset = segment.position;
    }
    this.#closeFinished();
  }

  /** Closes the segments that nothing is appended to any more and that have been synced, or have failed. */
  #closeFinished(): void {
    this.#open = this.#open.filter((segment) => {
      const finished = segment.retired && !segment.busy && (!segment.dirty || segment.failed !== undefined);
      if (!finished || segment.settled < segment.appended) return true;
      this.#files.close(segment.fd);
      this.#files.close(segment.syncFd);
      return false;
    });
  }

  /**
   * Resolves when everything that was appended before the call is on stable storage.
   *
   * @throws SpoolError of code `IO` or `NO_SPACE` where that failed for a record that no commit has covered yet. It may be there or not
   *   after a power cut, is read and sent all the same, and is not told of again: who wants to know of a record calls `commit` in the
   *   same turn of the event loop as `append`.
   */
  commit(): Promise<void> {
    // Also in the moment between the end of one and the beginning of the next: two at a time would share descriptors.
    if (this.#nextCommit !== undefined) return this.#nextCommit;
    if (this.#commit === undefined) return this.#pending === 0 ? Promise.resolve() : this.#beginCommit(this.#failures);
    if (this.#commitCovers === this.#appended) return this.#commit;
    // A segment that fails from now on may have the caller's record, although the next commit does not meet it any more.
    const failures = this.#failures;
    const next = (): Promise<void> => {
      this.#nextCommit = undefined;
      return this.#beginCommit(failures);
    };
    // One at a time: those who come meanwhile share the next one.
    this.#nextCommit = this.#commit.then(next, next);
    return this.#nextCommit;
  }

  #beginCommit(failures: number): Promise<void> {
    this.#commitCovers = this.#appended;
    const commit = this.#runCommit(failures).finally(() => {
      this.#commit = undefined;
    });
    this.#commit = commit;
    return commit;
  }

  async #runCommit(failures: number): Promise<void> {
    const began = performance.now();
    const settledBefore = this.#appended - this.#pending;
    const covered = this.#open.map((segment) => ({ segment, records: segment.appended }));
    try {
      await this.#syncDirectories();
    } catch (error) {
      for (const { segment } of covered) this.#fail(segment, error);
    }
    for (const { segment } of covered) {
      if (segment.dirty && segment.failed === undefined) await this.#syncSegment(segment);
    }
    const records = this.#appended - this.#pending - settledBefore;
    let failure = this.#failures === failures ? undefined : this.#lastFailure;
    for (const { segment, records } of covered) {
      if (segment.failed === undefined) continue;
      failure ??= segment.failed;
      // What came later belongs to those who wait for the next commit.
      this.#settle(segment, records);
    }
    this.#closeFinished();
    this.#tell(performance.now() - began, records, failure);
    if (failure !== undefined) throw failure;
  }

  async #syncSegment(segment: OpenSegment): Promise<void> {
    const covered = segment.appended;
    segment.dirty = false;
    segment.busy = true;
    try {
      await this.#files.sync(segment.fd);
      this.#checkEntry(segment);
    } catch (error) {
      this.#fail(segment, error);
    } finally {
      segment.busy = false;
    }
    if (segment.failed === undefined) this.#settle(segment, covered);
  }

  async #syncDirectories(): Promise<void> {
    for (const [directory, change] of this.#changedDirectories) {
      await this.#files.syncDirectory(directory);
      this.#synced(directory, change);
    }
  }

  /** An entry that was made during the sync is not covered by it. */
  #synced(directory: string, change: number): void {
    if (this.#changedDirectories.get(directory) === change) this.#changedDirectories.delete(directory);
  }

  /** A file without an entry takes what is written to it, and is gone with its descriptor. */
  #checkEntry(segment: OpenSegment): void {
    if (this.#files.isLinked(segment.fd)) return;
    throw new SpoolError('IO', `somebody has removed segment ${segment.number} of ${this.directory}`);
  }

  #fail(segment: OpenSegment, error: unknown): void {
    if (segment.failed === undefined) {
      segment.failed = spoolError(error, `cannot put ${this.directory} on stable storage`);
      this.#lastFailure = segment.failed;
      this.#failures += 1;
    }
    this.#retire(segment);
  }

  #settle(segment: OpenSegment, upTo: number): void {
    // A commit that began earlier may end later.
    if (upTo <= segment.settled) return;
    this.#pending -= upTo - segment.settled;
    segment.settled = upTo;
  }

  #tell(durationMs: number, records: number, error: SpoolError | undefined): void {
    this.#onCommit?.(error === undefined ? { durationMs, records } : { durationMs, records, error });
  }

  /**
   * `commit` for those who cannot wait for a promise.
   *
   * @throws as `commit` rejects.
   */
  commitSync(): void {
    if (this.#pending === 0) return;
    const began = performance.now();
    const settledBefore = this.#appended - this.#pending;
    const segments = [...this.#open];
    let failure: SpoolError | undefined;
    try {
      for (const [directory, change] of this.#changedDirectories) {
        this.#files.syncDirectorySync(directory);
        this.#synced(directory, change);
      }
    } catch (error) {
      for (const segment of segments) this.#fail(segment, error);
    }
    for (const segment of segments) {
      if (segment.failed === undefined && (segment.dirty || segment.settled < segment.appended))
        this.#syncSegmentNow(segment);
      failure ??= segment.failed;
    }
    const records = this.#appended - this.#pending - settledBefore;
    for (const segment of segments) if (segment.failed !== undefined) this.#settle(segment, segment.appended);
    this.#closeFinished();
    this.#tell(performance.now() - began, records, failure);
    if (failure !== undefined) throw failure;
  }

  #syncSegmentNow(segment: OpenSegment): void {
    try {
      this.#files.syncSync(segment.syncFd);
      this.#checkEntry(segment);
      segment.dirty = false;
      this.#settle(segment, segment.appended);
    } catch (error) {
      this.#fail(segment, error);
    }
  }

  /**
   * Commits what was appended and leaves the stream to others; what was not delivered is delivered by the next process. Does nothing
   * the second time.
   *
   * @throws as `commit` rejects.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stopTimer?.();
    this.#stopTimer = undefined;
    try {
      this.commitSync();
    } finally {
      if (this.#segment !== undefined) this.#retire(this.#segment);
      for (const segment of this.#open) segment.dirty = false;
      this.#closeFinished();
      this.#ownership?.release();
      if (this.#ownership !== undefined && this.#lastNumber === 0) this.#files.removeDirectory(this.directory);
    }
  }
}

function tooLarge(what: string, bytes: number): SpoolError {
  return new SpoolError('TOO_LARGE', `${what} has ${bytes} bytes; a frame takes 1 to ${PAYLOAD_BYTES_MAX}`);
}
