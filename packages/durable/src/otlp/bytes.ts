/**
 * Protobuf's primitives, written into one buffer that is used again for every record.
 */
import { PAYLOAD_BYTES_MAX } from '../spool/frame.js';

/** Bytes of one encoded record at most; below a frame's payload, and so that a request fits into gRPC's default of 4 MiB. */
export const RECORD_BYTES_MAX: number = PAYLOAD_BYTES_MAX - 64 * 1024;

const BUFFER_BYTES_MIN = 64 * 1024;

/** A buffer that grew larger than this for one record is given back before the next. */
const BUFFER_BYTES_RETAINED = 1024 * 1024;

/** The largest record, headroom, and what short strings reserve in excess of what they need. */
const BUFFER_BYTES_MAX = PAYLOAD_BYTES_MAX + 64 * 1024;

/** UTF-16 code units of a string that is measured before room is made for it: room for the worst case would be too much. */
const MEASURED_CHARS_MIN = 8 * 1024;

/** UTF-8 bytes of one UTF-16 code unit at most. */
const UTF8_BYTES_MAX = 3;

const TWO_32 = 4_294_967_296;

/**
 * Thrown out of an encoding that would become larger than any record may be, and caught by this folder's own functions. One
 * object, compared by identity: what the application throws meanwhile may be a proxy that throws again when it is looked at.
 */
export const RECORD_TOO_LARGE: Error = new Error(`an encoding of more than ${RECORD_BYTES_MAX} bytes`);

/**
 * A growing buffer. What it holds is valid until the next {@link ByteWriter.reset}; it is not copied, so that a record goes to
 * the kernel from where it was encoded.
 *
 * A writer belongs to one encoding at a time. Encoding runs the application's code (getters, proxies), which may log: while
 * {@link ByteWriter.inUse} is true, what it logs needs another writer.
 */
export class ByteWriter {
  /** Where the bytes are; replaced when it grows. */
  buffer: Buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES_MIN);
  /** Bytes in use, headroom included. Encoders set it back to undo what they wrote. */
  length = 0;
  /** Whether an encoding has begun and not ended. */
  inUse = false;

  /**
   * Begins anew.
   *
   * @param headroom Bytes left free at the beginning, for the caller's header. They hold whatever was there before.
   */
  reset(headroom: number): void {
    if (this.inUse) throw new Error('the writer is in use by an encoding that has not ended');
    if (this.buffer.length > BUFFER_BYTES_RETAINED) this.buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES_MIN);
    this.length = 0;
    this.reserve(headroom);
    this.length = headroom;
  }

  /** Makes room behind `length`. Throws {@link RECORD_TOO_LARGE}. */
  reserve(bytes: number): void {
    if (this.length + bytes > this.buffer.length) this.#grow(bytes);
  }

  /** Makes room for a string in UTF-8, and 16 bytes more. */
  reserveText(text: string): void {
    const most = text.length * UTF8_BYTES_MAX + 16;
    if (this.length + most <= this.buffer.length) return;
    this.#grow(text.length < MEASURED_CHARS_MIN ? most : Buffer.byteLength(text) + 16);
  }

  byte(value: number): void {
    this.reserve(1);
    this.buffer[this.length++] = value;
  }

  /** Two bytes: most often a tag and a short value. */
  twoBytes(first: number, second: number): void {
    this.reserve(2);
    this.buffer[this.length++] = first;
    this.buffer[this.length++] = second;
  }

  /** An integer from -(2^63) to 2^64 (exclusive), the negative ones as protobuf's `int64`: in ten bytes. */
  varint(value: number): void {
    this.reserve(10);
    if (value >= 0 && value < TWO_32) this.length = this.#putVarint32(this.length, value);
    else this.#putVarint64(value);
  }

  fixed32(value: number): void {
    this.reserve(4);
    this.length = this.#putFixed32(this.length, value);
  }

  /** A 64-bit number in two halves, each an unsigned 32-bit integer. */
  fixed64(low: number, high: number): void {
    this.reserve(8);
    this.length = this.#putFixed32(this.#putFixed32(this.length, low), high);
  }

  double(value: number): void {
    this.reserve(8);
    this.length = this.buffer.writeDoubleLE(value, this.length);
  }

  /** Length and UTF-8; lone surrogates become U+FFFD. */
  string(text: string): void {
    this.reserveText(text);
    const at = this.length;
    // Most strings are ASCII: written behind a length of that many bytes, and moved where that was wrong.
    const width = varintBytes(text.length);
    const written = this.putText(text, at + width);
    const needed = varintBytes(written);
    if (needed !== width) this.buffer.copyWithin(at + needed, at + width, at + width + written);
    this.#putVarint32(at, written);
    this.length = at + needed + written;
  }

  /** UTF-8 at a position for which room was reserved, without length. Returns the number of bytes. */
  putText(text: string, at: number): number {
    return text === '' ? 0 : this.buffer.write(text, at, 'utf8');
  }

  /** Bytes as they are, without length. */
  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** Length and bytes. */
  bytes(bytes: Uint8Array): void {
    this.varint(bytes.length);
    this.raw(bytes);
  }

  /**
   * Begins a nested message behind its tag.
   *
   * @param width Bytes that its length will probably need. Where it needs another number, the message is moved.
   * @returns Where its length goes, for {@link ByteWriter.close}.
   */
  open(width = 1): number {
    this.reserve(width);
    const at = this.length;
    this.length = at + width;
    return at;
  }

  close(at: number, width = 1): void {
    const size = this.length - at - width;
    if (width === 1 && size < 128) this.buffer[at] = size;
    else this.#closeWide(at, width, size);
  }

  #closeWide(at: number, width: number, size: number): void {
    const needed = varintBytes(size);
    if (needed !== width) {
      this.reserve(needed);
      this.buffer.copyWithin(at + needed, at + width, this.length);
      this.length += needed - width;
    }
    this.#putVarint32(at, size);
  }

  #putVarint32(at: number, value: number): number {
    const { buffer } = this;
    let rest = value;
    let next = at;
    while (rest > 127) {
      buffer[next++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    buffer[next++] = rest;
    return next;
  }

  #putVarint64(value: number): void {
    const size = Math.abs(value);
    let low = size >>> 0;
    let high = (size / TWO_32) >>> 0;
    if (value < 0) {
      // Two's complement.
      low = (~low + 1) >>> 0;
      high = (low === 0 ? ~high + 1 : ~high) >>> 0;
    }
    while (high > 0 || low > 127) {
      this.buffer[this.length++] = (low & 127) | 128;
      low = ((low >>> 7) | (high << 25)) >>> 0;
      high >>>= 7;
    }
    this.buffer[this.length++] = low;
  }

  #putFixed32(at: number, value: number): number {
    const { buffer } = this;
    buffer[at] = value;
    buffer[at + 1] = value >>> 8;
    buffer[at + 2] = value >>> 16;
    buffer[at + 3] = value >>> 24;
    return at + 4;
  }

  #grow(bytes: number): void {
    const needed = this.length + bytes;
    if (needed > BUFFER_BYTES_MAX) throw RECORD_TOO_LARGE;
    const grown = Buffer.allocUnsafeSlow(Math.min(BUFFER_BYTES_MAX, Math.max(needed, this.buffer.length * 2)));
    this.buffer.copy(grown, 0, 0, this.length);
    this.buffer = grown;
  }
}

/** Bytes of the varint of an unsigned 32-bit integer. */
export function varintBytes(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  return value < 0x1000_0000 ? 4 : 5;
}
