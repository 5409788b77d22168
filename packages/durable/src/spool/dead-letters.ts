import { randomUUID } from 'node:crypto';
import { join } from 'node:path';

import type { Note } from '../send/queue.js';
import { errorCode, spoolError } from './files.js';
import type { Files } from './files.js';
import {
  checksumFits,
  encodeSegmentHeader,
  frameBytes,
  frameSeed,
  isKind,
  originFrame,
  ORIGINS_MAX,
  parseOrigin,
  parseSegmentHeader,
  plausibleFrame,
  sealFrame,
  SEGMENT_BYTES_MAX,
  SEGMENT_HEADER_BYTES,
  segmentName,
  segmentNumber,
} from './format.js';
import { originIndex } from './check.js';
import { FRAME_HEADER_BYTES, KIND } from './frame.js';
import type { Frame, Kind, Origin } from './frame.js';
import { StoredFrame } from './stored-frame.js';

const MESSAGE_CHARACTERS_MAX = 1_024;

interface OpenSegment {
  readonly number: number;
  readonly fd: number;
  readonly origins: Map<Origin, number>;
  position: number;
}

/** Keeps what a Collector has refused for good: the directory `dead-letters` of a stream. */
export class DeadLetters {
  readonly #streamDirectory: string;
  readonly #streamId: string;
  readonly #files: Files;
  readonly #now: () => number;
  #segment: OpenSegment | undefined;
  #last: Promise<void> = Promise.resolve();

  constructor(streamDirectory: string, streamId: string, files: Files, now: () => number = Date.now) {
    this.#streamDirectory = streamDirectory;
    this.#streamId = streamId;
    this.#files = files;
    this.#now = now;
  }

  get #directory(): string {
    return join(this.#streamDirectory, 'dead-letters');
  }

  /**
   * Puts frames and why they were given up on stable storage. Throws a `SpoolError` of code `IO` or `NO_SPACE`; the frames are not kept
   * then, or may be kept twice after another attempt.
   */
  add(frames: readonly Frame[], note: Note): Promise<void> {
    const added = this.#last.then(() => this.#add(frames, note));
    // The next one does not depend on whether this one has worked.
    this.#last = added.catch(() => {});
    return added;
  }

  async #add(frames: readonly Frame[], note: Note): Promise<void> {
    const first = frames[0];
    if (first === undefined) return;
    const bytes = frames.reduce((sum, { payload }) => sum + payload.length + FRAME_HEADER_BYTES, 0);
    if (frames.length > 1 && bytes > SEGMENT_BYTES_MAX / 2) {
      const half = Math.ceil(frames.length / 2);
      await this.#add(frames.slice(0, half), note);
      return this.#add(frames.slice(half), note);
    }
    try {
      await this.#write(frames, note);
    } catch (error) {
      this.close();
      throw spoolError(error, `cannot keep dead letters in ${this.#directory}`);
    }
  }

  async #write(frames: readonly Frame[], note: Note): Promise<void> {
    const sequence = frames[0]!.sequence;
    let segment = this.#segment ?? (await this.#begin(sequence));
    let parts = this.#encode(segment, frames, note);
    if (parts === undefined) {
      this.close();
      segment = await this.#begin(sequence);
      parts = this.#encode(segment, frames, note);
    }
    const { bytes, origins } = parts ?? { bytes: Buffer.alloc(0), origins: [] };
    try {
      this.#files.write(segment.fd, bytes, segment.position);
    } catch (error) {
      this.#files.truncate(segment.fd, segment.position);
      throw error;
    }
    await this.#files.sync(segment.fd);
    segment.position += bytes.length;
    for (const origin of origins) segment.origins.set(origin, segment.origins.size);
  }

  async #begin(sequence: number): Promise<OpenSegment> {
    const changed = this.#files.makeDirectories(this.#directory);
    const numbers = this.#files.list(this.#directory).flatMap((name) => segmentNumber(name) ?? []);
    const number = Math.max(0, ...numbers.slice(-1)) + 1;
    const fd = this.#files.create(join(this.#directory, segmentName(number)));
    const segment = { number, fd, origins: new Map<Origin, number>(), position: SEGMENT_HEADER_BYTES };
    this.#segment = segment;
    const header = { streamId: this.#streamId, number, firstSequence: Math.max(sequence, 1), begunAtMs: this.#now() };
    this.#files.write(fd, encodeSegmentHeader(header), 0);
    for (const directory of [...changed, this.#directory]) await this.#files.syncDirectory(directory);
    return segment;
  }

  /** The bytes to append, and the origins among them; `undefined` where the segment has no room. */
  #encode(
    segment: OpenSegment,
    frames: readonly Frame[],
    note: Note,
  ): { readonly bytes: Buffer; readonly origins: readonly Origin[] } | undefined {
    const seed = frameSeed(this.#streamId, segment.number);
    const now = this.#now();
    const added: Origin[] = [];
    const parts: Buffer[] = [];
    const add = (
      kind: Kind,
      index: number,
      sequence: number,
      timeMs: number,
      frame: Buffer,
      leafHash?: Uint8Array,
    ): void => {
      sealFrame(frame, seed, kind, index, sequence, timeMs, leafHash);
      parts.push(frame);
    };
    const message = note.message === undefined ? {} : { message: note.message.slice(0, MESSAGE_CHARACTERS_MAX) };
    add(KIND.note, 0, frames[0]!.sequence, now, withHeadroom(Buffer.from(JSON.stringify({ ...note, ...message }))));
    for (const { kind, origin, sequence, timeMs, payload, leafHash } of frames) {
      let index = segment.origins.get(origin) ?? added.indexOf(origin) + segment.origins.size;
      if (!segment.origins.has(origin) && !added.includes(origin)) {
        index = segment.origins.size + added.length;
        added.push(origin);
        add(KIND.origin, index, sequence, now, originFrame(origin));
      }
      add(kind, index, sequence, timeMs, withHeadroom(payload), leafHash);
    }
    const bytes = Buffer.concat(parts);
    const empty = segment.position === SEGMENT_HEADER_BYTES;
    const fits =
      segment.position + bytes.length <= SEGMENT_BYTES_MAX && segment.origins.size + added.length <= ORIGINS_MAX;
    return fits || empty ? { bytes, origins: added } : undefined;
  }

  /** Ends the segment: what is added from now on goes to another. */
  close(): void {
    if (this.#segment !== undefined) this.#files.close(this.#segment.fd);
    this.#segment = undefined;
  }
}

function withHeadroom(payload: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_HEADER_BYTES + payload.length);
  frame.set(payload, FRAME_HEADER_BYTES);
  return frame;
}

/** Frames that were given up together. */
export interface DeadLetter {
  readonly note: Note;
  /** Without those that a Collector has accepted since. */
  readonly frames: readonly StoredFrame[];
}

/** The dead letters in one segment. */
export interface DeadLetterSegment {
  readonly number: number;
  readonly path: string;
  readonly letters: readonly DeadLetter[];
  /** Whether all of it could be read: only then may it be removed when its letters were accepted. */
  readonly isWhole: boolean;
}

/**
 * Reads the dead letters of a stream, segment by segment; what is not good is passed over to the end of its segment.
 *
 * @throws SpoolError of code `IO`.
 */
export function* readDeadLetters(
  streamDirectory: string,
  streamId: string,
  files: Files,
): Generator<DeadLetterSegment, void, undefined> {
  const directory = join(streamDirectory, 'dead-letters');
  for (const number of segmentNumbers(directory, files)) {
    const path = join(directory, segmentName(number));
    const bytes = readWhole(path, files);
    if (bytes === undefined) continue;
    const accepted = readAccepted(path, files);
    const { letters, isWhole } = parseLetters(bytes, streamId, number);
    const left = letters.map(({ note, frames }) => ({
      note,
      frames: frames.filter((frame) => !accepted.has(keyOf(frame))),
    }));
    yield { number, path, letters: left.filter(({ frames }) => frames.length > 0), isWhole };
  }
}

/**
 * Remembers frames of a segment that were accepted after all, in a file beside it: the segment may be one to which its owner
 * adds. Where the file is lost, they are sent again.
 *
 * @throws SpoolError of code `IO` or `NO_SPACE`.
 */
export function markAccepted(path: string, frames: readonly StoredFrame[], files: Files): void {
  const accepted = readAccepted(path, files);
  for (const frame of frames) accepted.add(keyOf(frame));
  const temporary = `${acceptedPath(path)}.${randomUUID()}`;
  try {
    files.replaceWhole(acceptedPath(path), temporary, Buffer.from([...accepted].map((key) => `${key}\n`).join('')));
  } catch (error) {
    throw spoolError(error, `cannot write ${acceptedPath(path)}`);
  }
}

/**
 * Removes the dead letters of a stream that this process owns, so that nobody adds to them meanwhile: the segments of which all
 * was accepted, and the directory where it is empty then.
 */
export function removeAccepted(streamDirectory: string, streamId: string, files: Files): void {
  for (const { path, letters, isWhole } of readDeadLetters(streamDirectory, streamId, files)) {
    if (letters.length > 0 || !isWhole) continue;
    // First, so that it never stands beside a later segment of the same number.
    files.remove(acceptedPath(path));
    files.remove(path);
  }
  files.removeDirectory(join(streamDirectory, 'dead-letters'));
}

function acceptedPath(segmentPath: string): string {
  return segmentPath.replace(/segment$/, 'accepted');
}

/** The checksum as well, so that the file says nothing about another segment of the same number. */
function keyOf({ offset, checksum }: StoredFrame): string {
  return `${offset} ${checksum.toString(16).padStart(8, '0')}`;
}

function readAccepted(segmentPath: string, files: Files): Set<string> {
  const bytes = readWhole(acceptedPath(segmentPath), files);
  return new Set(
    bytes
      ?.toString('latin1')
      .split('\n')
      .filter((line) => line !== ''),
  );
}

function segmentNumbers(directory: string, files: Files): number[] {
  try {
    return files.list(directory).flatMap((name) => segmentNumber(name) ?? []);
  } catch (error) {
    throw spoolError(error, `cannot read ${directory}`);
  }
}

/** Reads a file of 16 MiB at most; `undefined` where it is not there. */
function readWhole(path: string, files: Files): Buffer | undefined {
  let fd: number | undefined;
  try {
    fd = files.open(path, 'r');
    const bytes = Buffer.alloc(Math.min(files.size(fd), SEGMENT_BYTES_MAX));
    return bytes.subarray(0, files.readSync(fd, bytes, 0));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw spoolError(error, `cannot read ${path}`);
  } finally {
    if (fd !== undefined) files.close(fd);
  }
}

interface Parsed {
  readonly letters: readonly { readonly note: Note; readonly frames: StoredFrame[] }[];
  readonly isWhole: boolean;
}

function parseLetters(segment: Buffer, streamId: string, number: number): Parsed {
  const letters: { readonly note: Note; readonly frames: StoredFrame[] }[] = [];
  const origins: Origin[] = [];
  const seed = frameSeed(streamId, number);
  const header = parseSegmentHeader(segment);
  if (typeof header !== 'object' || header.number !== number || header.streamId !== streamId) {
    return { letters, isWhole: false };
  }
  let at = SEGMENT_HEADER_BYTES;
  while (at + FRAME_HEADER_BYTES < segment.length) {
    const bytes = frameBytes(segment, at);
    if (bytes === 0 || at + bytes > segment.length) break;
    if (!plausibleFrame(segment, at) || !checksumFits(segment, at, bytes, seed)) break;
    const payload = segment.subarray(at + FRAME_HEADER_BYTES, at + bytes);
    if (segment[at + 8] === KIND.note) {
      const note = parseNote(payload);
      if (note === undefined) break;
      letters.push({ note, frames: [] });
    } else if (segment[at + 8] === KIND.origin) {
      const origin = parseOrigin(payload);
      if (origin === undefined) break;
      origins.push(origin);
    } else {
      const origin = origins[originIndex(segment, at)];
      const letter = letters.at(-1);
      if (origin === undefined || letter === undefined || !isKind(segment[at + 8]!)) break;
      letter.frames.push(new StoredFrame(segment, at, bytes, origin, number, at + bytes));
    }
    at += bytes;
  }
  return { letters, isWhole: at === segment.length };
}

/** Of a later version a note may say more, and nothing of what is needed otherwise. */
function parseNote(payload: Buffer): Note | undefined {
  try {
    const note = JSON.parse(payload.toString()) as Partial<Note> | null;
    const isNote = typeof note?.at === 'number' && typeof note.reason === 'string';
    return isNote && (note.signal === 'logs' || note.signal === 'traces') ? (note as Note) : undefined;
  } catch {
    return undefined;
  }
}
