/**
 * A decoder of OTLP protobuf that forgives nothing: an unknown field, a wrong wire type, a number longer than it need be,
 * text that is not UTF-8, a second value of a field that has one. Written apart from the encoders that it judges.
 *
 * Source: opentelemetry-proto 1.x, `opentelemetry/proto/{common,resource,logs,trace}` and `collector/{logs,trace}`.
 */

export type Message = Readonly<Record<string, unknown>>;

export class WireError extends Error {
  override readonly name = 'WireError';
}

type Scalar = 'string' | 'bytes' | 'bool' | 'double' | 'fixed64' | 'fixed32' | 'uint32' | 'int64';
type Field = readonly [name: string, type: Scalar | Schema, repeated?: 'repeated'];

interface Schema {
  readonly name: string;
  readonly fields: Record<number, Field>;
  /** At most one of its fields may be there. */
  readonly oneof?: true;
}

const DEPTH_MAX = 200;
const WIRE_TYPE = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;
const WIRE_TYPE_OF: Record<Scalar, number> = {
  string: WIRE_TYPE.bytes,
  bytes: WIRE_TYPE.bytes,
  bool: WIRE_TYPE.varint,
  double: WIRE_TYPE.fixed64,
  fixed64: WIRE_TYPE.fixed64,
  fixed32: WIRE_TYPE.fixed32,
  uint32: WIRE_TYPE.varint,
  int64: WIRE_TYPE.varint,
};

const arrayValue: Schema = { name: 'ArrayValue', fields: {} };
const keyValueList: Schema = { name: 'KeyValueList', fields: {} };
const anyValue: Schema = {
  name: 'AnyValue',
  oneof: true,
  fields: {
    1: ['stringValue', 'string'],
    2: ['boolValue', 'bool'],
    3: ['intValue', 'int64'],
    4: ['doubleValue', 'double'],
    5: ['arrayValue', arrayValue],
    6: ['kvlistValue', keyValueList],
    7: ['bytesValue', 'bytes'],
  },
};
const keyValue: Schema = { name: 'KeyValue', fields: { 1: ['key', 'string'], 2: ['value', anyValue] } };
arrayValue.fields[1] = ['values', anyValue, 'repeated'];
keyValueList.fields[1] = ['values', keyValue, 'repeated'];

const resource: Schema = {
  name: 'Resource',
  fields: { 1: ['attributes', keyValue, 'repeated'], 2: ['droppedAttributesCount', 'uint32'] },
};
const scope: Schema = {
  name: 'InstrumentationScope',
  fields: {
    1: ['name', 'string'],
    2: ['version', 'string'],
    3: ['attributes', keyValue, 'repeated'],
    4: ['droppedAttributesCount', 'uint32'],
  },
};
const logRecord: Schema = {
  name: 'LogRecord',
  fields: {
    1: ['timeUnixNano', 'fixed64'],
    2: ['severityNumber', 'uint32'],
    3: ['severityText', 'string'],
    5: ['body', anyValue],
    6: ['attributes', keyValue, 'repeated'],
    7: ['droppedAttributesCount', 'uint32'],
    8: ['flags', 'fixed32'],
    9: ['traceId', 'bytes'],
    10: ['spanId', 'bytes'],
    11: ['observedTimeUnixNano', 'fixed64'],
    12: ['eventName', 'string'],
  },
};
const event: Schema = {
  name: 'Event',
  fields: {
    1: ['timeUnixNano', 'fixed64'],
    2: ['name', 'string'],
    3: ['attributes', keyValue, 'repeated'],
    4: ['droppedAttributesCount', 'uint32'],
  },
};
const link: Schema = {
  name: 'Link',
  fields: {
    1: ['traceId', 'bytes'],
    2: ['spanId', 'bytes'],
    3: ['traceState', 'string'],
    4: ['attributes', keyValue, 'repeated'],
    5: ['droppedAttributesCount', 'uint32'],
    6: ['flags', 'fixed32'],
  },
};
const span: Schema = {
  name: 'Span',
  fields: {
    1: ['traceId', 'bytes'],
    2: ['spanId', 'bytes'],
    3: ['traceState', 'string'],
    4: ['parentSpanId', 'bytes'],
    5: ['name', 'string'],
    6: ['kind', 'uint32'],
    7: ['startTimeUnixNano', 'fixed64'],
    8: ['endTimeUnixNano', 'fixed64'],
    9: ['attributes', keyValue, 'repeated'],
    10: ['droppedAttributesCount', 'uint32'],
    11: ['events', event, 'repeated'],
    12: ['droppedEventsCount', 'uint32'],
    13: ['links', link, 'repeated'],
    14: ['droppedLinksCount', 'uint32'],
    15: ['status', { name: 'Status', fields: { 2: ['message', 'string'], 3: ['code', 'uint32'] } }],
    16: ['flags', 'fixed32'],
  },
};

/** Also what the payload of a frame in a spool is a part of. */
const scopeLogs: Schema = {
  name: 'ScopeLogs',
  fields: { 1: ['scope', scope], 2: ['items', logRecord, 'repeated'], 3: ['schemaUrl', 'string'] },
};
const scopeSpans: Schema = {
  name: 'ScopeSpans',
  fields: { 1: ['scope', scope], 2: ['items', span, 'repeated'], 3: ['schemaUrl', 'string'] },
};
const request = (name: string, scoped: Schema): Schema => ({
  name,
  fields: {
    1: [
      'resources',
      {
        name: 'Resource',
        fields: { 1: ['resource', resource], 2: ['scopes', scoped, 'repeated'], 3: ['schemaUrl', 'string'] },
      },
      'repeated',
    ],
  },
});

export const SCHEMAS = {
  ScopeLogs: scopeLogs,
  ScopeSpans: scopeSpans,
  logs: request('ExportLogsServiceRequest', scopeLogs),
  traces: request('ExportTraceServiceRequest', scopeSpans),
} as const;

/** @throws {WireError} */
export function decode(schema: keyof typeof SCHEMAS, bytes: Uint8Array): Message {
  return new Reader(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)).message(
    SCHEMAS[schema],
    bytes.length,
    0,
  );
}

/** All log records or spans of a request. */
export function itemsOf(requested: Message): Message[] {
  const list = (owner: Message, name: string): Message[] => (owner[name] as Message[] | undefined) ?? [];
  return list(requested, 'resources').flatMap((each) =>
    list(each, 'scopes').flatMap((scoped) => list(scoped, 'items')),
  );
}

/** A text attribute; `undefined` where there is none of that name. */
export function textAttribute(item: Message, key: string): string | undefined {
  const attributes = (item['attributes'] as { key?: string; value?: { stringValue?: string } }[] | undefined) ?? [];
  return attributes.find((each) => each.key === key)?.value?.stringValue;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  message(schema: Schema, end: number, depth: number): Message {
    if (depth > DEPTH_MAX) throw new WireError(`more than ${DEPTH_MAX} levels`);
    const result: Record<string, unknown> = {};
    let fields = 0;
    while (this.#at < end) {
      const tag = this.#uint32(end);
      const field = schema.fields[tag >>> 3];
      if (field === undefined) throw new WireError(`${schema.name} has no field ${tag >>> 3}`);
      const [name, type, repeated] = field;
      const expected = typeof type === 'string' ? WIRE_TYPE_OF[type] : WIRE_TYPE.bytes;
      if ((tag & 7) !== expected) throw new WireError(`${schema.name}.${name} has the wire type ${tag & 7}`);
      const value = this.#value(type, end, depth);
      fields += 1;
      if (repeated !== undefined) ((result[name] ??= []) as unknown[]).push(value);
      else if (name in result) throw new WireError(`${schema.name}.${name} is there twice`);
      else result[name] = value;
    }
    if (schema.oneof === true && fields > 1) throw new WireError(`${schema.name} has ${fields} values`);
    return result;
  }

  #value(type: Scalar | Schema, end: number, depth: number): unknown {
    if (typeof type !== 'string') {
      const inner = this.#length(end);
      return this.message(type, this.#at + inner, depth + 1);
    }
    switch (type) {
      case 'string':
        return this.#string(end);
      case 'bytes':
        return this.#take(this.#length(end));
      case 'double':
        this.#need(8, end);
        return this.#take(8).readDoubleLE();
      case 'fixed64':
        this.#need(8, end);
        return this.#take(8).readBigUInt64LE();
      case 'fixed32':
        this.#need(4, end);
        return this.#take(4).readUInt32LE();
      case 'bool':
        return this.#uint32(end) === 1;
      case 'uint32':
        return this.#uint32(end);
      case 'int64':
        return BigInt.asIntN(64, this.#varint(end));
      default:
        return type satisfies never;
    }
  }

  #string(end: number): string {
    const bytes = this.#take(this.#length(end));
    try {
      return utf8.decode(bytes);
    } catch (cause) {
      throw new WireError('a string is not UTF-8', { cause });
    }
  }

  #take(length: number): Buffer {
    const taken = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return taken;
  }

  #need(length: number, end: number): void {
    if (this.#at + length > end) throw new WireError('ends in the middle of a field');
  }

  #length(end: number): number {
    const length = this.#uint32(end);
    this.#need(length, end);
    return length;
  }

  /** Most numbers are small, and this is what a decoder does most. */
  #uint32(end: number): number {
    this.#need(1, end);
    const first = this.#bytes[this.#at]!;
    if (first < 0x80) {
      this.#at += 1;
      return first;
    }
    const value = this.#varint(end);
    if (value > 0xffff_ffffn) throw new WireError('a number is larger than 32 bits');
    return Number(value);
  }

  #varint(end: number): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      this.#need(1, end);
      const byte = this.#bytes[this.#at++]!;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte >= 0x80) continue;
      if (byte === 0 && shift > 0n) throw new WireError('a number is longer than it need be');
      return value;
    }
    throw new WireError('a number has more than ten bytes');
  }
}
