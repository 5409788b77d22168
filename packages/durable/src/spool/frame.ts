/**
 * What a spool is made of, as `docs/spec/spool.md` has it. No I/O.
 */

/** Kinds of frames. */
export const KIND = { logRecord: 1, span: 2, origin: 3, note: 4 } as const;
export type Kind = (typeof KIND)[keyof typeof KIND];

/** Bytes before the payload of a frame. */
export const FRAME_HEADER_BYTES = 64;

/** Bytes of a frame's payload at most. */
export const PAYLOAD_BYTES_MAX: number = 4 * 1024 * 1024;

/**
 * Where records come from, as two parts of an OTLP request: the fields 1 and 3 of `ResourceLogs` (resource, schema URL), and
 * those of `ScopeLogs` (scope, schema URL). Traces number them alike. One object for each origin: it is compared by identity.
 */
export interface Origin {
  readonly resource: Uint8Array;
  readonly scope: Uint8Array;
}

/** A log record or a span as it stands in a segment. */
export interface Frame {
  readonly kind: typeof KIND.logRecord | typeof KIND.span;
  readonly origin: Origin;
  /** Of a log record, its number in the stream, from 1; of a span, that of the last log record before it. */
  readonly sequence: number;
  /** When it was appended, Unix milliseconds. */
  readonly timeMs: number;
  /** RFC 6962 leaf hash of the body; 32 zero bytes where there is none. */
  readonly leafHash: Uint8Array;
  /** Field 2 of `ScopeLogs` or `ScopeSpans`: tag, length and message. */
  readonly payload: Uint8Array;
}
