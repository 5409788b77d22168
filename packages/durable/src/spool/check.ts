/**
 * Whether a frame is good, and where the next good one is. No I/O.
 */
import { setImmediate } from 'node:timers/promises';

import { checksumFits, frameBytes, isKind, plausibleFrame, readU64, SEGMENT_BYTES_MAX } from './format.js';
import { FRAME_HEADER_BYTES, KIND } from './frame.js';
import type { Origin } from './frame.js';

/** Bytes that are looked at between two turns of the event loop. */
const SCAN_STEP_BYTES: number = 1024 * 1024;
/** Bytes whose checksum is computed at most in one search: content made to look like frames must not make it endless. */
const SCAN_CHECKSUM_BYTES_MAX: number = 64 * SEGMENT_BYTES_MAX;

/** What has been read of a segment so far, by which a frame is judged. */
export interface Context {
  readonly seed: number;
  readonly origins: ReadonlyMap<number, Origin>;
  /** Something in the segment could not be read: an origin may be among it. */
  readonly damaged: boolean;
  /** Number of the last log record, -1 where it is not known. */
  readonly lastSequence: number;
  /** Something right before could not be read: the number may be any greater one. */
  readonly afterDamage: boolean;
}

/** The index of the origin of the frame at `at`. */
export function originIndex(buffer: Buffer, at: number): number {
  return buffer[at + 10]! | (buffer[at + 11]! << 8);
}

/**
 * Judges a frame that lies within the buffer. `unknown`: whole, and of a kind that this version does not have.
 *
 * @param bytes see `frameBytes`.
 */
export function checkFrame(context: Context, buffer: Buffer, at: number, bytes: number): 'good' | 'bad' | 'unknown' {
  if (!plausibleFrame(buffer, at)) return 'bad';
  const kind = buffer[at + 8]!;
  // Cheap things first: in a search this runs at every offset.
  if (isKind(kind) && !(sequenceFits(context, kind, readU64(buffer, at + 16)) && originFits(context, buffer, at)))
    return 'bad';
  if (!checksumFits(buffer, at, bytes, context.seed)) return 'bad';
  return isKind(kind) ? 'good' : 'unknown';
}

function sequenceFits(context: Context, kind: number, sequence: number): boolean {
  if (context.lastSequence < 0) return true;
  const expected = kind === KIND.logRecord ? context.lastSequence + 1 : context.lastSequence;
  return context.afterDamage ? sequence >= expected : sequence === expected;
}

function originFits(context: Context, buffer: Buffer, at: number): boolean {
  const index = originIndex(buffer, at);
  // Notes stand in dead letters only, which are not read as a stream.
  if (buffer[at + 8] === KIND.note) return false;
  if (buffer[at + 8] !== KIND.origin) return context.damaged || context.origins.has(index);
  return context.damaged ? !context.origins.has(index) : index === context.origins.size;
}

/**
 * Finds the first good frame in what is left of a segment.
 *
 * @returns its place; -1 where there is none, `exhausted` where the search was given up.
 */
export async function findGoodFrame(context: Context, rest: Buffer): Promise<number | 'exhausted'> {
  let checksumBytes = 0;
  for (let from = 0; from < rest.length; from += SCAN_STEP_BYTES) {
    if (from > 0) await setImmediate();
    const to = Math.min(from + SCAN_STEP_BYTES, rest.length - FRAME_HEADER_BYTES);
    for (let at = from; at < to; at += 1) {
      if (!isKind(rest[at + 8]!) || !plausibleFrame(rest, at)) continue;
      const bytes = frameBytes(rest, at);
      if (bytes === 0 || at + bytes > rest.length) continue;
      checksumBytes += bytes;
      if (checksumBytes > SCAN_CHECKSUM_BYTES_MAX) return 'exhausted';
      if (checkFrame(context, rest, at, bytes) === 'good') return at;
    }
  }
  return -1;
}
