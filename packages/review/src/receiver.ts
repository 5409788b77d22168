import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ReviewError, messageOf } from './errors.js';
import { Ingest } from './ingest.js';
import type { IngestCounts, Rejection, Sink } from './ingest.js';
import { CONNECTIONS_MAX, REFUSED_LINGER_MS, REQUEST_TIMEOUT_MS, RETRY_AFTER_S, STOP_TIMEOUT_MS } from './limits.js';
import { decodeRequest, encodeResponse, encodingOf } from './otlp/encoding.js';
import type { OtlpEncoding } from './otlp/encoding.js';
import type { OtlpMessageName } from './otlp/schema.js';
import { declaresTooMuch, isKnownContentEncoding, readBody, tooLarge } from './request-body.js';
import { TroubleLog } from './trouble.js';

/** Settings of a receiver. */
export interface ReceiverOptions {
  /** Where decisions and spans are stored. The receiver does not close it. */
  store: Sink;
  /** TCP port on 127.0.0.1; 0 is any free port. Default: 4318, the port of OTLP/HTTP. */
  port?: number;
  /** Gets a line about each trouble, at most one of a kind in ten seconds. Default: `console.error`. */
  onTrouble?: (line: string) => void;
}

/** A receiver that is listening. */
export interface Receiver {
  /** For example `http://127.0.0.1:4318`: what `OTEL_EXPORTER_OTLP_ENDPOINT` wants. */
  readonly url: string;
  /** What it has stored and refused so far. */
  readonly counts: Readonly<IngestCounts>;
  /** Stops listening, lets requests under way finish for up to 5 s, and resolves when all connections are closed. */
  close(): Promise<void>;
}

/** Codes of `google.rpc.Status`, by the HTTP status that they go with. */
const RPC_CODE: Record<number, number> = { 400: 3, 404: 12, 405: 12, 413: 8, 415: 3, 500: 13, 503: 14 };

interface Signal {
  request: OtlpMessageName;
  response: OtlpMessageName;
  /** Name of the field that counts what a partial success refused. */
  rejected: string;
  accept: (ingest: Ingest, request: Record<string, unknown>) => Rejection | undefined;
}

const SIGNALS: Record<string, Signal | undefined> = {
  '/v1/logs': {
    request: 'ExportLogsServiceRequest',
    response: 'ExportLogsServiceResponse',
    rejected: 'rejectedLogRecords',
    accept: (ingest, request) => ingest.logs(request),
  },
  '/v1/traces': {
    request: 'ExportTraceServiceRequest',
    response: 'ExportTraceServiceResponse',
    rejected: 'rejectedSpans',
    accept: (ingest, request) => ingest.spans(request),
  },
};

const HOST = '127.0.0.1';
const METRICS_PATH = '/v1/metrics';
const HEALTH_PATH = '/healthz';
const DEFAULT_PORT = 4318;

interface Answer {
  status: number;
  body: Buffer;
  headers: Record<string, string>;
}

/**
 * Starts an OTLP/HTTP receiver on the loopback interface. It answers 200 only when what it was sent is on disk, and 503
 * with `Retry-After` while the store cannot be written.
 *
 * @throws ReviewError `CANNOT_LISTEN` where the port is in use or not permitted.
 */
export async function startReceiver(options: ReceiverOptions): Promise<Receiver> {
  const trouble = new TroubleLog(options.onTrouble ?? ((line) => console.error(line)));
  const ingest = new Ingest(options.store, trouble);
  const handler = new RequestHandler(ingest, trouble);
  const answer = (request: IncomingMessage, response: ServerResponse): void => void handler.handle(request, response);

  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS }, answer);
  server.maxConnections = CONNECTIONS_MAX;
  // Without this, a sender that asks first ("Expect: 100-continue") would be told to go on before its size is checked.
  server.on('checkContinue', answer);
  await listen(server, options.port ?? DEFAULT_PORT);
  server.on('error', (error) => trouble.report('server', `the receiver goes on after: ${error.message}`));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${HOST}:${port}`,
    counts: ingest.counts,
    close: () => {
      handler.stopping = true;
      return stop(server);
    },
  };
}

class RequestHandler {
  /** Set when the receiver stops: answers then ask their connections to close. */
  stopping = false;
  readonly #ingest: Ingest;
  readonly #trouble: TroubleLog;
  #metricsMentioned = false;

  constructor(ingest: Ingest, trouble: TroubleLog) {
    this.#ingest = ingest;
    this.#trouble = trouble;
  }

  /** Answers one request; never rejects. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const encoding = encodingOf(request.headers['content-type']);
    let answer: Answer;
    try {
      answer = await this.#answer(request, response, encoding);
    } catch (error) {
      answer = this.#failure(error, encoding);
    }
    if (this.stopping) response.shouldKeepAlive = false;
    send(request, response, answer);
  }

  async #answer(
    request: IncomingMessage,
    response: ServerResponse,
    encoding: OtlpEncoding | undefined,
  ): Promise<Answer> {
    const path = (request.url ?? '').split('?', 1)[0]!;
    if (path === HEALTH_PATH) {
      if (request.method !== 'GET') return refusal(405, 'use GET', encoding, { allow: 'GET' });
      return { status: 200, body: Buffer.from('ok\n'), headers: { 'content-type': 'text/plain' } };
    }
    const signal = SIGNALS[path];
    if (signal === undefined && path !== METRICS_PATH) {
      return refusal(404, 'nothing is here; OTLP goes to /v1/logs, /v1/traces and /v1/metrics', encoding);
    }
    if (request.method !== 'POST') return refusal(405, 'use POST', encoding, { allow: 'POST' });
    if (encoding === undefined) {
      return refusal(415, 'the Content-Type must be application/x-protobuf or application/json', encoding);
    }
    if (!isKnownContentEncoding(request.headers['content-encoding'])) {
      return refusal(415, 'the Content-Encoding must be gzip or identity', encoding, { 'accept-encoding': 'gzip' });
    }
    if (declaresTooMuch(request)) throw tooLarge('by its Content-Length');
    if (request.headers.expect !== undefined) response.writeContinue();

    const body = await readBody(request);
    if (signal === undefined) {
      this.#mentionMetrics();
      return success('ExportMetricsServiceResponse', {}, encoding);
    }
    const rejection = signal.accept(this.#ingest, decodeRequest(signal.request, encoding, body));
    if (rejection === undefined) return success(signal.response, {}, encoding);
    const partialSuccess = { [signal.rejected]: String(rejection.count), errorMessage: rejection.message };
    return success(signal.response, { partialSuccess }, encoding);
  }

  #failure(error: unknown, encoding: OtlpEncoding | undefined): Answer {
    switch (error instanceof ReviewError ? error.code : undefined) {
      case 'MALFORMED':
        return refusal(400, messageOf(error), encoding);
      case 'TOO_LARGE':
        return refusal(413, messageOf(error), encoding);
      case 'STORE_UNWRITABLE':
      case 'STORE_UNREADABLE':
        this.#trouble.report('store', `${messageOf(error)}; senders are told to try again`);
        return refusal(503, 'the store cannot be written now', encoding, { 'retry-after': String(RETRY_AFTER_S) });
      default:
        this.#trouble.report('bug', `a request failed by a bug of decision-trail: ${messageOf(error)}`);
        return refusal(500, 'a bug of decision-trail', encoding);
    }
  }

  #mentionMetrics(): void {
    if (this.#metricsMentioned) return;
    this.#metricsMentioned = true;
    this.#trouble.report('metrics', 'metrics are accepted and discarded: only decisions and spans are stored');
  }
}

function success(name: OtlpMessageName, message: Record<string, unknown>, encoding: OtlpEncoding): Answer {
  return { status: 200, body: encodeResponse(name, encoding, message), headers: { 'content-type': encoding } };
}

/** A `google.rpc.Status` in the encoding of the request; in JSON where that is neither of the two. */
function refusal(
  status: number,
  message: string,
  encoding: OtlpEncoding = 'application/json',
  headers: Record<string, string> = {},
): Answer {
  const body = encodeResponse('Status', encoding, { code: RPC_CODE[status], message });
  return { status, body, headers: { 'content-type': encoding, ...headers } };
}

function send(request: IncomingMessage, response: ServerResponse, { status, body, headers }: Answer): void {
  response.writeHead(status, { ...headers, 'content-length': body.length });
  response.end(body);
  if (request.complete || request.destroyed) return;
  // The sender is still writing a body that nobody wants. Closing at once would reset the connection before it has
  // read the answer, so what still comes is thrown away for a moment.
  request.resume();
  const linger = setTimeout(() => request.socket.destroy(), REFUSED_LINGER_MS);
  request.once('close', () => clearTimeout(linger));
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const reason =
        cause.code === 'EADDRINUSE'
          ? `port ${port} is in use; stop what listens there, or take any free port with --port 0`
          : `cannot listen on ${HOST}:${port}: ${cause.message}`;
      reject(new ReviewError('CANNOT_LISTEN', reason, { cause }));
    });
    server.listen(port, HOST, () => {
      server.removeAllListeners('error');
      resolve();
    });
  });
}

function stop(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const deadline = setTimeout(() => server.closeAllConnections(), STOP_TIMEOUT_MS);
    server.close(() => {
      clearTimeout(deadline);
      resolve();
    });
  });
}
