import { ReviewError } from '../errors.js';
import { isObject } from '../json.js';

/**
 * Readers for the fields of a decoded OTLP request. One set serves both encodings, which differ only in scalars:
 * protobuf has ids as bytes and 64-bit numbers as `Long`; JSON has ids in hex and 64-bit numbers as strings or numbers,
 * and may have anything anywhere, so each reader checks. An absent field and JSON's `null` are the default value.
 */
type Message = Record<string, unknown>;

/** The value of an attribute or of a log record's body. Integers beyond 2^53 and numbers JSON lacks are strings. */
export type Value = string | number | boolean | null | Value[] | { [key: string]: Value };

export type Attributes = Record<string, Value>;

/** A log record, and the resource that it came from. */
export interface LogRecord {
  eventName: string;
  /** `undefined` where the record has no body. */
  body: Value | undefined;
  /** Time of the event, or else the time it was observed; nanoseconds since 1970. */
  timeUnixNano: bigint;
  /** Lower-case hex; `undefined` where absent or invalid, as OTLP says. */
  traceId: string | undefined;
  spanId: string | undefined;
  attributes: Attributes;
  resource: Attributes;
}

/** A span, and the resource that it came from. Times are nanoseconds since 1970. */
export interface Span {
  traceId: string | undefined;
  spanId: string | undefined;
  parentSpanId: string | undefined;
  name: string;
  kind: number;
  startUnixNano: bigint;
  endUnixNano: bigint;
  statusCode: number;
  statusMessage: string;
  attributes: Attributes;
  events: { name: string; timeUnixNano: string; attributes: Attributes }[];
  links: { traceId: string | null; spanId: string | null; attributes: Attributes }[];
  resource: Attributes;
}

const TRACE_ID_BYTES = 16;
const SPAN_ID_BYTES = 8;
const UINT64_MAX = 2n ** 64n - 1n;

/**
 * The log records of an `ExportLogsServiceRequest`, in their order.
 *
 * @throws ReviewError `MALFORMED` where a field has the wrong type.
 */
export function readLogRecords(request: Message): LogRecord[] {
  const records: LogRecord[] = [];
  for (const group of messages(request, 'resourceLogs')) {
    const resource = readResource(group);
    for (const scope of messages(group, 'scopeLogs')) {
      for (const record of messages(scope, 'logRecords')) records.push(readLogRecord(record, resource));
    }
  }
  return records;
}

/**
 * The spans of an `ExportTraceServiceRequest`, in their order.
 *
 * @throws ReviewError `MALFORMED` where a field has the wrong type.
 */
export function readSpans(request: Message): Span[] {
  const spans: Span[] = [];
  for (const group of messages(request, 'resourceSpans')) {
    const resource = readResource(group);
    for (const scope of messages(group, 'scopeSpans')) {
      for (const span of messages(scope, 'spans')) spans.push(readSpan(span, resource));
    }
  }
  return spans;
}

function readLogRecord(record: Message, resource: Attributes): LogRecord {
  const time = uint64(record, 'timeUnixNano');
  const body = record['body'];
  return {
    eventName: text(record, 'eventName'),
    body: isAbsent(body) ? undefined : readValue(body),
    timeUnixNano: time === 0n ? uint64(record, 'observedTimeUnixNano') : time,
    traceId: id(record, 'traceId', TRACE_ID_BYTES),
    spanId: id(record, 'spanId', SPAN_ID_BYTES),
    attributes: readAttributes(record),
    resource,
  };
}

function readSpan(span: Message, resource: Attributes): Span {
  const status = message(span['status'], 'status');
  return {
    traceId: id(span, 'traceId', TRACE_ID_BYTES),
    spanId: id(span, 'spanId', SPAN_ID_BYTES),
    parentSpanId: id(span, 'parentSpanId', SPAN_ID_BYTES),
    name: text(span, 'name'),
    kind: int32(span, 'kind'),
    startUnixNano: uint64(span, 'startTimeUnixNano'),
    endUnixNano: uint64(span, 'endTimeUnixNano'),
    statusCode: int32(status, 'code'),
    statusMessage: text(status, 'message'),
    attributes: readAttributes(span),
    events: messages(span, 'events').map((event) => ({
      name: text(event, 'name'),
      timeUnixNano: uint64(event, 'timeUnixNano').toString(),
      attributes: readAttributes(event),
    })),
    links: messages(span, 'links').map((link) => ({
      traceId: id(link, 'traceId', TRACE_ID_BYTES) ?? null,
      spanId: id(link, 'spanId', SPAN_ID_BYTES) ?? null,
      attributes: readAttributes(link),
    })),
    resource,
  };
}

function readResource(group: Message): Attributes {
  return readAttributes(message(group['resource'], 'resource'));
}

function readAttributes(owner: Message): Attributes {
  return readKeyValues(messages(owner, 'attributes'));
}

function readKeyValues(pairs: Message[]): Attributes {
  // Not by assignment: `__proto__` is a key like any other.
  return Object.fromEntries(pairs.map((pair) => [text(pair, 'key'), readValue(pair['value'])]));
}

/** An AnyValue. The recursion is as deep as the request is nested, which decoding has bounded. */
function readValue(value: unknown): Value {
  const any = message(value, 'value');
  if (has(any, 'stringValue')) return text(any, 'stringValue');
  if (has(any, 'boolValue')) return boolean(any, 'boolValue');
  if (has(any, 'intValue')) return jsonInteger(integer(any['intValue'], 'intValue'));
  if (has(any, 'doubleValue')) return jsonNumber(double(any, 'doubleValue'));
  if (has(any, 'arrayValue')) return messages(message(any['arrayValue'], 'arrayValue'), 'values').map(readValue);
  if (has(any, 'kvlistValue')) return readKeyValues(messages(message(any['kvlistValue'], 'kvlistValue'), 'values'));
  if (has(any, 'bytesValue')) return base64(any, 'bytesValue');
  return null;
}

/** Whether a field of a oneof is set: on a protobuf message the others are there too, inherited, as defaults. */
function has(owner: Message, field: string): boolean {
  return Object.hasOwn(owner, field) && !isAbsent(owner[field]);
}

function isAbsent(value: unknown): value is undefined | null {
  return value === undefined || value === null;
}

function wrong(field: string, expected: string): ReviewError {
  return new ReviewError('MALFORMED', `${field} is not ${expected}`);
}

function message(value: unknown, field: string): Message {
  if (isAbsent(value)) return {};
  if (!isObject(value)) throw wrong(field, 'an object');
  return value;
}

function messages(owner: Message, field: string): Message[] {
  const value = owner[field];
  if (isAbsent(value)) return [];
  if (!Array.isArray(value)) throw wrong(field, 'an array');
  return value.map((item) => message(item, field));
}

function text(owner: Message, field: string): string {
  const value = owner[field];
  if (isAbsent(value)) return '';
  if (typeof value !== 'string') throw wrong(field, 'a string');
  return value;
}

function boolean(owner: Message, field: string): boolean {
  const value = owner[field];
  if (typeof value !== 'boolean') throw wrong(field, 'a boolean');
  return value;
}

function double(owner: Message, field: string): number {
  const value = owner[field];
  if (typeof value === 'number') return value;
  if (value === 'NaN' || value === 'Infinity' || value === '-Infinity') return Number(value);
  if (typeof value === 'string' && value.trim() !== '' && !Number.isNaN(Number(value))) return Number(value);
  throw wrong(field, 'a number');
}

function int32(owner: Message, field: string): number {
  const value = owner[field];
  if (isAbsent(value)) return 0;
  if (typeof value !== 'number' || !Number.isInteger(value)) throw wrong(field, 'an integer');
  return value;
}

/** A 64-bit integer: a `Long` of protobufjs, a JSON number, or a decimal string. */
function integer(value: unknown, field: string): bigint {
  if (typeof value === 'number' && Number.isInteger(value)) return BigInt(value);
  if (typeof value === 'string' && /^-?\d{1,20}$/.test(value)) return BigInt(value);
  if (isObject(value) && typeof value['high'] === 'number' && typeof value['low'] === 'number') {
    const bits = (BigInt(value['high']) << 32n) | BigInt(value['low'] >>> 0);
    return value['unsigned'] === true ? BigInt.asUintN(64, bits) : BigInt.asIntN(64, bits);
  }
  throw wrong(field, 'a 64-bit integer');
}

function uint64(owner: Message, field: string): bigint {
  const value = owner[field];
  if (isAbsent(value)) return 0n;
  const number = integer(value, field);
  if (number < 0n || number > UINT64_MAX) throw wrong(field, 'an unsigned 64-bit integer');
  return number;
}

/** An id in lower-case hex; `undefined` where it is absent, all zeros, or of another length. */
function id(owner: Message, field: string, bytes: number): string | undefined {
  const value = owner[field];
  // An absent `bytes` field of a decoded protobuf message reads as an empty array.
  if (isAbsent(value) || (Array.isArray(value) && value.length === 0)) return undefined;
  const hex = value instanceof Uint8Array ? Buffer.from(value).toString('hex') : text(owner, field).toLowerCase();
  return hex.length === bytes * 2 && /^[0-9a-f]+$/.test(hex) && !/^0+$/.test(hex) ? hex : undefined;
}

function base64(owner: Message, field: string): string {
  const value = owner[field];
  return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : text(owner, field);
}

function jsonInteger(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value.toString();
}

function jsonNumber(value: number): number | string {
  return Number.isFinite(value) ? value : String(value);
}
