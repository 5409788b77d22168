import { readU32, readU64 } from './format.js';
import { FRAME_HEADER_BYTES } from './frame.js';
import type { Frame, Origin } from './frame.js';

/** A frame as it was read, and where it ends. */
export class StoredFrame implements Frame {
  readonly kind: Frame['kind'];
  readonly origin: Origin;
  readonly sequence: number;
  readonly timeMs: number;
  readonly payload: Buffer;
  /** Number of the segment. */
  readonly segment: number;
  /** Bytes from the beginning of the segment to behind the frame. */
  readonly end: number;
  readonly #buffer: Buffer;
  readonly #at: number;

  constructor(buffer: Buffer, at: number, bytes: number, origin: Origin, segment: number, end: number) {
    this.kind = buffer[at + 8] as Frame['kind'];
    this.origin = origin;
    this.sequence = readU64(buffer, at + 16);
    this.timeMs = readU64(buffer, at + 24);
    this.payload = buffer.subarray(at + FRAME_HEADER_BYTES, at + bytes);
    this.segment = segment;
    this.end = end;
    this.#buffer = buffer;
    this.#at = at;
  }

  /** Bytes from the beginning of the segment to the frame. */
  get offset(): number {
    return this.end - FRAME_HEADER_BYTES - this.payload.length;
  }

  /** Its CRC-32, as it stands in its header. */
  get checksum(): number {
    return readU32(this.#buffer, this.#at + 4);
  }

  get leafHash(): Uint8Array {
    return this.#buffer.subarray(this.#at + 32, this.#at + 64);
  }
}
