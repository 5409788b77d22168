/**
 * The bytes of a spool, as `docs/spec/spool.md` has them: mathematics without I/O. What is read is checked as if a stranger had
 * written it: nothing is used before its checksum, its limits and its reserved bytes have been looked at.
 */
import { crc32 } from 'node:zlib';

import { FRAME_HEADER_BYTES, KIND, PAYLOAD_BYTES_MAX } from './frame.js';
import type { Kind, Origin } from './frame.js';

/** Bytes before the first frame of a segment. */
export const SEGMENT_HEADER_BYTES = 64;
/** Bytes of a segment at most. */
export const SEGMENT_BYTES_MAX: number = 16 * 1024 * 1024;
/** Origins in a segment at most. */
export const ORIGINS_MAX = 65_535;
/** Segments in a stream at most. */
export const SEGMENTS_MAX: number = 2 ** 32;
/** Bytes of one of the two slots of a cursor. */
export const SLOT_BYTES = 64;
/** The version of the format that this code writes, and the only one that it reads. */
export const VERSION = 1;

const SEGMENT_MAGIC = Buffer.from('DTSPOOL', 'latin1');
const CURSOR_MAGIC = Buffer.from('DTCURSR', 'latin1');
const TWO_32 = 2 ** 32;
const STREAM_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const SEGMENT_NAME = /^(\d{10})\.segment$/;

/** What the header of a segment says. */
export interface SegmentHeader {
  /** A UUID in lower case. */
  readonly streamId: string;
  /** From 1. */
  readonly number: number;
  /** The number that the first log record in the segment has. */
  readonly firstSequence: number;
  /** Unix milliseconds. */
  readonly begunAtMs: number;
}

/** A place between two frames of a stream. */
export interface Position {
  /** Number of the segment, from 1. */
  readonly segment: number;
  /** Bytes from the beginning of the segment. */
  readonly offset: number;
  /** Number of the last log record before it, 0 where there is none. */
  readonly sequence: number;
}

/** What a slot of a cursor says. */
export interface CursorSlot extends Position {
  /** From 1; the greater of two good slots counts. */
  readonly generation: number;
}

/** Whether a text is a stream id in its canonical form. */
export function isStreamId(text: string): boolean {
  return STREAM_ID.test(text);
}

/** The name of the file of a segment. */
export function segmentName(number: number): string {
  return `${String(number).padStart(10, '0')}.segment`;
}

/** The number of a segment by the name of its file; `undefined` where it is another file. */
export function segmentNumber(name: string): number | undefined {
  const digits = SEGMENT_NAME.exec(name)?.[1];
  const number = digits === undefined ? 0 : Number(digits);
  return number >= 1 && number <= SEGMENTS_MAX ? number : undefined;
}

/** Writes a whole number up to 2^53 - 1 as an unsigned little-endian integer of 64 bits. */
export function writeU64(into: Uint8Array, at: number, value: number): void {
  // `%` and `/` rather than shifts, which cut to 32 bits; BigInt would allocate twice for each.
  const low = value % TWO_32;
  const high = (value - low) / TWO_32;
  writeU32(into, at, low);
  writeU32(into, at + 4, high);
}

/** Reads what `writeU64` wrote; -1 where the number is greater than 2^53 - 1. */
export function readU64(from: Uint8Array, at: number): number {
  const high = readU32(from, at + 4);
  return high > 0x1f_ffff ? -1 : high * TWO_32 + readU32(from, at);
}

function writeU32(into: Uint8Array, at: number, value: number): void {
  into[at] = value;
  into[at + 1] = value >>> 8;
  into[at + 2] = value >>> 16;
  into[at + 3] = value >>> 24;
}

/** Reads an unsigned little-endian integer of 32 bits. */
export function readU32(from: Uint8Array, at: number): number {
  return (from[at]! | (from[at + 1]! << 8) | (from[at + 2]! << 16) | (from[at + 3]! << 24)) >>> 0;
}

/**
 * What the checksums of the frames of a segment begin with. It depends on the stream and the segment, so that a frame of another
 * segment, left in a recycled block or quoted in a record, is none here; and on nothing else, so that it is known by the names of
 * the files where the header is damaged.
 */
export function frameSeed(streamId: string, number: number): number {
  const bytes = Buffer.alloc(24);
  writeStreamId(bytes, 0, streamId);
  writeU64(bytes, 16, number);
  return crc32(bytes);
}

function writeStreamId(into: Buffer, at: number, streamId: string): void {
  into.write(streamId.replaceAll('-', ''), at, 16, 'hex');
}

function readStreamId(from: Buffer, at: number): string {
  const hex = from.toString('hex', at, at + 16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** The checksum of a segment header and of a slot: of its bytes 0 to 7 and 12 to 63. */
function blockChecksum(block: Buffer): number {
  return crc32(block.subarray(12, 64), crc32(block.subarray(0, 8)));
}

function sealBlock(block: Buffer, magic: Buffer): Buffer {
  magic.copy(block, 0);
  block[7] = VERSION;
  writeU32(block, 8, blockChecksum(block));
  return block;
}

/** Whether a block is whole: `unknown-version` where it is, and of another version. */
function checkBlock(block: Buffer, magic: Buffer): 'good' | 'bad' | 'unknown-version' {
  if (block.length < 64 || magic.compare(block, 0, 7) !== 0 || readU32(block, 8) !== blockChecksum(block)) return 'bad';
  if (block[7] !== VERSION) return 'unknown-version';
  return readU32(block, 12) === 0 ? 'good' : 'bad';
}

/** The 64 bytes at the beginning of a segment. */
export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
  writeStreamId(bytes, 16, header.streamId);
  writeU64(bytes, 32, header.number);
  writeU64(bytes, 40, header.firstSequence);
  writeU64(bytes, 48, header.begunAtMs);
  return sealBlock(bytes, SEGMENT_MAGIC);
}

/** Reads the header of a segment; tells a damaged one from one of a version that is not known. */
export function parseSegmentHeader(bytes: Buffer): SegmentHeader | 'bad' | 'unknown-version' {
  const block = bytes.subarray(0, SEGMENT_HEADER_BYTES);
  const state = checkBlock(block, SEGMENT_MAGIC);
  if (state !== 'good') return state;
  const number = readU64(block, 32);
  const firstSequence = readU64(block, 40);
  const begunAtMs = readU64(block, 48);
  if (number < 1 || number > SEGMENTS_MAX || firstSequence < 1 || begunAtMs < 0 || readU64(block, 56) !== 0)
    return 'bad';
  return { streamId: readStreamId(block, 16), number, firstSequence, begunAtMs };
}

/** The 64 bytes of a slot of a cursor. */
export function encodeCursorSlot(slot: CursorSlot): Buffer {
  const bytes = Buffer.alloc(SLOT_BYTES);
  writeU64(bytes, 16, slot.generation);
  writeU64(bytes, 24, slot.segment);
  writeU64(bytes, 32, slot.offset);
  writeU64(bytes, 40, slot.sequence);
  return sealBlock(bytes, CURSOR_MAGIC);
}

/** Reads a slot of a cursor; `undefined` where it is not good. */
export function parseCursorSlot(bytes: Buffer): CursorSlot | undefined {
  const block = bytes.subarray(0, SLOT_BYTES);
  if (checkBlock(block, CURSOR_MAGIC) !== 'good') return undefined;
  const generation = readU64(block, 16);
  const segment = readU64(block, 24);
  const offset = readU64(block, 32);
  const sequence = readU64(block, 40);
  const within = generation >= 1 && segment >= 1 && segment <= SEGMENTS_MAX && offset >= SEGMENT_HEADER_BYTES;
  if (!within || sequence < 0 || readU64(block, 48) !== 0 || readU64(block, 56) !== 0) return undefined;
  return { generation, segment, offset, sequence };
}

/**
 * Fills the first 64 bytes of a frame; the payload is behind them already.
 *
 * @param frame headroom of 64 bytes and the payload, and nothing else.
 * @param seed see `frameSeed`.
 */
export function sealFrame(
  frame: Buffer,
  seed: number,
  kind: Kind,
  originIndex: number,
  sequence: number,
  timeMs: number,
  leafHash: Uint8Array | undefined,
): void {
  writeU32(frame, 0, frame.length - FRAME_HEADER_BYTES);
  frame[8] = kind;
  frame[9] = 0;
  frame[10] = originIndex;
  frame[11] = originIndex >>> 8;
  writeU32(frame, 12, 0);
  writeU64(frame, 16, sequence);
  writeU64(frame, 24, timeMs);
  if (leafHash === undefined) frame.fill(0, 32, 64);
  else frame.set(leafHash, 32);
  writeU32(frame, 4, crc32(frame.subarray(8), seed));
}

/** The bytes of a frame, header included, by its header at `at`; 0 where no frame is of such a length. */
export function frameBytes(buffer: Buffer, at: number): number {
  const payloadBytes = readU32(buffer, at);
  return payloadBytes >= 1 && payloadBytes <= PAYLOAD_BYTES_MAX ? payloadBytes + FRAME_HEADER_BYTES : 0;
}

/** Whether reserved bytes and numbers of the header at `at` are such as a frame of any kind has. Costs next to nothing. */
export function plausibleFrame(buffer: Buffer, at: number): boolean {
  return (
    buffer[at + 9] === 0 &&
    buffer[at + 12] === 0 &&
    buffer[at + 13] === 0 &&
    buffer[at + 14] === 0 &&
    buffer[at + 15] === 0 &&
    buffer[at + 23] === 0 &&
    buffer[at + 31] === 0 &&
    buffer[at + 22]! <= 0x1f &&
    buffer[at + 30]! <= 0x1f
  );
}

/** Whether the checksum of the frame of `bytes` bytes at `at` fits. */
export function checksumFits(buffer: Buffer, at: number, bytes: number, seed: number): boolean {
  return crc32(buffer.subarray(at + 8, at + bytes), seed) === readU32(buffer, at + 4);
}

/** Whether a kind is one that this version has. */
export function isKind(kind: number): kind is Kind {
  return kind >= KIND.logRecord && kind <= KIND.note;
}

/** A frame of an origin, header included and still empty. */
export function originFrame(origin: Origin): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_HEADER_BYTES + 4 + origin.resource.length + origin.scope.length);
  writeU32(frame, FRAME_HEADER_BYTES, origin.resource.length);
  frame.set(origin.resource, FRAME_HEADER_BYTES + 4);
  frame.set(origin.scope, FRAME_HEADER_BYTES + 4 + origin.resource.length);
  return frame;
}

/** Reads the payload of a frame of an origin; `undefined` where its parts do not fit in it. The bytes are copied. */
export function parseOrigin(payload: Buffer): Origin | undefined {
  if (payload.length < 4) return undefined;
  const resourceBytes = readU32(payload, 0);
  if (resourceBytes > payload.length - 4) return undefined;
  // A copy, since an origin is kept for long, and a view would keep the whole buffer that was read.
  const copy = Buffer.from(payload);
  return { resource: copy.subarray(4, 4 + resourceBytes), scope: copy.subarray(4 + resourceBytes) };
}
