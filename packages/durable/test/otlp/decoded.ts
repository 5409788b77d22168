import { readFileSync } from 'node:fs';
import protobuf from 'protobufjs';

const { root } = protobuf.parse(readFileSync(new URL('otlp.proto', import.meta.url), 'utf8'), { keepCase: true });

export type Decoded = Record<string, unknown>;
type MessageName = 'ExportLogsServiceRequest' | 'ExportTraceServiceRequest' | 'ScopeLogs' | 'ScopeSpans';

/** A message with all its fields: those that are not there as their defaults, bytes in base64, and what OTLP does not order in one order. */
export function decode(name: MessageName, bytes: Uint8Array): Decoded {
  const type = root.lookupType(`otlp.${name}`);
  const plain = type.toObject(type.decode(bytes), {
    longs: String,
    bytes: String,
    defaults: true,
    oneofs: true,
  });
  sortAttributes(plain);
  return plain;
}

export function encode(name: 'ExportLogsServiceResponse', message: Decoded): Uint8Array {
  const type = root.lookupType(`otlp.${name}`);
  return type.encode(type.fromObject(message)).finish();
}

interface KeyValue {
  key: string;
  value: { value?: string } & Decoded;
}

/** The value of an attribute, as an AnyValue with only the field that is set. */
export function attribute(message: unknown, key: string): Decoded | undefined {
  const found = ((message as Decoded)['attributes'] as KeyValue[]).filter((attribute) => attribute.key === key);
  if (found.length > 1) throw new Error(`${key} is there ${found.length} times`);
  return found[0] && setField(found[0].value);
}

export function setField(value: unknown): Decoded {
  const { value: name, ...fields } = value as KeyValue['value'];
  return name === undefined ? {} : { [name]: fields[name] };
}

/** Log records of a request, whatever their origin. */
export function logRecordsOf(request: Decoded): Decoded[] {
  const resources = request['resource_logs'] as { scope_logs: { log_records: Decoded[] }[] }[];
  return resources.flatMap((resource) => resource.scope_logs.flatMap((scope) => scope.log_records));
}

function sortAttributes(node: unknown): void {
  if (typeof node !== 'object' || node === null) return;
  for (const [name, value] of Object.entries(node)) {
    if (name === 'attributes') (value as KeyValue[]).sort((one, other) => (one.key < other.key ? -1 : 1));
    sortAttributes(value);
  }
}
