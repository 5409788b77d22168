/**
 * `opentelemetry.proto.logs.v1.LogRecord`.
 */
import type { Attributes } from './attributes.js';
import { varintBytes } from './bytes.js';
import type { ByteWriter } from './bytes.js';
import {
  addUnencoded,
  encodeMessage,
  writeCount,
  writeGivenAttributes,
  writeId,
  writeStringField,
  writeTime,
  writeUnencoded,
} from './message.js';
import type { Encoded, HrTimeLike, SpanContextLike, Unencoded } from './message.js';
import { writeStamp } from './stamp.js';
import type { Stamp } from './stamp.js';
import { writeValue } from './value.js';

/** What of a log record is encoded: a part of `ReadableLogRecord` (3.x) and of `SdkLogRecord` (0.2xx). */
export interface LogRecordLike {
  readonly hrTime: HrTimeLike;
  readonly hrTimeObserved: HrTimeLike;
  readonly spanContext?: SpanContextLike | undefined;
  readonly severityNumber?: number | undefined;
  readonly severityText?: string | undefined;
  readonly body?: unknown;
  readonly attributes?: Attributes | undefined;
  readonly droppedAttributesCount?: number | undefined;
  readonly eventName?: string | undefined;
}

/**
 * Writes field 2 of `ScopeLogs` (tag, length, `LogRecord`) behind what the writer holds. Never throws; where the result is not
 * `encoded` the writer holds what it held before.
 *
 * The stamp's attributes come last. Attributes of the same names that the record has are left out, and
 * `decision_trail.unencoded` says so: nobody but the spool numbers records.
 */
export function encodeLogRecord(writer: ByteWriter, record: LogRecordLike, stamp: Stamp | undefined): Encoded {
  return encodeMessage(writer, writeLogRecord, record, stamp);
}

function writeLogRecord(writer: ByteWriter, record: LogRecordLike, stamp: Stamp | undefined): void {
  const unencoded: Unencoded = [];
  writeTime(writer, 0x09, record.hrTime, 'time', unencoded);
  writeCount(writer, 0x10, record.severityNumber, 'severity_number', unencoded);
  writeStringField(writer, 0x1a, record.severityText);
  writeBody(writer, record.body);
  writeGivenAttributes(writer, 0x32, record.attributes, unencoded, stamp !== undefined);
  if (stamp !== undefined) writeStamp(writer, stamp);
  writeCount(writer, 0x38, record.droppedAttributesCount, 'dropped_attributes_count', unencoded);
  const context = record.spanContext;
  if (context !== undefined && context !== null) writeContext(writer, context, unencoded);
  writeTime(writer, 0x59, record.hrTimeObserved, 'observed_time', unencoded);
  writeStringField(writer, 0x62, record.eventName);
  writeUnencoded(writer, 0x32, unencoded);
}

function writeBody(writer: ByteWriter, body: unknown): void {
  if (body === undefined) return;
  writer.byte(0x2a);
  // Known beforehand of an ASCII text; anything else is moved where it is longer than 127 bytes.
  const width = typeof body === 'string' ? varintBytes(1 + varintBytes(body.length) + body.length) : 1;
  const value = writer.open(width);
  writeValue(writer, body);
  writer.close(value, width);
}

function writeContext(writer: ByteWriter, context: SpanContextLike, unencoded: Unencoded): void {
  const { traceFlags } = context;
  if (Number.isInteger(traceFlags) && traceFlags >= 0 && traceFlags < 2 ** 32) {
    if (traceFlags !== 0) {
      writer.byte(0x45);
      writer.fixed32(traceFlags);
    }
  } else if (traceFlags !== undefined) {
    addUnencoded(unencoded, 'flags');
  }
  writeId(writer, 0x4a, context.traceId, 16, 'trace_id', unencoded);
  writeId(writer, 0x52, context.spanId, 8, 'span_id', unencoded);
}
