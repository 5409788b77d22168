import protobuf from 'protobufjs';
import { ReviewError } from '../errors.js';
import { PARTS_MAX } from '../limits.js';

/**
 * The parts of the OpenTelemetry protocol (OTLP 1.x) that are read or written here, with its own field names and
 * numbers; a decoder skips all others. Source: opentelemetry-proto, `opentelemetry/proto/{common,resource,logs,trace}`
 * and `collector/{logs,trace,metrics}`; `Status` is `google.rpc.Status`.
 */
const OTLP = `
syntax = "proto3";

message AnyValue {
  oneof value {
    string string_value = 1;
    bool bool_value = 2;
    int64 int_value = 3;
    double double_value = 4;
    ArrayValue array_value = 5;
    KeyValueList kvlist_value = 6;
    bytes bytes_value = 7;
  }
}
message ArrayValue { repeated AnyValue values = 1; }
message KeyValueList { repeated KeyValue values = 1; }
message KeyValue { string key = 1; AnyValue value = 2; }
message Resource { repeated KeyValue attributes = 1; }

message ExportLogsServiceRequest { repeated ResourceLogs resource_logs = 1; }
message ResourceLogs { Resource resource = 1; repeated ScopeLogs scope_logs = 2; }
message ScopeLogs { repeated LogRecord log_records = 2; }
message LogRecord {
  fixed64 time_unix_nano = 1;
  AnyValue body = 5;
  repeated KeyValue attributes = 6;
  bytes trace_id = 9;
  bytes span_id = 10;
  fixed64 observed_time_unix_nano = 11;
  string event_name = 12;
}

message ExportTraceServiceRequest { repeated ResourceSpans resource_spans = 1; }
message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; }
message ScopeSpans { repeated Span spans = 2; }
message Span {
  bytes trace_id = 1;
  bytes span_id = 2;
  bytes parent_span_id = 4;
  string name = 5;
  int32 kind = 6;
  fixed64 start_time_unix_nano = 7;
  fixed64 end_time_unix_nano = 8;
  repeated KeyValue attributes = 9;
  repeated Event events = 11;
  repeated Link links = 13;
  SpanStatus status = 15;
}
message Event { fixed64 time_unix_nano = 1; string name = 2; repeated KeyValue attributes = 3; }
message Link { bytes trace_id = 1; bytes span_id = 2; repeated KeyValue attributes = 4; }
message SpanStatus { string message = 2; int32 code = 3; }

message ExportLogsServiceResponse { LogsPartialSuccess partial_success = 1; }
message LogsPartialSuccess { int64 rejected_log_records = 1; string error_message = 2; }
message ExportTraceServiceResponse { TracePartialSuccess partial_success = 1; }
message TracePartialSuccess { int64 rejected_spans = 1; string error_message = 2; }
message ExportMetricsServiceResponse {}

message Status { int32 code = 1; string message = 2; }
`;

/** The messages that go over the wire whole. */
export type OtlpMessageName =
  | 'ExportLogsServiceRequest'
  | 'ExportTraceServiceRequest'
  | 'ExportLogsServiceResponse'
  | 'ExportTraceServiceResponse'
  | 'ExportMetricsServiceResponse'
  | 'Status';

const { root } = protobuf.parse(OTLP);

/** Reads a message, and stops at two million fields. */
class BoundedReader extends protobuf.Reader {
  #fields = 0;

  override tag(): number {
    if (++this.#fields > PARTS_MAX) throw new ReviewError('TOO_LARGE', `more than ${PARTS_MAX} fields`);
    return super.tag();
  }
}

/**
 * Decodes a message. It is strict about UTF-8, and stops at 100 levels of nesting.
 *
 * @throws ReviewError `MALFORMED`, `TOO_LARGE`.
 */
export function decodeProtobuf(name: OtlpMessageName, bytes: Uint8Array): Record<string, unknown> {
  try {
    return root.lookupType(name).decode(new BoundedReader(bytes)) as unknown as Record<string, unknown>;
  } catch (cause) {
    if (cause instanceof ReviewError) throw cause;
    throw new ReviewError('MALFORMED', 'not a valid protobuf message', { cause });
  }
}

/** Encodes a message. */
export function encodeProtobuf(name: OtlpMessageName, message: Record<string, unknown>): Uint8Array {
  const type = root.lookupType(name);
  return type.encode(type.fromObject(message)).finish();
}
