/**
 * Reads a stream, and tells what of it cannot be read: the table in the section "Reading" of `docs/spec/spool.md`.
 */
import { join } from 'node:path';

import { checkFrame, findGoodFrame, originIndex } from './check.js';
import type { Context } from './check.js';
import { errorCode, spoolError } from './files.js';
import type { Files } from './files.js';
import {
  frameBytes,
  frameSeed,
  parseOrigin,
  parseSegmentHeader,
  readU64,
  SEGMENT_BYTES_MAX,
  SEGMENT_HEADER_BYTES,
  segmentName,
  segmentNumber,
} from './format.js';
import type { Position } from './format.js';
import { FRAME_HEADER_BYTES, KIND } from './frame.js';
import type { Frame, Origin } from './frame.js';
import { StoredFrame } from './stored-frame.js';

/** Bytes that are read at once, unless one frame has more. */
const CHUNK_BYTES: number = 1024 * 1024;

/** Chunks that are kept to be used again. */
const CHUNKS_MAX = 4;

const NO_BYTES = new Uint8Array(0);
/** Of records whose origin was damaged: they are read all the same, and belong to nobody. */
const LOST_ORIGIN: Origin = { resource: NO_BYTES, scope: NO_BYTES };

/** What of a stream could not be read. */
export interface Damage {
  /**
   * `torn`: cut off while it was written. `corrupt`: changed after it was written, and kept in `damaged/`. `missing`: a segment, or
   * records between two frames, are not there. `ahead`: less is there than was acknowledged. `unknown`: of a newer version; reading
   * has ended there, and nothing of it is given up.
   */
  readonly what: 'torn' | 'corrupt' | 'missing' | 'ahead' | 'unknown';
  readonly streamId: string;
  /** Number of the segment. */
  readonly segment: number;
  /** Bytes from its beginning. */
  readonly offset: number;
  /** Bytes that were passed over. */
  readonly bytes: number;
  /** Log records that are missing by their numbers; `undefined` where nothing behind the damage tells. */
  readonly recordsMissing: number | undefined;
  /** Number of the last log record before the damage, -1 where it is not known. */
  readonly lastSequence: number;
}

type OpenDamage = Omit<Damage, 'recordsMissing'>;

/** What one look at a stream has brought. */
export interface Reading {
  readonly frames: readonly StoredFrame[];
  readonly damage: readonly Damage[];
}

/** Which stream to read, and from where. */
export interface StreamReaderOptions {
  readonly directory: string;
  readonly streamId: string;
  readonly files: Files;
  /** The kind of frames to read; by default log records and spans. */
  readonly kind?: Frame['kind'] | undefined;
  /** Where to begin, by default at the beginning. */
  readonly from?: Position | undefined;
  /** How far the writer of the stream, in this process, has come. */
  readonly end?: (() => { readonly segment: number; readonly offset: number }) | undefined;
  /** Whether another process may be writing: then what is not whole at the end may become so. */
  readonly live?: (() => boolean) | undefined;
}

/** The segment that is being read. */
interface Current {
  readonly number: number;
  readonly fd: number;
  readonly seed: number;
  readonly origins: Map<number, Origin>;
  headerRead: boolean;
  /** Of the next frame. */
  offset: number;
  /** Something in it could not be read: an origin may be among it. */
  damaged: boolean;
  /** Number of the first log record of the next segment, once that is there. */
  ceiling: number | undefined;
}

/** How far a segment may be read at this time. */
interface Extent {
  readonly limit: number;
  /** There are segments behind it. */
  readonly later: boolean;
  /** Nothing is appended to it any more, so that what is not good at its end is torn. */
  readonly final: boolean;
  /** What is before the limit was written whole, so that what is not good was changed. */
  readonly whole: boolean;
}

type Verdict = 'good' | 'bad' | 'unknown' | 'given-up';

/**
 * Reads the frames of one kind, or all log records and spans, in order. Holds a chunk of 1 MiB, or one frame of up to 4 MiB, and where damage is judged the rest of
 * the segment. Frames are views of what was read, and stay as they are.
 */
export class StreamReader {
  readonly #options: StreamReaderOptions;
  readonly #from: Position;
  #current: Current | undefined;
  /** The segment to read next, where none is being read. */
  #next: number;
  /** Number of the last log record, -1 where it is not known. */
  #last: number;
  /** Damage behind which no number has been read yet. */
  #open: OpenDamage | undefined;
  /** Nothing has been read, and the beginning of the stream may have been delivered and deleted. */
  #atBeginning: boolean;
  #ended = false;
  #aheadTold = false;
  /** Origins of this segment and of the one before by their bytes, so that equal ones are one object. */
  #known = new Map<string, Origin>();
  #knownBefore = new Map<string, Origin>();
  #frames: StoredFrame[] = [];
  readonly #chunks: Buffer[] = [];
  #damage: Damage[] = [];

  constructor(options: StreamReaderOptions) {
    this.#options = options;
    this.#from = options.from ?? { segment: 1, offset: SEGMENT_HEADER_BYTES, sequence: 0 };
    this.#next = this.#from.segment;
    this.#last = this.#from.sequence;
    this.#atBeginning = options.from === undefined;
  }

  /** Behind everything that was read, and told of where it could not be read. */
  get position(): Position {
    if (this.#open !== undefined) {
      const { segment, offset, lastSequence } = this.#open;
      return { segment, offset: Math.max(offset, SEGMENT_HEADER_BYTES), sequence: Math.max(lastSequence, 0) };
    }
    const segment = this.#current?.number ?? this.#next;
    const offset = Math.max(this.#current?.offset ?? 0, SEGMENT_HEADER_BYTES);
    if (segment === this.#from.segment && offset <= this.#from.offset) return this.#from;
    return { segment, offset, sequence: Math.max(this.#last, 0) };
  }

  /** Whether reading has ended at something of a newer version. */
  get ended(): boolean {
    return this.#ended;
  }

  /**
   * Reads on; `undefined` where nothing more is there at this time.
   *
   * @throws SpoolError of code `IO`; reading may be tried again.
   */
  async read(): Promise<Reading | undefined> {
    this.#frames = [];
    this.#damage = [];
    try {
      while (this.#frames.length === 0 && this.#damage.length === 0) if (!(await this.#step())) break;
    } catch (error) {
      throw spoolError(error, `cannot read ${this.#options.directory}`);
    }
    if (this.#frames.length === 0 && this.#damage.length === 0) return undefined;
    return { frames: this.#frames, damage: this.#damage };
  }

  /** Closes what is open; nothing is read any more. */
  close(): void {
    if (this.#current !== undefined) this.#options.files.close(this.#current.fd);
    this.#current = undefined;
    this.#ended = true;
  }

  /**
   * Reads a chunk, or finds out why there is none; false where nothing is to be done at this time. What can fail comes before what
   * is kept, so that nothing is lost where reading is tried again.
   */
  async #step(): Promise<boolean> {
    if (this.#ended) return false;
    const current = this.#current ?? this.#openNext();
    if (current === undefined) return this.#passMissing();
    const extent = this.#extent(current);
    if (this.#passAcknowledged(current, extent)) return true;
    if (current.offset >= extent.limit) return this.#atLimit(current, extent);
    if (!current.headerRead) return this.#readHeader(current, extent);
    if (extent.later) current.ceiling ??= this.#firstSequenceBehind(current.number);
    const buffer = await this.#chunk(current, extent.limit);
    // Not more than the file has: it may have been cut since.
    if (buffer.length === 0) return false;
    return this.#parse(current, buffer) || this.#judge(current, extent);
  }

  #openNext(): Current | undefined {
    const { files, directory, streamId } = this.#options;
    const number = this.#next;
    try {
      const fd = files.open(join(directory, segmentName(number)), 'r');
      const seed = frameSeed(streamId, number);
      this.#current = {
        number,
        fd,
        seed,
        origins: new Map(),
        headerRead: false,
        offset: 0,
        damaged: false,
        ceiling: undefined,
      };
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
    this.#knownBefore = this.#known;
    this.#known = new Map();
    return this.#current;
  }

  #segmentNumbers(): number[] {
    return this.#options.files.list(this.#options.directory).flatMap((name) => segmentNumber(name) ?? []);
  }

  /** Goes to the next segment that is there, where the one to be read is not. */
  #passMissing(): boolean {
    const numbers = this.#segmentNumbers();
    const later = numbers.find((number) => number > this.#next);
    if (later === undefined) {
      this.#closeDamage(undefined);
      const ahead = numbers.length > 0 && !this.#atBeginning && this.#options.end === undefined;
      if (ahead) this.#tellAhead(this.#next, SEGMENT_HEADER_BYTES);
      return false;
    }
    // Delivery may begin where earlier segments were delivered and deleted, and their cursor was lost.
    if (this.#atBeginning) this.#last = -1;
    else this.#openDamage('missing', this.#next, SEGMENT_HEADER_BYTES, 0);
    this.#next = later;
    return true;
  }

  #extent(current: Current): Extent {
    const end = this.#options.end?.();
    if (end !== undefined && end.segment <= current.number) {
      const limit = end.segment === current.number ? end.offset : 0;
      return { limit, later: false, final: false, whole: true };
    }
    // Before the size is asked for: what is there when the next segment is there is all.
    const later = end !== undefined || this.#segmentNumbers().some((number) => number > current.number);
    const final = later || this.#options.live?.() !== true;
    return { limit: Math.min(this.#options.files.size(current.fd), SEGMENT_BYTES_MAX), later, final, whole: false };
  }

  /** Passes over a segment of which everything was acknowledged without reading it. */
  #passAcknowledged(current: Current, extent: Extent): boolean {
    if (!this.#skips(current) || current.offset > 0 || this.#from.offset < extent.limit || !extent.final) return false;
    if (this.#from.offset > extent.limit) this.#tellAhead(current.number, extent.limit);
    current.offset = extent.limit;
    return extent.later && this.#finish(current);
  }

  /** Whether reading begins within a segment; its origins are read all the same. */
  #skips(current: Current): boolean {
    return current.number === this.#from.segment && this.#from.offset > SEGMENT_HEADER_BYTES;
  }

  #atLimit(current: Current, extent: Extent): boolean {
    if (extent.later) return this.#finish(current);
    if (extent.final) this.#closeDamage(undefined);
    return false;
  }

  #finish(current: Current): boolean {
    const excess = this.#options.files.size(current.fd) - SEGMENT_BYTES_MAX;
    if (excess > 0) this.#openDamage('corrupt', current.number, SEGMENT_BYTES_MAX, excess);
    this.#options.files.close(current.fd);
    this.#current = undefined;
    this.#next = current.number + 1;
    this.#atBeginning = false;
    return true;
  }

  async #readHeader(current: Current, extent: Extent): Promise<boolean> {
    if (extent.limit < SEGMENT_HEADER_BYTES) {
      // A segment in which nothing was written.
      if (extent.later) return this.#finish(current);
      if (extent.final) this.#closeDamage(undefined);
      return false;
    }
    const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
    await this.#options.files.read(current.fd, bytes, 0);
    const header = parseSegmentHeader(bytes);
    if (header === 'unknown-version') {
      this.#end(current);
      return true;
    }
    const fits = header !== 'bad' && header.number === current.number && header.streamId === this.#options.streamId;
    if (!fits) return this.#judge(current, extent);
    current.headerRead = true;
    current.offset = SEGMENT_HEADER_BYTES;
    this.#enter(current, header.firstSequence - 1);
    return true;
  }

  /** Takes notice of the number of the last log record before a segment, as the segment has it. */
  #enter(current: Current, last: number): void {
    // The cursor's number is that of its offset, which is not reached yet.
    if (this.#skips(current) || this.#atBeginning) this.#last = current.number === 1 ? 0 : last;
    this.#atBeginning = false;
    if (this.#open === undefined && this.#last >= 0 && last > this.#last) {
      this.#openDamage('missing', current.number, SEGMENT_HEADER_BYTES, 0);
    }
    if (this.#last < 0) this.#last = last;
    this.#closeDamage(Math.max(last - this.#last, 0));
    this.#last = Math.max(this.#last, last);
  }

  /** The next segment may be one that could not be begun, and has no header. */
  #firstSequenceBehind(number: number): number | undefined {
    for (const later of this.#segmentNumbers()) {
      const sequence = later > number ? this.#firstSequenceOf(later) : undefined;
      if (sequence !== undefined) return sequence;
    }
    return undefined;
  }

  #firstSequenceOf(number: number): number | undefined {
    const { files, directory, streamId } = this.#options;
    const path = join(directory, segmentName(number));
    const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
    let fd: number | undefined;
    try {
      fd = files.open(path, 'r');
      files.readSync(fd, bytes, 0);
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error;
    } finally {
      if (fd !== undefined) files.close(fd);
    }
    const header = parseSegmentHeader(bytes);
    return typeof header === 'object' && header.number === number && header.streamId === streamId
      ? header.firstSequence
      : undefined;
  }

  async #chunk(current: Current, limit: number): Promise<Buffer> {
    const rest = limit - current.offset;
    const chunk = await this.#bytesAt(current, Math.min(rest, CHUNK_BYTES));
    const needed = chunk.length < FRAME_HEADER_BYTES ? 0 : frameBytes(chunk, 0);
    return needed > chunk.length && needed <= rest ? this.#bytesAt(current, needed) : chunk;
  }

  /** Takes back what frames were views of that nobody looks at any more. */
  recycle(chunk: ArrayBufferLike): void {
    if (chunk.byteLength === CHUNK_BYTES && this.#chunks.length < CHUNKS_MAX) this.#chunks.push(Buffer.from(chunk));
  }

  async #bytesAt(current: Current, count: number): Promise<Buffer> {
    // Not from Node's pool: frames are views of it for as long as they wait. A large piece gets a whole chunk, to be used again: the
    // collector of garbage is in no hurry with memory outside of its heap.
    const isLarge = count > CHUNK_BYTES / 4 && count <= CHUNK_BYTES;
    const chunk = isLarge ? (this.#chunks.pop() ?? Buffer.allocUnsafeSlow(CHUNK_BYTES)) : Buffer.allocUnsafeSlow(count);
    const buffer = chunk.subarray(0, count);
    return buffer.subarray(0, await this.#options.files.read(current.fd, buffer, current.offset));
  }

  /** Takes the good frames at the beginning of a buffer; false where there are none. */
  #parse(current: Current, buffer: Buffer): boolean {
    let at = 0;
    while (at < buffer.length) {
      const left = buffer.length - at;
      const bytes = left < FRAME_HEADER_BYTES ? 0 : frameBytes(buffer, at);
      if (bytes === 0 || bytes > left) break;
      const verdict = this.#check(current, buffer, at, bytes);
      if (verdict === 'unknown') {
        this.#end(current);
        return true;
      }
      if (verdict === 'bad') break;
      if (verdict === 'good') this.#accept(current, buffer, at, bytes);
      current.offset += bytes;
      at += bytes;
    }
    return at > 0;
  }

  #check(current: Current, buffer: Buffer, at: number, bytes: number): Verdict {
    const verdict = checkFrame(this.#context(current), buffer, at, bytes);
    if (verdict !== 'good' || buffer[at + 8] !== KIND.logRecord) return verdict;
    // Its writing failed although all of it is there, and its number went to another record in the next segment.
    return readU64(buffer, at + 16) === current.ceiling ? 'given-up' : 'good';
  }

  #context(current: Current): Context {
    const { seed, origins, damaged } = current;
    return { seed, origins, damaged, lastSequence: this.#last, afterDamage: this.#open !== undefined };
  }

  #accept(current: Current, buffer: Buffer, at: number, bytes: number): void {
    const kind = buffer[at + 8];
    const sequence = readU64(buffer, at + 16);
    if (this.#open !== undefined) {
      const first = kind === KIND.logRecord ? sequence - 1 : sequence;
      this.#closeDamage(this.#last < 0 ? undefined : first - this.#last);
    }
    this.#last = sequence;
    if (kind === KIND.origin) {
      current.origins.set(originIndex(buffer, at), this.#origin(buffer.subarray(at + FRAME_HEADER_BYTES, at + bytes)));
      return;
    }
    const end = current.offset + bytes;
    const acknowledged = current.number === this.#from.segment && end <= this.#from.offset;
    const wanted = this.#options.kind ?? kind;
    if (kind !== wanted || acknowledged) return;
    const origin = current.origins.get(originIndex(buffer, at)) ?? LOST_ORIGIN;
    this.#frames.push(new StoredFrame(buffer, at, bytes, origin, current.number, end));
  }

  #origin(payload: Buffer): Origin {
    const key = payload.toString('latin1');
    const origin = this.#known.get(key) ?? this.#knownBefore.get(key) ?? parseOrigin(payload) ?? LOST_ORIGIN;
    this.#known.set(key, origin);
    return origin;
  }

  /** Finds out what the bytes at the offset are, which are not a good frame, and passes over them; false where they may become one. */
  async #judge(current: Current, extent: Extent): Promise<boolean> {
    if (!extent.final && !extent.whole) return false;
    const rest = await this.#bytesAt(current, extent.limit - current.offset);
    // The cursor's number is that of its offset; which one the segment begins with is not told any more.
    if (!current.headerRead && this.#skips(current)) this.#last = current.number === 1 ? 0 : -1;
    const context = { ...this.#context(current), afterDamage: true, damaged: true };
    const found = await findGoodFrame(context, rest);
    const bytes = typeof found === 'number' && found >= 0 ? found : rest.length;
    const torn = found === -1 && !extent.whole;
    // A good frame right here has a number that does not follow.
    this.#openDamage(bytes === 0 ? 'missing' : torn ? 'torn' : 'corrupt', current.number, current.offset, bytes);
    current.damaged = true;
    current.headerRead = true;
    current.offset += bytes;
    return true;
  }

  #openDamage(what: Damage['what'], segment: number, offset: number, bytes: number): void {
    this.#closeDamage(undefined);
    const { streamId } = this.#options;
    this.#open = { what, streamId, segment, offset, bytes, lastSequence: this.#last };
  }

  #closeDamage(recordsMissing: number | undefined): void {
    const damage = this.#open;
    this.#open = undefined;
    // What is before the cursor was told of when it was read the first time.
    const { segment, offset } = this.#from;
    const acknowledged = offset > SEGMENT_HEADER_BYTES ? offset : 0;
    const told = damage === undefined || (damage.segment === segment && damage.offset < acknowledged);
    if (!told) this.#damage.push({ ...damage, recordsMissing });
  }

  #tellAhead(segment: number, offset: number): void {
    if (this.#aheadTold) return;
    this.#aheadTold = true;
    const { streamId } = this.#options;
    const lastSequence = this.#from.sequence;
    this.#damage.push({ what: 'ahead', streamId, segment, offset, bytes: 0, recordsMissing: undefined, lastSequence });
  }

  #end(current: Current): void {
    this.#closeDamage(undefined);
    const { streamId } = this.#options;
    const { number: segment, offset } = current;
    this.#damage.push({
      what: 'unknown',
      streamId,
      segment,
      offset,
      bytes: 0,
      recordsMissing: undefined,
      lastSequence: this.#last,
    });
    this.#ended = true;
  }
}
