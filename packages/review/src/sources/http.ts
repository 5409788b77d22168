import { ReviewError, messageOf } from '../errors.js';
import { SOURCE_ANSWER_BYTES_MAX, SOURCE_TIMEOUT_MS } from '../limits.js';

/** A JSON answer, and how large it was. */
export interface JsonAnswer {
  json: unknown;
  bytes: number;
}

const ANSWER_EXCERPT_CHARS = 200;

/** Reads JSON from one HTTP backend. Every request and its answer are bounded in time and size. */
export class JsonClient {
  readonly #backend: string;
  readonly #base: URL;
  readonly #headers: Record<string, string> = { accept: 'application/json' };

  /** @param backend Its name in messages. */
  constructor(backend: string, url: URL) {
    this.#backend = backend;
    this.#base = new URL(url);
    this.#base.search = '';
    this.#base.hash = '';
    if (url.username !== '' || url.password !== '') {
      const user = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
      this.#headers['authorization'] = `Basic ${Buffer.from(user).toString('base64')}`;
      // fetch refuses a URL with a password, and a message must not show it.
      this.#base.username = '';
      this.#base.password = '';
    }
  }

  /** Where the backend is, without user and password. */
  get address(): string {
    return this.#base.href;
  }

  /**
   * GETs a path below the base URL.
   *
   * @throws ReviewError `SOURCE_UNREADABLE`, or `SOURCE_INTERRUPTED` where asking for less at once may help.
   */
  async get(path: string, parameters: Record<string, string> = {}): Promise<JsonAnswer> {
    const url = new URL(this.#base);
    url.pathname = url.pathname.replace(/\/$/, '') + path;
    url.search = new URLSearchParams(parameters).toString();
    const { status, body } = await this.#fetch(url);
    if (status !== 200) throw this.#refused(url, status, body.toString());
    try {
      return { json: JSON.parse(body.toString()), bytes: body.length };
    } catch (cause) {
      throw this.unexpected('is no JSON', { cause });
    }
  }

  /** The error for an answer that is not what the backend should give. */
  unexpected(what: string, options?: ErrorOptions): ReviewError {
    return new ReviewError(
      'SOURCE_UNREADABLE',
      `the answer from ${this.address} ${what}: check that this is the URL of ${this.#backend}`,
      options,
    );
  }

  async #fetch(url: URL): Promise<{ status: number; body: Buffer }> {
    try {
      const signal = AbortSignal.timeout(SOURCE_TIMEOUT_MS);
      const response = await fetch(url, { headers: this.#headers, signal });
      const chunks: Uint8Array[] = [];
      let bytes = 0;
      for await (const chunk of response.body ?? []) {
        bytes += chunk.length;
        if (bytes > SOURCE_ANSWER_BYTES_MAX)
          throw this.#interrupted(`was larger than ${SOURCE_ANSWER_BYTES_MAX} bytes`);
        chunks.push(chunk);
      }
      return { status: response.status, body: Buffer.concat(chunks) };
    } catch (error) {
      throw error instanceof ReviewError ? error : this.#failed(error);
    }
  }

  #failed(error: unknown): ReviewError {
    const cause = (error as { cause?: unknown }).cause ?? error;
    const code = (cause as { code?: unknown }).code;
    if ((error as Error).name === 'TimeoutError') {
      const waited = `${this.#backend} at ${this.address} did not answer within ${SOURCE_TIMEOUT_MS / 1000} s`;
      return new ReviewError('SOURCE_UNREADABLE', `${waited}; narrow the range with --since and --until`, {
        cause: error,
      });
    }
    if (code === 'UND_ERR_SOCKET' || code === 'ECONNRESET') return this.#interrupted('broke off');
    // An AggregateError (one failure for each address of a name) has a code and no message.
    const reason = code === 'ECONNREFUSED' ? 'connection refused' : messageOf(cause) || String(code);
    return new ReviewError(
      'SOURCE_UNREADABLE',
      `cannot reach ${this.#backend} at ${this.address}: ${reason}; check the URL and that it is running`,
      { cause: error },
    );
  }

  #refused(url: URL, status: number, body: string): ReviewError {
    const excerpt = body.trim().slice(0, ANSWER_EXCERPT_CHARS);
    const said = `${this.#backend} answered ${status} to ${url.origin}${url.pathname}${excerpt === '' ? '' : `: ${excerpt}`}`;
    if (status >= 500) return new ReviewError('SOURCE_INTERRUPTED', `${said}; try again later`);
    return new ReviewError('SOURCE_UNREADABLE', `${said}; ${this.#adviceFor(status)}`);
  }

  #adviceFor(status: number): string {
    if (status === 401 || status === 403) return 'give a user and a password in the URL';
    return status === 429 ? 'try again later' : `check that this is the URL of ${this.#backend}`;
  }

  #interrupted(what: string): ReviewError {
    return new ReviewError(
      'SOURCE_INTERRUPTED',
      `the answer from ${this.#backend} at ${this.address} ${what}; narrow the range with --since and --until`,
    );
  }
}
