import protobuf from 'protobufjs';
import type { ExportResponse } from '../../src/send/answer.ts';
import type { Frame, Origin } from '../../src/spool/frame.ts';
import { KIND } from '../../src/spool/frame.ts';

/** The parts of OTLP that these tests read and write; names and numbers are those of opentelemetry-proto. */
const { root } = protobuf.parse(`
syntax = "proto3";
message AnyValue { oneof value { string string_value = 1; } }
message KeyValue { string key = 1; AnyValue value = 2; }
message Resource { repeated KeyValue attributes = 1; }
message Scope { string name = 1; }
message Logs { repeated ResourceLogs resource_logs = 1; }
message ResourceLogs { Resource resource = 1; repeated ScopeLogs scope_logs = 2; string schema_url = 3; }
message ScopeLogs { Scope scope = 1; repeated LogRecord log_records = 2; string schema_url = 3; }
message LogRecord { AnyValue body = 5; repeated KeyValue attributes = 6; }
message Traces { repeated ResourceSpans resource_spans = 1; }
message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; string schema_url = 3; }
message ScopeSpans { Scope scope = 1; repeated Span spans = 2; string schema_url = 3; }
message Span { string name = 5; repeated KeyValue attributes = 9; }
message Response { PartialSuccess partial_success = 1; }
message PartialSuccess { int64 rejected = 1; string error_message = 2; }
message Status { int32 code = 1; string message = 2; }
`);

type Message = Record<string, unknown>;

function encode(name: string, message: Message): Uint8Array {
  const type = root.lookupType(name);
  return type.encode(type.fromObject(message)).finish();
}

interface Attributed {
  attributes?: { key: string; value?: { stringValue?: string } }[];
}

/** The ids of the records or spans of a request, in its order; throws where the bytes are no request. */
export function idsOf(signal: 'logs' | 'traces', request: Uint8Array): string[] {
  const type = root.lookupType(signal === 'logs' ? 'Logs' : 'Traces');
  const decoded = type.toObject(type.decode(request)) as {
    resourceLogs?: { scopeLogs?: { logRecords?: Attributed[] }[] }[];
    resourceSpans?: { scopeSpans?: { spans?: Attributed[] }[] }[];
  };
  const records = [
    ...(decoded.resourceLogs ?? []).flatMap((r) => (r.scopeLogs ?? []).flatMap((s) => s.logRecords ?? [])),
    ...(decoded.resourceSpans ?? []).flatMap((r) => (r.scopeSpans ?? []).flatMap((s) => s.spans ?? [])),
  ];
  return records.map(({ attributes }) => {
    const id = attributes?.find(({ key }) => key === 'decision.id')?.value?.stringValue;
    if (id === undefined) throw new Error('a record without decision.id');
    return id;
  });
}

export function encodeResponse(rejected: number, errorMessage: string): Uint8Array {
  return rejected === 0 && errorMessage === ''
    ? new Uint8Array()
    : encode('Response', { partialSuccess: { rejected, errorMessage } });
}

export function encodeStatus(message: string): Uint8Array {
  return encode('Status', { code: 3, message });
}

/** What `readResponse` of `src/otlp` does, for tests that do without it. */
export function readResponse(body: Uint8Array): ExportResponse {
  const decoded = root.lookupType('Response').decode(body) as unknown as {
    partialSuccess?: { rejected: number | { toString(): string }; errorMessage: string };
  };
  const partial = decoded.partialSuccess;
  return { rejected: Number(String(partial?.rejected ?? 0)), message: partial?.errorMessage ?? '' };
}

const ORIGIN: Origin = {
  resource: encode('ResourceLogs', {
    resource: { attributes: [{ key: 'service.name', value: { stringValue: 'loans' } }] },
  }),
  scope: encode('ScopeLogs', { scope: { name: 'decisions' } }),
};

/** A frame that holds one record with an id, and some bytes more where a size matters. */
export function frame(id: string, sequence: number, padding = 0, signal: 'logs' | 'traces' = 'logs'): Frame {
  const attributes = [
    { key: 'decision.id', value: { stringValue: id } },
    { key: 'padding', value: { stringValue: '.'.repeat(padding) } },
  ];
  return {
    kind: signal === 'logs' ? KIND.logRecord : KIND.span,
    origin: ORIGIN,
    sequence,
    timeMs: 0,
    leafHash: new Uint8Array(32),
    payload:
      signal === 'logs'
        ? encode('ScopeLogs', { logRecords: [{ attributes }] })
        : encode('ScopeSpans', { spans: [{ attributes }] }),
  };
}

/** Frames with ids `d1`, `d2`, and so on. */
export function frames(count: number, padding = 0): Frame[] {
  return Array.from({ length: count }, (_, index) => frame(`d${index + 1}`, index + 1, padding));
}

/** A request of frames that have one origin, as docs/spec/spool.md makes it. */
export function assemble(batch: readonly Frame[]): Uint8Array[] {
  const origin = batch[0]?.origin ?? ORIGIN;
  const payloads = batch.map(({ payload }) => payload);
  const scope = Buffer.concat([origin.scope, ...payloads]);
  const inner = Buffer.concat([origin.resource, tagged(0x12, scope.length), scope]);
  return [tagged(0x0a, inner.length), inner];
}

function tagged(tag: number, length: number): Uint8Array {
  const bytes = [tag];
  let rest = length;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Uint8Array.from([...bytes, rest]);
}
