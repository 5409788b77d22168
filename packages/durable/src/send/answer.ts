import { readStatusMessage } from './status.js';

/** What followed from a request, as far as the sender has to tell it apart. */
export type AnswerKind =
  /** The Collector has it. */
  | 'accepted'
  /** The Collector has some of it, and forbids to send any of it again. */
  | 'partial'
  /** Not now: busy, away, too slow. */
  | 'retry'
  /** Not like this: credentials, path, a redirect, something that is no Collector. A person has to change something. */
  | 'denied'
  /** Not this: something in the request. */
  | 'refused'
  /** Not so much at once. */
  | 'too-large'
  /** The Collector has failed over it, which may be the fault of either. */
  | 'server-error';

/** What became of a request, classified where it was seen. */
export interface Answer {
  readonly kind: AnswerKind;
  /** HTTP status; absent where there was no answer. */
  readonly status?: number;
  /** Of what went wrong without an answer: `TIMEOUT`, `ABORTED`, else the code of the system, of OpenSSL or of undici. */
  readonly code?: string;
  /** What the Collector said, else what went wrong: printable, 1,024 characters at most, without our credentials. */
  readonly message?: string;
  /** From `Retry-After`, 0 to 300,000 ms. */
  readonly retryAfterMs?: number;
  /** Records that a `partial` answer leaves out. */
  readonly rejected?: number;
}

/** What an `Export*ServiceResponse` says. */
export interface ExportResponse {
  readonly rejected: number;
  readonly message: string;
}

/** Reads an `Export*ServiceResponse`; throws, or gives `undefined`, where the bytes are none. */
export type ReadResponse = (body: Uint8Array) => ExportResponse | undefined;

/** An answer as it came. */
export interface RawAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** 64 KiB at most. */
  readonly body: Uint8Array;
  /** Whether `body` is all that was sent. */
  readonly complete: boolean;
}

/** Characters of a message that are kept. */
export const MESSAGE_CHARS_MAX = 1024;

const RETRY_AFTER_MAX_MS = 300_000;

const KIND_OF_STATUS: Readonly<Record<number, AnswerKind>> = {
  400: 'refused',
  408: 'retry',
  413: 'too-large',
  422: 'refused',
  425: 'retry',
  429: 'retry',
  502: 'retry',
  503: 'retry',
  504: 'retry',
};

/**
 * Classifies an answer (OTLP specification, section "OTLP/HTTP Response"). What is neither said to be about the request nor
 * to be passing is taken for something that a person has to put right, so that nothing is given up over it.
 *
 * @param nowMs Unix milliseconds, for a `Retry-After` that is a date.
 */
export function classify(raw: RawAnswer, readResponse: ReadResponse, nowMs: number): Answer {
  const { status } = raw;
  if (status >= 200 && status < 300) return classifySuccess(raw, readResponse);
  const kind = KIND_OF_STATUS[status] ?? (status >= 500 ? 'server-error' : 'denied');
  const message = messageOf(raw);
  const retryAfterMs = parseRetryAfter(single(raw.headers['retry-after']), nowMs);
  return {
    kind,
    status,
    ...(message === undefined ? {} : { message }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}

/**
 * A page with status 200 from a captive portal, or from whatever else listens there, is no acknowledgement: records would be
 * forgotten that nobody has.
 */
function classifySuccess(raw: RawAnswer, readResponse: ReadResponse): Answer {
  const { status, body } = raw;
  if (raw.complete && body.length === 0) return { kind: 'accepted', status };
  const response = raw.complete ? readExportResponse(raw, readResponse) : undefined;
  if (response === undefined) {
    return { kind: 'denied', status, code: 'NOT_OTLP', message: 'the answer is not one of OTLP: is this a Collector?' };
  }
  const message = printable(response.message);
  const said = message === '' ? {} : { message };
  if (response.rejected > 0) return { kind: 'partial', status, rejected: response.rejected, ...said };
  return { kind: 'accepted', status, ...said };
}

function readExportResponse(raw: RawAnswer, readResponse: ReadResponse): ExportResponse | undefined {
  try {
    if (isJson(raw)) return readJsonResponse(JSON.parse(Buffer.from(raw.body).toString('utf8')));
    return readResponse(raw.body);
  } catch {
    return undefined;
  }
}

/** Some receivers answer in JSON whatever they were sent. */
function readJsonResponse(response: unknown): ExportResponse | undefined {
  if (typeof response !== 'object' || response === null || Array.isArray(response)) return undefined;
  const partial: unknown = (response as Record<string, unknown>)['partialSuccess'] ?? {};
  if (typeof partial !== 'object' || partial === null) return undefined;
  const { rejectedLogRecords, rejectedSpans, errorMessage } = partial as Record<string, unknown>;
  const rejected = Number(rejectedLogRecords ?? rejectedSpans ?? 0);
  if (!Number.isSafeInteger(rejected)) return undefined;
  return { rejected, message: typeof errorMessage === 'string' ? errorMessage : '' };
}

/** OTLP answers errors with a `google.rpc.Status`; proxies before it with text. */
function messageOf(raw: RawAnswer): string | undefined {
  const message = printable(rawMessageOf(raw) ?? '');
  return message === '' ? undefined : message;
}

function rawMessageOf(raw: RawAnswer): string | undefined {
  const text = (): string => Buffer.from(raw.body).toString('utf8');
  if (isJson(raw)) {
    try {
      const said = (JSON.parse(text()) as { message?: unknown } | null)?.message;
      return typeof said === 'string' ? said : undefined;
    } catch {
      return undefined;
    }
  }
  if (mediaType(raw) === 'text/plain') return text();
  return raw.complete ? readStatusMessage(raw.body) : undefined;
}

function isJson(raw: RawAnswer): boolean {
  return mediaType(raw) === 'application/json';
}

function mediaType(raw: RawAnswer): string {
  return (single(raw.headers['content-type'])?.split(';')[0] ?? '').trim().toLowerCase();
}

/**
 * `Retry-After` in milliseconds (RFC 9110, section 10.2.3: seconds, or a date), 0 to 300,000; `undefined` where it is
 * absent or neither.
 */
export function parseRetryAfter(value: string | undefined, nowMs: number): number | undefined {
  const text = value?.trim() ?? '';
  let ms: number;
  if (/^\d{1,10}$/.test(text)) ms = Number(text) * 1000;
  else if (/^[A-Z][a-z]{2,8},? [\w\s:-]{11,24}(?: GMT)?$/.test(text)) ms = Date.parse(text) - nowMs;
  else return undefined;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), RETRY_AFTER_MAX_MS);
}

/** One line of printable text, cut at 1,024 characters: it goes to logs and terminals. */
export function printable(text: string): string {
  // Cut first, so that the work is bounded, and again whole at the end.
  const line = text
    .slice(0, MESSAGE_CHARS_MAX * 4)
    .replace(/[\p{C}\p{Zl}\p{Zp}\uFFFD\s]+/gu, ' ')
    .trim();
  return line.slice(0, MESSAGE_CHARS_MAX).replace(/[\uD800-\uDBFF]$/, '');
}

function single(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}
