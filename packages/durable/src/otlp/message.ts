/**
 * What log records and spans have in common as messages.
 */
import { writeAttribute, writeAttributes } from './attributes.js';
import type { Attributes } from './attributes.js';
import { RECORD_BYTES_MAX, RECORD_TOO_LARGE } from './bytes.js';
import type { ByteWriter } from './bytes.js';
import { ATTR_UNENCODED } from './conventions.js';
import { UNREADABLE } from './stand-in.js';

/** Seconds and nanoseconds since the Unix epoch. */
export type HrTimeLike = readonly [number, number];

/** What both lines of OpenTelemetry call a SpanContext. */
export interface SpanContextLike {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceFlags: number;
  readonly isRemote?: boolean | undefined;
  readonly traceState?: { serialize(): string } | undefined;
}

/**
 * What became of a record: `encoded`; `too-large`, it has more than {@link RECORD_BYTES_MAX} bytes; `unreadable`, reading the
 * record itself threw; `in-use`, the writer is in the middle of another record. Only the first leaves anything in the writer.
 */
export type Encoded = 'encoded' | 'too-large' | 'unreadable' | 'in-use';

/** Names of fields that could not be encoded, and where to write that down. */
export type Unencoded = string[];

const TWO_16 = 65_536;
const TWO_32 = 4_294_967_296;
const NANOS_PER_SECOND = 1_000_000_000;

/** Seconds from which nanoseconds no longer fit into 64 bits. */
const SECONDS_END = 18_446_744_073;

/** Value of a hexadecimal digit by its character code; 255 for all else. */
const HEX_DIGITS: Uint8Array = Uint8Array.from({ length: 128 }, (_, code) => {
  const digit = '0123456789abcdef'.indexOf(String.fromCharCode(code).toLowerCase());
  return digit < 0 ? 255 : digit;
});

/** Writes field 2 of the enclosing message: tag, length, and what `write` writes. Never throws. */
export function encodeMessage<T, E>(
  writer: ByteWriter,
  write: (writer: ByteWriter, record: T, extra: E) => void,
  record: T,
  extra: E,
): Encoded {
  if (writer.inUse) return 'in-use';
  const start = writer.length;
  writer.inUse = true;
  try {
    writer.byte(0x12);
    // Nearly all records have from 128 bytes to 16 KiB.
    const message = writer.open(2);
    write(writer, record, extra);
    writer.close(message, 2);
    if (writer.length - start <= RECORD_BYTES_MAX) return 'encoded';
    writer.length = start;
    return 'too-large';
  } catch (error) {
    writer.length = start;
    return error === RECORD_TOO_LARGE ? 'too-large' : 'unreadable';
  } finally {
    writer.inUse = false;
  }
}

/** A string field; absent where it is empty or undefined. What is no string is written as the text of a value would be. */
export function writeStringField(writer: ByteWriter, tag: number, value: unknown): void {
  if (value === undefined || value === null || value === '') return;
  writer.byte(tag);
  writer.string(typeof value === 'string' ? value : printed(value));
}

/** Times are unsigned nanoseconds; 0 stands for a time that is not known. */
export function writeTime(writer: ByteWriter, tag: number, time: HrTimeLike, name: string, unencoded: Unencoded): void {
  const seconds = time?.[0];
  const nanos = time?.[1];
  if (!(seconds >= 0 && seconds < SECONDS_END && nanos >= 0 && nanos < TWO_32)) {
    addUnencoded(unencoded, name);
    return;
  }
  writer.byte(tag);
  // Exact, though the whole does not fit into a double: no product here has more than 49 bits.
  const upper = Math.floor(seconds / TWO_16) * NANOS_PER_SECOND;
  const low = (upper % TWO_16) * TWO_16 + (seconds % TWO_16) * NANOS_PER_SECOND + nanos;
  writer.fixed64(low >>> 0, Math.floor(upper / TWO_16) + Math.floor(low / TWO_32));
}

/** An id of so many bytes, given in hexadecimal; absent where it is not given. */
export function writeId(
  writer: ByteWriter,
  tag: number,
  id: unknown,
  bytes: number,
  name: string,
  unencoded: Unencoded,
): void {
  if (id === undefined || id === null || id === '') return;
  if (typeof id !== 'string' || id.length !== bytes * 2) {
    addUnencoded(unencoded, name);
    return;
  }
  writer.reserve(bytes + 2);
  const { buffer, length: at } = writer;
  let wrong = 0;
  for (let index = 0; index < bytes; index++) {
    const high = HEX_DIGITS[id.charCodeAt(2 * index)] ?? 255;
    const low = HEX_DIGITS[id.charCodeAt(2 * index + 1)] ?? 255;
    wrong |= high | low;
    buffer[at + 2 + index] = (high << 4) | low;
  }
  if (wrong > 15) {
    addUnencoded(unencoded, name);
    return;
  }
  buffer[at] = tag;
  buffer[at + 1] = bytes;
  writer.length = at + 2 + bytes;
}

/** A number of things, or an enumeration: an integer of 32 bits; absent where it is 0 or not given. */
export function writeCount(writer: ByteWriter, tag: number, value: unknown, name: string, unencoded: Unencoded): void {
  if (value === 0 || value === undefined || value === null) return;
  if (typeof value === 'number' && Number.isInteger(value) && value > 0 && value < TWO_32) {
    writer.byte(tag);
    writer.varint(value);
  } else {
    addUnencoded(unencoded, name);
  }
}

/** Attributes that may not let themselves be listed at all; then there are none, and it is said. */
export function writeGivenAttributes(
  writer: ByteWriter,
  tag: number,
  attributes: Attributes | undefined,
  unencoded: Unencoded,
  isStamped = false,
): void {
  if (attributes === undefined || attributes === null) return;
  const start = writer.length;
  try {
    for (const name of writeAttributes(writer, tag, attributes, isStamped)) addUnencoded(unencoded, name);
  } catch (error) {
    if (error === RECORD_TOO_LARGE) throw error;
    writer.length = start;
    addUnencoded(unencoded, 'attributes');
  }
}

/** Says in the record which of its fields could not be encoded. */
export function writeUnencoded(writer: ByteWriter, tag: number, unencoded: Unencoded): void {
  if (unencoded.length > 0) writeAttribute(writer, tag, ATTR_UNENCODED, unencoded);
}

export function addUnencoded(unencoded: Unencoded, name: string): void {
  // A span may have thousands of events with the same fault.
  if (!unencoded.includes(name)) unencoded.push(name);
}

function printed(value: unknown): string {
  try {
    return typeof value === 'object' ? Object.prototype.toString.call(value) : String(value);
  } catch {
    return UNREADABLE;
  }
}
