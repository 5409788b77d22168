import { randomFillSync } from 'node:crypto';

const POOL_BYTES = 4096;
const pool = new Uint8Array(POOL_BYTES);
let poolUsed = POOL_BYTES;

/** Each byte in hexadecimal. */
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

let lastMs = 0;
let counter = 0;

/**
 * A UUID version 7 (RFC 9562): 48 bits of Unix time in milliseconds, a 12-bit counter that keeps the ids of one
 * process in the order they were made even within a millisecond or when the clock steps back, 62 random bits.
 */
export function uuidv7(nowMs: number = Date.now()): string {
  if (poolUsed + 10 > POOL_BYTES) {
    randomFillSync(pool);
    poolUsed = 0;
  }
  const random = pool.subarray(poolUsed, poolUsed + 10);
  poolUsed += 10;

  if (nowMs > lastMs) {
    lastMs = nowMs;
    // The top bit is left clear, so that at least 2,048 ids fit into the millisecond (RFC 9562, 6.2).
    counter = ((random[8]! << 8) | random[9]!) & 0x7ff;
  } else if (++counter > 0xfff) {
    lastMs += 1;
    counter = 0;
  }

  const time = lastMs.toString(16).padStart(12, '0');
  const sequence = counter.toString(16).padStart(3, '0');
  const variant = HEX[(random[0]! & 0x3f) | 0x80]! + HEX[random[1]!]!;
  let node = '';
  for (let i = 2; i < 8; i++) node += HEX[random[i]!]!;
  return `${time.slice(0, 8)}-${time.slice(8)}-7${sequence}-${variant}-${node}`;
}
