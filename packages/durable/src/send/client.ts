import { promisify } from 'node:util';
import { gunzipSync, gzip } from 'node:zlib';
import type { Dispatcher } from 'undici';
import type { Answer, RawAnswer, ReadResponse } from './answer.js';
import { classify, printable } from './answer.js';
import type { Connection } from './connection.js';
import { connectionTo, TunnelRefused } from './connection.js';
import type { OtlpSettings } from './settings.js';

/** Bytes of an answer that are read. */
const ANSWER_BYTES_MAX = 64 * 1024;

/** Text of an error that is looked at. */
const ERROR_CHARS_MAX = 8192;

/** Shorter values are no secrets, and would be found in the middle of words. */
const SECRET_CHARS_MIN = 6;

const compress = promisify(gzip);

/** What a client needs to know beside its settings. */
export interface OtlpClientOptions {
  /** Reads the answer of this signal's service. */
  readonly readResponse: ReadResponse;
  /** `User-Agent`, unless the settings have one, for example `OTel-OTLP-Exporter-JavaScript/0.1.0`. */
  readonly userAgent: string;
  /** Unix milliseconds. Default: `Date.now`. */
  readonly now?: () => number;
}

/**
 * Sends requests to one OTLP/HTTP receiver. Connections are kept open between requests and do not keep the process alive.
 */
export class OtlpClient {
  readonly #settings: OtlpSettings;
  readonly #options: OtlpClientOptions;
  readonly #connection: Connection;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #secrets: readonly string[];

  constructor(settings: OtlpSettings, options: OtlpClientOptions) {
    this.#settings = settings;
    this.#options = options;
    this.#connection = connectionTo(settings);
    this.#headers = {
      'user-agent': options.userAgent,
      ...settings.headers,
      ...this.#connection.headers,
      'content-type': 'application/x-protobuf',
      ...(settings.compression === 'gzip' ? { 'content-encoding': 'gzip' } : {}),
    };
    this.#secrets = secretsOf(settings);
  }

  /**
   * Sends one request, `body` being its parts one after the other, and says what became of it. Never rejects. It is not sent
   * again: that is the caller's to decide.
   *
   * @param signal ends the request early, with a `retry` answer whose code is `ABORTED`.
   */
  async send(body: readonly Uint8Array[], signal?: AbortSignal): Promise<Answer> {
    const limit = new Limit(this.#settings.timeoutMs, signal);
    try {
      const response = await this.#request(await this.#encode(body), limit.signal);
      const now = this.#options.now ?? Date.now;
      return this.#withoutSecrets(classify(await readAnswer(response), this.#options.readResponse, now()));
    } catch (error) {
      return this.#withoutSecrets(failure(error, limit));
    } finally {
      limit.end();
    }
  }

  /** Breaks off what is under way and closes the connections. */
  async close(): Promise<void> {
    await this.#connection.close();
  }

  async #encode(parts: readonly Uint8Array[]): Promise<Uint8Array> {
    const body = Buffer.concat(parts);
    // The lowest level takes a third of the time of the default one, for records a tenth larger.
    return this.#settings.compression === 'gzip' ? compress(body, { level: 1 }) : body;
  }

  #request(body: Uint8Array, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const { pool, path } = this.#connection;
    return pool.request({ method: 'POST', path, headers: this.#headers, body, signal });
  }

  /** A server may say in its message what it was sent. */
  #withoutSecrets(answer: Answer): Answer {
    if (answer.message === undefined) return answer;
    let { message } = answer;
    for (const secret of this.#secrets) message = message.replaceAll(secret, '[masked]');
    return { ...answer, message };
  }
}

/** The time-out of one request, and the caller's signal, in one signal; keeps neither process nor listeners. */
class Limit {
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #outer: AbortSignal | undefined;
  /** Why the request was broken off, if it was. */
  code: 'TIMEOUT' | 'ABORTED' | undefined;

  constructor(timeoutMs: number, outer: AbortSignal | undefined) {
    this.#timer = setTimeout(() => this.#break('TIMEOUT'), timeoutMs);
    this.#timer.unref();
    this.#outer = outer;
    if (outer?.aborted === true) this.#abort();
    outer?.addEventListener('abort', this.#abort, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#outer?.removeEventListener('abort', this.#abort);
  }

  readonly #abort = (): void => this.#break('ABORTED');

  #break(code: 'TIMEOUT' | 'ABORTED'): void {
    this.code ??= code;
    this.#controller.abort();
  }
}

async function readAnswer(response: Dispatcher.ResponseData): Promise<RawAnswer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  // Leaving the loop early destroys the body, and with it the connection: the rest is not worth reading.
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > ANSWER_BYTES_MAX) break;
  }
  const whole = Buffer.concat(chunks).subarray(0, ANSWER_BYTES_MAX);
  const complete = length <= ANSWER_BYTES_MAX;
  const raw = { status: response.statusCode, headers: response.headers, body: whole, complete };
  return response.headers['content-encoding'] === undefined ? raw : decoded(raw);
}

/** Compressed answers were not asked for; gzip is understood, everything else is read as an answer that says nothing. */
function decoded(raw: RawAnswer): RawAnswer {
  const encoding = raw.headers['content-encoding'];
  if (encoding === 'identity') return raw;
  try {
    if (encoding === 'gzip') return { ...raw, body: gunzipSync(raw.body, { maxOutputLength: ANSWER_BYTES_MAX }) };
  } catch {
    // As below.
  }
  return { ...raw, body: new Uint8Array(), complete: false };
}

function failure(error: unknown, limit: Limit): Answer {
  if (limit.code === 'TIMEOUT') return { kind: 'retry', code: 'TIMEOUT', message: 'no answer within the time-out' };
  if (limit.code === 'ABORTED') return { kind: 'retry', code: 'ABORTED', message: 'broken off' };
  if (error instanceof TunnelRefused) {
    // What the proxy says is about the way, not about the request: nothing in it can be refused here.
    const kind = error.status >= 500 || error.status === 429 ? 'retry' : 'denied';
    return { kind, status: error.status, code: 'PROXY', message: error.message };
  }
  // Of several addresses that were tried, the first stands for all; the sum of them has no message.
  const first = error instanceof AggregateError ? (error.errors[0] ?? error) : error;
  const { message, code, name } = first as { message?: unknown; code?: unknown; name?: unknown };
  return {
    kind: 'retry',
    code: typeof code === 'string' ? code : typeof name === 'string' ? name : 'UNKNOWN',
    message: printable(typeof message === 'string' && message !== '' ? message.slice(0, ERROR_CHARS_MAX) : 'no answer'),
  };
}

/** Values of headers, and what stands behind `Bearer` or `Basic` in them. */
function secretsOf({ headers, proxy }: OtlpSettings): readonly string[] {
  const values = [...Object.values(headers), ...(proxy?.authorization === undefined ? [] : [proxy.authorization])];
  const secrets = values.flatMap((value) => [value, value.replace(/^\S+ +/, '')]);
  return [...new Set(secrets)].filter((secret) => secret.length >= SECRET_CHARS_MIN);
}
