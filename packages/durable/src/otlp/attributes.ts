/**
 * Attributes: `repeated KeyValue`, most of a record's fields.
 */
import type { ByteWriter } from './bytes.js';
import { STAMPED } from './conventions.js';
import { read, writeKeyValue } from './value.js';

/** Attributes as both lines of the SDK hold them; values are whatever the application gave. */
export type Attributes = Readonly<Record<string, unknown>>;

const NO_NAMES: readonly string[] = [];

/** Bytes of key and value together of an attribute all of whose lengths fit into one byte each. */
const SHORT_MAX = 121;

/** Keys that are remembered. Applications use a few dozen; one that makes keys up must not fill the memory. */
const HEADS_MAX = 1024;

/** Bytes of a head beside its key. */
const HEAD_BYTES = 8;

/**
 * By key what stands before a short text in an encoded attribute, as text: tag, length, key field, tag and length of the value,
 * tag and length of its string. The tag and the lengths behind the key are 0, to be filled in. Empty where the key is not
 * ASCII, or is one that has to be looked at: one of {@link STAMPED}.
 */
const heads = new Map<string, string>();

/**
 * Writes each of the attributes as a KeyValue behind a tag of one byte; those with short texts come last. What throws when it is
 * read says so in its place; throws where the keys cannot be listed.
 *
 * @param isStamped Whether attributes that only the spool gives are left out.
 * @returns The names of those that were.
 */
export function writeAttributes(
  writer: ByteWriter,
  tag: number,
  attributes: Attributes,
  isStamped: boolean,
): readonly string[] {
  const start = writer.length;
  // One call into the runtime for each string is most of the cost. So short texts are joined, written as one, and their lengths
  // filled in afterwards.
  const keys = Object.keys(attributes);
  let leftOut = NO_NAMES;
  let joined = '';
  let count = 0;
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index]!;
    const value = read(attributes, key);
    const head = typeof value === 'string' && key.length + value.length <= SHORT_MAX ? headOf(key) : '';
    if (head !== '') {
      joined += head + (value as string);
      // The list of keys is our own, and this place in it has been read.
      keys[count++] = value as string;
    } else if (isStamped && STAMPED.has(key)) {
      leftOut = [...leftOut, key];
    } else {
      writeAttribute(writer, tag, key, value);
    }
  }
  if (count > 0 && !writeJoined(writer, tag, joined, keys, count)) {
    writer.length = start;
    writeOneByOne(writer, tag, attributes, isStamped);
  }
  return leftOut;
}

/** Writes one attribute as a KeyValue behind a tag of one byte. */
export function writeAttribute(writer: ByteWriter, tag: number, key: string, value: unknown): void {
  writer.byte(tag);
  writeKeyValue(writer, key, value);
}

function writeOneByOne(writer: ByteWriter, tag: number, attributes: Attributes, isStamped: boolean): void {
  for (const key of Object.keys(attributes)) {
    if (!isStamped || !STAMPED.has(key)) writeAttribute(writer, tag, key, read(attributes, key));
  }
}

/** Returns whether each has its lengths in one byte; where not, nothing of it holds. */
function writeJoined(
  writer: ByteWriter,
  tag: number,
  joined: string,
  values: readonly string[],
  count: number,
): boolean {
  writer.reserveText(joined);
  const { buffer } = writer;
  let at = writer.length;
  // Bytes that UTF-8 has more than the text has units, in the values that are still to come.
  let surplus = writer.putText(joined, at) - joined.length;
  for (let index = 0; index < count; index++) {
    const keyBytes = buffer[at + 3]!;
    const valueAt = at + keyBytes + HEAD_BYTES;
    let valueBytes = values[index]!.length;
    if (surplus > 0) {
      const end = endOfText(buffer, valueAt, valueBytes);
      surplus -= end - valueAt - valueBytes;
      valueBytes = end - valueAt;
      if (keyBytes + valueBytes > SHORT_MAX) return false;
    }
    buffer[at] = tag;
    buffer[at + 1] = keyBytes + valueBytes + 6;
    buffer[valueAt - 3] = valueBytes + 2;
    buffer[valueAt - 1] = valueBytes;
    at = valueAt + valueBytes;
  }
  writer.length = at;
  return true;
}

/** Where UTF-8 of so many UTF-16 code units ends. */
function endOfText(buffer: Buffer, start: number, units: number): number {
  let at = start;
  for (let rest = units; rest > 0; rest--) {
    const byte = buffer[at]!;
    if (byte < 0x80) at += 1;
    else if (byte < 0xe0) at += 2;
    else if (byte < 0xf0) at += 3;
    else {
      // A pair of surrogates.
      at += 4;
      rest--;
    }
  }
  return at;
}

function headOf(key: string): string {
  const known = heads.get(key);
  if (known !== undefined) return known;
  if (heads.size >= HEADS_MAX) heads.clear();
  const isPlain = Buffer.byteLength(key) === key.length && !STAMPED.has(key);
  const head = isPlain ? `\0\0\n${String.fromCharCode(key.length)}${key}\x12\0\n\0` : '';
  heads.set(key, head);
  return head;
}
