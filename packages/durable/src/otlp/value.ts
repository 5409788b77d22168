/**
 * `opentelemetry.proto.common.v1`: AnyValue, ArrayValue, KeyValueList, KeyValue.
 */
import { types } from 'node:util';
import { RECORD_TOO_LARGE } from './bytes.js';
import type { ByteWriter } from './bytes.js';
import { CIRCULAR, TOO_DEEP, UNREADABLE, standInFor, textOf } from './stand-in.js';

/**
 * Levels of nesting in one value at most. A level is up to three messages, and many decoders (C++, Java, Rust) refuse a
 * whole request that nests more than 100.
 */
export const DEPTH_MAX = 30;

const INT64_MIN = -(2 ** 63);
const INT64_END = 2 ** 63;

/**
 * Writes the fields of an AnyValue, whatever the value is. Throws nothing but {@link RECORD_TOO_LARGE}.
 *
 * | value | form in OTLP |
 * |---|---|
 * | `undefined`, `null`, a hole in an array | a value without a field |
 * | string | string; lone surrogates become U+FFFD |
 * | boolean | bool |
 * | number | int where it is an integer within 64 bits (so is -0), otherwise double (so are NaN and the infinities) |
 * | `Uint8Array`, `Buffer`, `ArrayBuffer`, `DataView` | bytes |
 * | array, `Set`, other typed array | array |
 * | plain object; other object with own enumerable members | kvlist of its own enumerable members with string keys |
 * | `Map` | kvlist where all keys are strings, otherwise array of [key, value] |
 * | bigint | string, decimal; `[bigint too large]` from 2^65536 |
 * | `Date` | string, RFC 3339; `[invalid date]` |
 * | `Error` | string, `name: message` |
 * | symbol, `RegExp` | string, as JavaScript writes them |
 * | boxed primitive | as the primitive |
 * | function, class | string, `[function name]` |
 * | object without members | string: what its `toJSON` gives (a URL), otherwise `[object Name]` |
 * | an object inside itself | string, `[circular]` |
 * | deeper than {@link DEPTH_MAX} | string, `[too deep]` |
 * | a member or object that throws when it is read | string, `[unreadable]` |
 */
export function writeValue(writer: ByteWriter, value: unknown, ancestors?: object[]): void {
  switch (typeof value) {
    case 'string':
      return writeText(writer, value);
    case 'number':
      return writeNumber(writer, value);
    case 'boolean':
      return writer.twoBytes(0x10, value ? 1 : 0);
    case 'undefined':
      return;
    case 'object':
      if (value !== null) writeObject(writer, value, ancestors ?? []);
      return;
    default:
      return writeText(writer, textOf(value as bigint | symbol | Function));
  }
}

/** A member, or what says that it cannot be read. */
export function read(from: object, key: string | number): unknown {
  try {
    return (from as Record<string | number, unknown>)[key];
  } catch {
    return UNREADABLE;
  }
}

function writeText(writer: ByteWriter, text: string): void {
  writer.byte(0x0a);
  writer.string(text);
}

function writeNumber(writer: ByteWriter, value: number): void {
  if (Number.isInteger(value) && value >= INT64_MIN && value < INT64_END) {
    writer.byte(0x18);
    writer.varint(value);
  } else {
    writer.byte(0x21);
    writer.double(value);
  }
}

/** Length and KeyValue. */
export function writeKeyValue(writer: ByteWriter, key: string, value: unknown, ancestors?: object[]): void {
  const keyValue = writer.open();
  writeText(writer, key);
  writer.byte(0x12);
  writeNested(writer, value, ancestors);
  writer.close(keyValue);
}

/** Length and AnyValue. */
function writeNested(writer: ByteWriter, value: unknown, ancestors: object[] | undefined): void {
  const nested = writer.open();
  writeValue(writer, value, ancestors);
  writer.close(nested);
}

function writeObject(writer: ByteWriter, value: object, ancestors: object[]): void {
  const start = writer.length;
  const depth = ancestors.length;
  if (ancestors.includes(value)) return writeText(writer, CIRCULAR);
  if (depth >= DEPTH_MAX) return writeText(writer, TOO_DEEP);
  try {
    ancestors.push(value);
    writeForm(writer, value, ancestors);
    ancestors.pop();
  } catch (error) {
    if (error === RECORD_TOO_LARGE) throw error;
    ancestors.length = depth;
    writer.length = start;
    writeText(writer, UNREADABLE);
  }
}

function writeForm(writer: ByteWriter, value: object, ancestors: object[]): void {
  if (Array.isArray(value)) return writeList(writer, value, ancestors);
  if (types.isTypedArray(value)) return writeTypedArray(writer, value, ancestors);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) return writeMembers(writer, value, ancestors);
  const form = standInFor(value);
  if (form === value) return writeMembers(writer, value, ancestors);
  // In one step, so that what stands for a value counts as no level of its own.
  if (Array.isArray(form)) writeList(writer, form, ancestors);
  else if (types.isUint8Array(form)) writeBytes(writer, form);
  else if (typeof form === 'object' && form !== null) writeMembers(writer, form, ancestors);
  else writeValue(writer, form, ancestors);
}

function writeTypedArray(writer: ByteWriter, value: NodeJS.TypedArray, ancestors: object[]): void {
  if (types.isUint8Array(value)) writeBytes(writer, value);
  else writeList(writer, value, ancestors);
}

function writeBytes(writer: ByteWriter, value: Uint8Array): void {
  writer.byte(0x3a);
  writer.bytes(value);
}

function writeList(writer: ByteWriter, values: ArrayLike<unknown>, ancestors: object[]): void {
  // Each takes two bytes at least: an array of a thousand million holes is refused here, not after all of them.
  writer.reserve(values.length * 2);
  writer.byte(0x2a);
  const list = writer.open();
  for (let index = 0; index < values.length; index++) {
    writer.byte(0x0a);
    writeNested(writer, read(values, index), ancestors);
  }
  writer.close(list);
}

function writeMembers(writer: ByteWriter, members: object, ancestors: object[]): void {
  writer.byte(0x32);
  const list = writer.open();
  for (const key in members) {
    if (!Object.hasOwn(members, key)) continue;
    writer.byte(0x0a);
    writeKeyValue(writer, key, read(members, key), ancestors);
  }
  writer.close(list);
}
