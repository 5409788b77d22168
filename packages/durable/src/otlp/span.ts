/**
 * `opentelemetry.proto.trace.v1.Span`.
 */
import type { Attributes } from './attributes.js';
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

/** What of a span is encoded: a part of `ReadableSpan` of both lines. */
export interface SpanLike {
  readonly name: string;
  /** As the API counts: 0 is internal. */
  readonly kind?: number | undefined;
  spanContext(): SpanContextLike;
  readonly parentSpanContext?: SpanContextLike | undefined;
  /** What SDK 1.x has in place of `parentSpanContext`. */
  readonly parentSpanId?: string | undefined;
  readonly startTime: HrTimeLike;
  readonly endTime: HrTimeLike;
  readonly status?: { readonly code: number; readonly message?: string | undefined } | undefined;
  readonly attributes?: Attributes | undefined;
  readonly links?: readonly LinkLike[] | undefined;
  readonly events?: readonly EventLike[] | undefined;
  readonly droppedAttributesCount?: number | undefined;
  readonly droppedEventsCount?: number | undefined;
  readonly droppedLinksCount?: number | undefined;
}

/** What both lines call a TimedEvent. */
export interface EventLike {
  readonly time: HrTimeLike;
  readonly name: string;
  readonly attributes?: Attributes | undefined;
  readonly droppedAttributesCount?: number | undefined;
}

/** What both lines call a Link. */
export interface LinkLike {
  readonly context: SpanContextLike;
  readonly attributes?: Attributes | undefined;
  readonly droppedAttributesCount?: number | undefined;
}

const FLAG_HAS_IS_REMOTE = 0x100;
const FLAG_IS_REMOTE = 0x200;

/**
 * Writes field 2 of `ScopeSpans` (tag, length, `Span`) behind what the writer holds. Never throws; where the result is not
 * `encoded` the writer holds what it held before.
 */
export function encodeSpan(writer: ByteWriter, span: SpanLike): Encoded {
  return encodeMessage(writer, writeSpan, span, undefined);
}

function writeSpan(writer: ByteWriter, span: SpanLike): void {
  const unencoded: Unencoded = [];
  const context = span.spanContext();
  const parent = span.parentSpanContext;
  writeContext(writer, context, unencoded);
  writeId(writer, 0x22, parent?.spanId ?? span.parentSpanId, 8, 'parent_span_id', unencoded);
  writeStringField(writer, 0x2a, span.name);
  writeCount(writer, 0x30, typeof span.kind === 'number' ? span.kind + 1 : span.kind, 'kind', unencoded);
  writeTime(writer, 0x39, span.startTime, 'start_time', unencoded);
  writeTime(writer, 0x41, span.endTime, 'end_time', unencoded);
  writeGivenAttributes(writer, 0x4a, span.attributes, unencoded);
  writeCount(writer, 0x50, span.droppedAttributesCount, 'dropped_attributes_count', unencoded);
  for (const event of span.events ?? []) writeEvent(writer, event, unencoded);
  writeCount(writer, 0x60, span.droppedEventsCount, 'dropped_events_count', unencoded);
  for (const link of span.links ?? []) writeLink(writer, link, unencoded);
  writeCount(writer, 0x70, span.droppedLinksCount, 'dropped_links_count', unencoded);
  writeStatus(writer, span.status, unencoded);
  writer.twoBytes(0x85, 0x01);
  writer.fixed32(flagsOf(context, parent?.isRemote, unencoded));
  writeUnencoded(writer, 0x4a, unencoded);
}

/** Fields 1 to 3, which spans and links have in common. */
function writeContext(writer: ByteWriter, context: SpanContextLike, unencoded: Unencoded): void {
  writeId(writer, 0x0a, context.traceId, 16, 'trace_id', unencoded);
  writeId(writer, 0x12, context.spanId, 8, 'span_id', unencoded);
  if (context.traceState !== undefined && context.traceState !== null) {
    writeStringField(writer, 0x1a, traceStateOf(context, unencoded));
  }
}

function traceStateOf(context: SpanContextLike, unencoded: Unencoded): string | undefined {
  try {
    return context.traceState?.serialize();
  } catch {
    addUnencoded(unencoded, 'trace_state');
    return undefined;
  }
}

function flagsOf(context: SpanContextLike, isRemote: boolean | undefined, unencoded: Unencoded): number {
  const { traceFlags } = context;
  const remote = isRemote === true ? FLAG_HAS_IS_REMOTE | FLAG_IS_REMOTE : FLAG_HAS_IS_REMOTE;
  if (Number.isInteger(traceFlags) && traceFlags >= 0 && traceFlags <= 0xff) return traceFlags | remote;
  if (traceFlags !== undefined) addUnencoded(unencoded, 'flags');
  return remote;
}

function writeEvent(writer: ByteWriter, event: EventLike, unencoded: Unencoded): void {
  writer.byte(0x5a);
  const message = writer.open();
  writeTime(writer, 0x09, event.time, 'events.time', unencoded);
  writeStringField(writer, 0x12, event.name);
  writeGivenAttributes(writer, 0x1a, event.attributes, unencoded);
  writeCount(writer, 0x20, event.droppedAttributesCount, 'events.dropped_attributes_count', unencoded);
  writer.close(message);
}

function writeLink(writer: ByteWriter, link: LinkLike, unencoded: Unencoded): void {
  const { context } = link;
  writer.byte(0x6a);
  const message = writer.open();
  writeContext(writer, context, unencoded);
  writeGivenAttributes(writer, 0x22, link.attributes, unencoded);
  writeCount(writer, 0x28, link.droppedAttributesCount, 'links.dropped_attributes_count', unencoded);
  writer.byte(0x35);
  writer.fixed32(flagsOf(context, context.isRemote, unencoded));
  writer.close(message);
}

/** Written where it is unset, too, as the stock serializer does. */
function writeStatus(writer: ByteWriter, status: SpanLike['status'], unencoded: Unencoded): void {
  writer.byte(0x7a);
  const message = writer.open();
  if (status !== undefined && status !== null) {
    writeStringField(writer, 0x12, status.message);
    writeCount(writer, 0x18, status.code, 'status.code', unencoded);
  }
  writer.close(message);
}
