/**
 * Export requests put together from frames, and what comes back.
 */
import type { Frame, Origin } from '../spool/frame.js';
import { varintBytes } from './bytes.js';

/** What a Collector said of a request that it took. */
export interface ExportResponse {
  /** Records or spans that it refused; it took all others. */
  readonly rejected: number;
  /** Why, or a warning where it refused none; 1,024 characters at most. */
  readonly message: string;
}

const MESSAGE_CHARS_MAX = 1024;

const PARTIAL_SUCCESS = 1;
const REJECTED = 1;
const ERROR_MESSAGE = 2;

/** Consecutive frames of one origin. */
interface Run {
  readonly origin: Origin;
  /** Index of the first frame, and of the one behind the last. */
  readonly from: number;
  readonly to: number;
  /** Bytes of `ScopeLogs`, and of `ResourceLogs` around it. */
  readonly scopeBytes: number;
  readonly resourceBytes: number;
}

/**
 * An `ExportLogsServiceRequest` or `ExportTraceServiceRequest` of frames that are all of one kind, in their order. Nothing is
 * parsed: each run of frames with one origin becomes one `ResourceLogs` with one `ScopeLogs` (or `ResourceSpans`, `ScopeSpans`).
 *
 * @param allocate gives a buffer of exactly so many bytes.
 */
export function assembleRequest(
  frames: readonly Frame[],
  allocate: (size: number) => Buffer = (size) => Buffer.allocUnsafe(size),
): Buffer {
  const runs = runsOf(frames);
  let size = 0;
  for (const run of runs) size += 1 + varintBytes(run.resourceBytes) + run.resourceBytes;
  const request = allocate(size);
  let at = 0;
  for (const run of runs) at = putRun(request, at, frames, run);
  return request;
}

/** Requests of a kilobyte or so are not worth keeping their memory for, and larger ones than this do not come often. */
const KEPT_BYTES_MIN = 64 * 1024;
const KEPT_BYTES_MAX = 8 * 1024 * 1024;

/** The memory of one request after the other, where each is over before the next is made. */
export class RequestMemory {
  #free: Buffer | undefined;
  #used: Buffer | undefined;

  readonly allocate = (size: number): Buffer => {
    const buffer =
      this.#free !== undefined && this.#free.length >= size
        ? this.#free
        : Buffer.allocUnsafeSlow(Math.ceil(size * 1.25));
    this.#free = undefined;
    this.#used = buffer;
    return buffer.subarray(0, size);
  };

  /** The last request was read to its end; without this its memory is left to whoever may still be sending it. */
  release(): void {
    const bytes = this.#used?.length ?? 0;
    if (bytes >= KEPT_BYTES_MIN && bytes <= KEPT_BYTES_MAX) this.#free = this.#used;
    this.#used = undefined;
  }
}

function runsOf(frames: readonly Frame[]): Run[] {
  const runs: Run[] = [];
  const kind = frames[0]?.kind;
  let from = 0;
  while (from < frames.length) {
    const { origin } = frames[from]!;
    let payloadBytes = 0;
    let to = from;
    for (; to < frames.length && frames[to]!.origin === origin; to++) {
      if (frames[to]!.kind !== kind) throw new TypeError('log records and spans cannot be in one request');
      payloadBytes += frames[to]!.payload.length;
    }
    const scopeBytes = origin.scope.length + payloadBytes;
    const resourceBytes = origin.resource.length + 1 + varintBytes(scopeBytes) + scopeBytes;
    runs.push({ origin, from, to, scopeBytes, resourceBytes });
    from = to;
  }
  return runs;
}

function putRun(request: Buffer, start: number, frames: readonly Frame[], run: Run): number {
  let at = putLength(request, start, 0x0a, run.resourceBytes);
  at = putBytes(request, at, run.origin.resource);
  at = putLength(request, at, 0x12, run.scopeBytes);
  at = putBytes(request, at, run.origin.scope);
  for (let index = run.from; index < run.to; index++) at = putBytes(request, at, frames[index]!.payload);
  return at;
}

function putBytes(request: Buffer, at: number, bytes: Uint8Array): number {
  request.set(bytes, at);
  return at + bytes.length;
}

function putLength(request: Buffer, at: number, tag: number, length: number): number {
  request[at] = tag;
  let next = at + 1;
  let rest = length;
  for (; rest > 127; rest >>>= 7) request[next++] = (rest & 127) | 128;
  request[next++] = rest;
  return next;
}

/**
 * Reads an `ExportLogsServiceResponse` or `ExportTraceServiceResponse`; `undefined` where the bytes are none. An empty one says
 * that all was taken. Fields of later versions are passed over. Never throws.
 */
export function readResponse(bytes: Uint8Array): ExportResponse | undefined {
  let rejected = 0;
  let message = '';
  const isMessage = forEachField(bytes, (field, value) => {
    if (field !== PARTIAL_SUCCESS) return true;
    if (!(value instanceof Uint8Array)) return false;
    return forEachField(value, (inner, content) => {
      if (inner === REJECTED) {
        if (!Number.isSafeInteger(content)) return false;
        rejected = content as number;
      } else if (inner === ERROR_MESSAGE) {
        if (!(content instanceof Uint8Array)) return false;
        message = textOf(content);
      }
      return true;
    });
  });
  return isMessage ? { rejected, message } : undefined;
}

/** What a field holds: a varint, or bytes; `undefined` of the fixed-size ones, which no response has. */
type FieldValue = number | Uint8Array | undefined;

/** Calls back for each field until that returns false. Returns whether it never did, and the bytes are a message. */
function forEachField(bytes: Uint8Array, visit: (field: number, value: FieldValue) => boolean): boolean {
  let at = 0;
  while (at < bytes.length) {
    const tag = readVarint(bytes, at);
    if (tag === undefined || tag.value < 8 || tag.value >= 2 ** 32) return false;
    const field = readField(bytes, tag.end, tag.value & 7);
    if (field === undefined || !visit(tag.value >>> 3, field.value)) return false;
    at = field.end;
  }
  return true;
}

function readField(bytes: Uint8Array, at: number, wireType: number): { value: FieldValue; end: number } | undefined {
  if (wireType === 0) return readVarint(bytes, at);
  let end = at + (wireType === 1 ? 8 : 4);
  let value: FieldValue;
  if (wireType === 2) {
    const length = readVarint(bytes, at);
    if (length === undefined) return undefined;
    end = length.end + length.value;
    value = bytes.subarray(length.end, end);
  } else if (wireType !== 1 && wireType !== 5) {
    return undefined;
  }
  return end <= bytes.length ? { value, end } : undefined;
}

/** An unsigned integer; from 2^53 only about. */
function readVarint(bytes: Uint8Array, start: number): { value: number; end: number } | undefined {
  let value = 0;
  let scale = 1;
  for (let at = start; at < bytes.length && at < start + 10; at++) {
    const byte = bytes[at]!;
    value += (byte & 127) * scale;
    scale *= 128;
    if (byte < 128) return { value, end: at + 1 };
  }
  return undefined;
}

function textOf(bytes: Uint8Array): string {
  // No more is decoded than so many characters can take.
  const text = new TextDecoder().decode(bytes.subarray(0, MESSAGE_CHARS_MAX * 3)).slice(0, MESSAGE_CHARS_MAX);
  // Without half of a character that the limit cut in two.
  return text.replace(/[\ud800-\udbff]$/, '');
}
