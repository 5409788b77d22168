/**
 * Makes `test/vectors/spool/`, from the text of `docs/spec/spool.md` alone: nothing of the product is imported, so that a mistake in it
 * is not in the vectors as well. Run it with `node packages/durable/test/spool/vectors.ts`.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const STREAM_ID = '0189d5c8-7a10-4b3c-8d2e-1f6a5b4c3d2e';
export const BEGUN_AT = 1_795_000_000_000;
export const DIRECTORY: string = join(import.meta.dirname, '../../../../test/vectors/spool');

/** CRC-32 bit by bit, as in the appendix of RFC 1952. */
function crc(bytes: Buffer, seed = 0): number {
  let value = seed ^ 0xffffffff;
  for (const byte of bytes) {
    value ^= byte;
    for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  }
  return (value ^ 0xffffffff) >>> 0;
}

const u16 = (value: number): Buffer => Buffer.from(Uint16Array.of(value).buffer);
const u32 = (value: number): Buffer => Buffer.from(Uint32Array.of(value).buffer);
const u64 = (value: number): Buffer => Buffer.from(BigUint64Array.of(BigInt(value)).buffer);
const zeros = (count: number): Buffer => Buffer.alloc(count);
const uuid = Buffer.from(STREAM_ID.replaceAll('-', ''), 'hex');

function block(magic: string, version: number, rest: Buffer): Buffer {
  const head = Buffer.concat([Buffer.from(magic, 'latin1'), Buffer.of(version)]);
  return Buffer.concat([head, u32(crc(Buffer.concat([head, rest]))), rest]);
}

function segmentHeader(number: number, firstSequence: number, version = 1): Buffer {
  return block(
    'DTSPOOL',
    version,
    Buffer.concat([u32(0), uuid, u64(number), u64(firstSequence), u64(BEGUN_AT), u64(0)]),
  );
}

interface FrameParts {
  readonly kind: number;
  readonly origin?: number;
  readonly sequence: number;
  readonly hash?: Buffer;
  readonly payload: Buffer;
}

function frame(segment: number, { kind, origin = 0, sequence, hash = zeros(32), payload }: FrameParts): Buffer {
  const head = Buffer.concat([Buffer.of(kind, 0), u16(origin), u32(0), u64(sequence), u64(BEGUN_AT), hash]);
  const rest = Buffer.concat([head, payload]);
  return Buffer.concat([u32(payload.length), u32(crc(rest, crc(Buffer.concat([uuid, u64(segment)])))), rest]);
}

const originPayload = (name: string): Buffer =>
  Buffer.concat([u32(`resource ${name}`.length), Buffer.from(`resource ${name}scope ${name}`)]);

/** A log record has a hash of its number; a span has none. */
const log = (segment: number, sequence: number, origin = 0): Buffer =>
  frame(segment, {
    kind: 1,
    origin,
    sequence,
    hash: Buffer.alloc(32, sequence),
    payload: Buffer.from(`record ${sequence}`),
  });
const span = (segment: number, sequence: number, origin: number): Buffer =>
  frame(segment, { kind: 2, origin, sequence, payload: Buffer.from(`span after ${sequence}`) });
const originFrame = (segment: number, origin: number, sequence: number, name: string): Buffer =>
  frame(segment, { kind: 3, origin, sequence, payload: originPayload(name) });

const first = [
  segmentHeader(1, 1),
  originFrame(1, 0, 0, 'a'),
  log(1, 1),
  originFrame(1, 1, 1, 'b'),
  span(1, 1, 1),
  log(1, 2, 1),
  log(1, 3),
];
const second = [segmentHeader(2, 4), originFrame(2, 0, 3, 'a'), log(2, 4)];
const whole = Buffer.concat(first);

const slot = (generation: number, segment: number, offset: number, sequence: number): Buffer =>
  block('DTCURSR', 1, Buffer.concat([u32(0), u64(generation), u64(segment), u64(offset), u64(sequence), zeros(16)]));

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = copy[at]! ^ 1;
  return copy;
}

const offsetOf = (index: number): number => Buffer.concat(first.slice(0, index)).length;

/** Files by their paths in the directory of vectors. */
export const files: ReadonlyMap<string, Buffer> = new Map([
  ['whole/0000000001.segment', whole],
  ['whole/0000000002.segment', Buffer.concat(second)],
  // Generation 2 stands in the first slot, and counts.
  ['whole/logs.cursor', Buffer.concat([slot(2, 1, offsetOf(6), 2), slot(1, 1, offsetOf(3), 1)])],
  ['torn/0000000001.segment', whole.subarray(0, -5)],
  ['corrupt/0000000001.segment', flipped(whole, offsetOf(5) + 70)],
  ['missing/0000000001.segment', whole],
  ['missing/0000000003.segment', Buffer.concat([segmentHeader(3, 6), originFrame(3, 0, 5, 'a'), log(3, 6)])],
  ['newer/0000000001.segment', Buffer.concat([segmentHeader(1, 1, 2), ...first.slice(1)])],
  ['empty/0000000001.segment', segmentHeader(1, 1)],
]);

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [path, bytes] of files) {
    mkdirSync(dirname(join(DIRECTORY, path)), { recursive: true });
    writeFileSync(join(DIRECTORY, path), bytes);
  }
}
