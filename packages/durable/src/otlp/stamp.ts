/**
 * The attributes that the spool adds to a log record.
 */
import { writeAttribute } from './attributes.js';
import { ByteWriter } from './bytes.js';
import { ATTR_LEAF_HASH, ATTR_SEQUENCE_NUMBER, ATTR_STREAM_ID } from './conventions.js';

/** What the spool adds to a record. One object may be used again for every record. */
export interface Stamp {
  readonly streamId: string;
  /** Number in the stream, from 1. */
  readonly sequence: number;
  /** RFC 6962 leaf hash of a text body: 32 bytes. */
  readonly leafHash: Uint8Array | undefined;
}

const ATTRIBUTES_TAG = 0x32;
const LEAF_HASH_BYTES = 32;
const HEX_DIGITS = Buffer.from('0123456789abcdef', 'latin1');

/** All but the digits. */
const LEAF_HASH_HEAD = encodedAttribute(ATTR_LEAF_HASH, '0'.repeat(2 * LEAF_HASH_BYTES)).subarray(
  0,
  -2 * LEAF_HASH_BYTES,
);

/** All but the number, with the lengths of one of one byte. */
const SEQUENCE_HEAD = encodedAttribute(ATTR_SEQUENCE_NUMBER, 1).subarray(0, -1);
/** Where in it the length of the value is. */
const SEQUENCE_VALUE_AT = SEQUENCE_HEAD.length - 2;

/** A process writes one stream at a time. */
let lastStream = { id: '', bytes: encodedAttribute(ATTR_STREAM_ID, '') };

/** Writes the stamp's attributes behind those of a log record. Nothing is looked up or measured that is known beforehand. */
export function writeStamp(writer: ByteWriter, stamp: Stamp): void {
  const { streamId, sequence, leafHash } = stamp;
  if (streamId !== lastStream.id) lastStream = { id: streamId, bytes: encodedAttribute(ATTR_STREAM_ID, streamId) };
  writer.raw(lastStream.bytes);
  const start = writer.length;
  writer.raw(SEQUENCE_HEAD);
  const number = writer.length;
  writer.varint(sequence);
  const more = writer.length - number - 1;
  writer.buffer[start + 1]! += more;
  writer.buffer[start + SEQUENCE_VALUE_AT]! += more;
  if (leafHash !== undefined) writeLeafHash(writer, leafHash);
}

function writeLeafHash(writer: ByteWriter, leafHash: Uint8Array): void {
  writer.raw(LEAF_HASH_HEAD);
  writer.reserve(2 * LEAF_HASH_BYTES);
  const { buffer } = writer;
  let at = writer.length;
  for (let index = 0; index < LEAF_HASH_BYTES; index++) {
    const byte = leafHash[index]!;
    buffer[at++] = HEX_DIGITS[byte >>> 4]!;
    buffer[at++] = HEX_DIGITS[byte & 15]!;
  }
  writer.length = at;
}

function encodedAttribute(key: string, value: unknown): Buffer {
  const writer = new ByteWriter();
  writeAttribute(writer, ATTRIBUTES_TAG, key, value);
  return Buffer.from(writer.buffer.subarray(0, writer.length));
}
