import { hash } from 'node:crypto';

/** Bodies of decision records have 64 KiB at most; a longer body gets a buffer of its own. */
const SCRATCH_BYTES: number = 64 * 1024 + 1;
/** The byte 0x00 in front makes it the hash of a leaf (RFC 6962, 2.1), which no inner node can be mistaken for. */
const scratch = Buffer.alloc(SCRATCH_BYTES);

/** SHA-256 of 0x00 and the body's UTF-8; `undefined` where the body is no text. */
export function leafHashOf(body: unknown): Buffer | undefined {
  if (typeof body !== 'string') return undefined;
  // Three bytes at most for one UTF-16 unit.
  if (body.length * 3 < SCRATCH_BYTES || Buffer.byteLength(body) < SCRATCH_BYTES) {
    const bytes = scratch.write(body, 1, 'utf8');
    return hash('sha256', scratch.subarray(0, bytes + 1), 'buffer');
  }
  return hash('sha256', Buffer.concat([Buffer.of(0), Buffer.from(body)]), 'buffer');
}
