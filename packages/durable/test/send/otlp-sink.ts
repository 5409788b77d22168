import { once } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { gunzipSync } from 'node:zlib';
import type { Identity } from './certificates.ts';
import { encodeResponse, encodeStatus, idsOf } from './otlp.ts';

/** What the sink does with one request instead of accepting it. */
export type Fault =
  /** Answers with a status; what it was sent is not kept. */
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly message?: string;
    }
  /** Answers with these bytes, whatever they are; what it was sent is kept. */
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body: Uint8Array | string;
    }
  /** Keeps all but some, and says so. */
  | { readonly kind: 'partial'; readonly rejected: number; readonly message?: string }
  /** Resets the connection before it has read the request. */
  | { readonly kind: 'reset-before-reading' }
  /** Reads and keeps the request, then resets the connection. */
  | { readonly kind: 'reset-after-reading' }
  /** Reads the request, and never answers. Whether it keeps it is up to the test. */
  | { readonly kind: 'hang'; readonly keep?: boolean }
  /** Never reads the request. */
  | { readonly kind: 'black-hole' }
  /** Reads the request piece by piece, then accepts it. */
  | { readonly kind: 'slow' }
  /** Accepts the request, and closes the connection behind the answer without a word. */
  | { readonly kind: 'forget' }
  /** Speaks something that is not HTTP. */
  | { readonly kind: 'not-http' };

/** A request that was read whole. */
export interface ReceivedRequest {
  readonly signal: 'logs' | 'traces';
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** In the order of the request. */
  readonly ids: readonly string[];
  /** Whether the sink keeps what was in it. */
  readonly kept: boolean;
  /** Whether the sender was told so, without reservation: otherwise it may rightly send it again. */
  readonly accepted: boolean;
  readonly encrypted: boolean;
  /** Common name of the client's certificate. */
  readonly client?: string;
}

export interface SinkOptions {
  /** Speaks TLS. With `clients`, only to those whose certificate this authority (PEM) has signed. */
  readonly tls?: Identity & { readonly clients?: string };
  /** Requests of more bytes (decompressed) are answered with 413. */
  readonly bytesMax?: number;
  /** What to do with the nth request, from 1, once the script has ended. */
  readonly faultOf?: (request: number) => Fault | undefined;
  /** Requests that hold a record for which this gives a status are answered with it. */
  readonly refuses?: (id: string) => number | undefined;
}

/**
 * A strict OTLP/HTTP receiver on a free loopback port. It answers as the specification says, except where a fault was put in
 * its script; it knows what it has kept, and what a sender has done wrong.
 */
export class OtlpSink {
  readonly requests: ReceivedRequest[] = [];
  /** What a sender has done that the protocol does not allow. */
  readonly violations: string[] = [];
  readonly #options: SinkOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #script: Fault[] = [];
  readonly #waiting = new Set<() => void>();
  /** Connections that were made. */
  connections = 0;
  /** Requests that have begun to arrive. */
  arrived = 0;

  private constructor(options: SinkOptions) {
    this.#options = options;
    const listener = (request: IncomingMessage, response: ServerResponse): void => {
      this.#serve(request, response).catch(() => response.destroy());
    };
    const { tls } = options;
    this.#server =
      tls === undefined
        ? createServer(listener)
        : (createSecureServer(
            {
              cert: tls.certificate,
              key: tls.key,
              ...(tls.clients === undefined ? {} : { ca: tls.clients, requestCert: true, rejectUnauthorized: true }),
            },
            listener,
          ) as unknown as Server);
    this.#server.on('connection', (socket: Socket) => {
      this.connections += 1;
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      socket.on('error', () => {});
    });
    this.#server.on('tlsClientError', () => {});
  }

  static async start(options: SinkOptions = {}): Promise<OtlpSink> {
    const sink = new OtlpSink(options);
    sink.#server.listen(0, '127.0.0.1');
    await once(sink.#server, 'listening');
    return sink;
  }

  /** What `OTEL_EXPORTER_OTLP_ENDPOINT` wants. */
  get endpoint(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `${this.#options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`;
  }

  /** Ids of what the sink has kept, in the order of arrival, duplicates included. */
  get kept(): string[] {
    return this.requests.flatMap(({ kept, ids }) => (kept ? ids : []));
  }

  /** Puts faults behind those that are left: one for each request that comes. */
  play(...faults: readonly Fault[]): void {
    this.#script.push(...faults);
  }

  /** Resolves when something about the sink is so; it is asked whenever something has arrived. */
  async until(isSo: (sink: this) => boolean): Promise<void> {
    while (!isSo(this)) await new Promise<void>((resolve) => this.#waiting.add(resolve));
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #changed(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.arrived += 1;
    this.#changed();
    const fault = this.#script.shift() ?? this.#options.faultOf?.(this.arrived);
    if (fault?.kind === 'black-hole') return;
    if (fault?.kind === 'reset-before-reading') {
      request.socket.resetAndDestroy();
      return;
    }
    const body = await (fault?.kind === 'slow' ? readSlowly(request) : read(request));
    const signal = request.url === '/v1/traces' ? 'traces' : 'logs';
    const ids = this.#check(request, signal, body);
    const keep = (kept: boolean, accepted: boolean): void => {
      const peer = 'getPeerCertificate' in request.socket ? (request.socket as never as Peer).getPeerCertificate() : {};
      const client = peer.subject?.CN;
      const encrypted = 'encrypted' in request.socket;
      const received = { signal, headers: request.headers, ids: ids ?? [], kept, accepted, encrypted } as const;
      this.requests.push(client === undefined ? received : { ...received, client });
    };
    this.#act(fault, ids, body, { request, response, keep });
    this.#changed();
  }

  #act(fault: Fault | undefined, ids: string[] | undefined, body: Buffer, exchange: Exchange): void {
    const { request, response, keep } = exchange;
    if (ids === undefined) {
      keep(false, false);
      answer(response, 400, {}, encodeStatus('not OTLP'));
      return;
    }
    switch (fault?.kind) {
      case 'status':
        keep(false, false);
        answer(response, fault.status, fault.headers ?? {}, encodeStatus(fault.message ?? ''));
        return;
      case 'answer':
        keep(true, false);
        answer(response, fault.status, fault.headers ?? {}, fault.body);
        return;
      case 'partial':
        keep(true, false);
        answer(response, 200, {}, encodeResponse(fault.rejected, fault.message ?? ''));
        return;
      case 'reset-after-reading':
        keep(true, false);
        request.socket.resetAndDestroy();
        return;
      case 'hang':
        keep(fault.keep ?? false, false);
        return;
      case 'not-http':
        keep(false, false);
        request.socket.end('\u0000\u0001 who is there?\r\n');
        return;
      case 'forget':
        keep(true, true);
        answer(response, 200, {}, new Uint8Array());
        // Behind the answer, and without `connection: close`, so that the sender learns of it only by trying.
        response.on('finish', () => request.socket.destroySoon());
        return;
      default:
        this.#receive(ids, body, exchange);
    }
  }

  /** As a receiver does that nothing is wrong with. */
  #receive(ids: string[], body: Buffer, { response, keep }: Exchange): void {
    const tooLarge = body.length > (this.#options.bytesMax ?? Number.POSITIVE_INFINITY);
    const status = tooLarge ? 413 : ids.map((id) => this.#options.refuses?.(id)).find((status) => status !== undefined);
    keep(status === undefined, status === undefined);
    if (status === undefined) answer(response, 200, {}, encodeResponse(0, ''));
    else answer(response, status, {}, encodeStatus(tooLarge ? 'too much at once' : 'not this one'));
  }

  /** The ids in a request; `undefined` where it is none. */
  #check(request: IncomingMessage, signal: 'logs' | 'traces', body: Buffer): string[] | undefined {
    const wrong = (what: string): undefined => {
      this.violations.push(what);
      return undefined;
    };
    if (request.method !== 'POST') return wrong(`method ${request.method}`);
    if (!/^\/v1\/(logs|traces)$/.test(request.url ?? '')) return wrong(`path ${request.url}`);
    const { 'content-type': type, 'content-encoding': encoding, 'user-agent': agent } = request.headers;
    if (type !== 'application/x-protobuf') return wrong(`content-type ${type}`);
    if (encoding !== undefined && encoding !== 'gzip') return wrong(`content-encoding ${encoding}`);
    if (agent === undefined) return wrong('no user-agent');
    try {
      const ids = idsOf(signal, body);
      return ids.length === 0 ? wrong('an empty request') : ids;
    } catch (error) {
      return wrong(String(error));
    }
  }
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly keep: (kept: boolean, accepted: boolean) => void;
}

interface Peer {
  getPeerCertificate(): { subject?: { CN?: string } };
}

function answer(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  body: Uint8Array | string,
): void {
  response.writeHead(status, { 'content-type': 'application/x-protobuf', ...headers });
  response.end(body);
}

async function read(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  return request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
}

/** Lets the sender fill every buffer on the way before each piece is taken. */
async function readSlowly(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  while (!request.complete || request.readableLength > 0) {
    const chunk = request.read(1024) as Buffer | null;
    if (chunk !== null) chunks.push(chunk);
    else {
      const rest = request.read() as Buffer | null;
      if (rest !== null) chunks.push(rest);
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  const body = Buffer.concat(chunks);
  return request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
}
