import { ReviewError } from '../errors.js';
import { isObject, parseJson } from '../json.js';
import { decodeProtobuf, encodeProtobuf } from './schema.js';
import type { OtlpMessageName } from './schema.js';

/** The two encodings of OTLP/HTTP, by their media types. */
export type OtlpEncoding = 'application/x-protobuf' | 'application/json';

/** The encoding that a Content-Type header names, parameters such as `charset` aside. */
export function encodingOf(contentType: string | undefined): OtlpEncoding | undefined {
  const mediaType = contentType?.split(';', 1)[0]?.trim().toLowerCase();
  return mediaType === 'application/x-protobuf' || mediaType === 'application/json' ? mediaType : undefined;
}

/**
 * Decodes a request to an object with OTLP's field names in lowerCamelCase. Of JSON only the syntax is checked here;
 * `readLogRecords` and `readSpans` check the rest of it.
 *
 * @throws ReviewError `MALFORMED`, `TOO_LARGE`.
 */
export function decodeRequest(name: OtlpMessageName, encoding: OtlpEncoding, body: Buffer): Record<string, unknown> {
  if (encoding === 'application/json') {
    const request = parseJson(decodeUtf8(body));
    if (!isObject(request)) throw new ReviewError('MALFORMED', 'the request is no JSON object');
    return request;
  }
  return decodeProtobuf(name, body);
}

/** Encodes a response; a 64-bit number is given as a string, as JSON writes it. */
export function encodeResponse(
  name: OtlpMessageName,
  encoding: OtlpEncoding,
  message: Record<string, unknown>,
): Buffer {
  if (encoding === 'application/json') return Buffer.from(JSON.stringify(message));
  return Buffer.from(encodeProtobuf(name, message));
}

function decodeUtf8(body: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch (cause) {
    throw new ReviewError('MALFORMED', 'not valid UTF-8', { cause });
  }
}
