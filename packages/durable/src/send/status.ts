/** The wire types of a `Status`. */
const VARINT = 0;
const BYTES = 2;

/**
 * The message of a `google.rpc.Status` (field 2), with which OTLP/HTTP answers errors; `undefined` where the bytes are not
 * one whole, or it says nothing.
 */
export function readStatusMessage(bytes: Uint8Array): string | undefined {
  let message: Uint8Array | undefined;
  let at = 0;
  while (at < bytes.length) {
    const tag = readVarint(bytes, at);
    if (tag === undefined) return undefined;
    const field = tag.value >>> 3;
    const wire = tag.value & 7;
    // A Status has three fields; a page of HTML, which also parses as something now and then, has others.
    if (field < 1 || field > 3 || wire !== (field === 1 ? VARINT : BYTES)) return undefined;
    const end = skip(bytes, tag.end, wire);
    if (end === undefined) return undefined;
    if (field === 2) message = bytes.subarray(end.start, end.end);
    at = end.end;
  }
  if (message === undefined || message.length === 0) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(message);
  } catch {
    return undefined;
  }
}

/** Where the content of a field begins and ends. */
function skip(bytes: Uint8Array, at: number, wire: number): { start: number; end: number } | undefined {
  const number = readVarint(bytes, at);
  if (number === undefined || wire === VARINT) return number && { start: at, end: number.end };
  const end = number.end + number.value;
  return end > bytes.length ? undefined : { start: number.end, end };
}

/** A varint of up to 32 bits of value; longer ones, up to ten bytes, are passed over with their low bits. */
function readVarint(bytes: Uint8Array, at: number): { value: number; end: number } | undefined {
  let value = 0;
  for (let index = 0; index < 10; index += 1) {
    const byte = bytes[at + index];
    if (byte === undefined) return undefined;
    if (index < 5) value += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return { value, end: at + index + 1 };
  }
  return undefined;
}
