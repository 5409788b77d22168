import { EventEmitter } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { Server as TlsServer } from 'node:https';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { crc32, gunzipSync } from 'node:zlib';
import { freePorts } from '../backends/ports.ts';
import type { Certificate } from './certificate.ts';
import { decode, itemsOf, textAttribute, WireError } from './wire.ts';
import type { Message } from './wire.ts';

const HOST = '127.0.0.1';
const REQUEST_BYTES_MAX = 64 * 1024 * 1024;
const EVENT_MADE = 'decision.made';
const EVENT_LOSS = 'decision.loss';
const KEPT_PROBLEMS_MAX = 10;

/** One request as rules see it. */
export interface SinkRequest {
  readonly signal: 'logs' | 'traces';
  /** Of the requests that a rule was asked about, from 1. */
  readonly number: number;
  readonly items: readonly Message[];
  /** After decompression. */
  readonly bytes: number;
}

/** What the sink does with a request. */
export type Verdict =
  | { readonly do: 'accept' }
  /** Stores nothing. */
  | { readonly do: 'refuse'; readonly status: number; readonly retryAfterS?: number }
  /** Stores all but the last few, and says so. */
  | { readonly do: 'accept-part'; readonly rejected: number }
  /** Never answers. */
  | { readonly do: 'hang' }
  | { readonly do: 'reset' }
  /** Stores all; the connection breaks before the answer. */
  | { readonly do: 'accept-unanswered' }
  /** Stores all and answers; the connection is gone right after it, though it was to be kept alive. */
  | { readonly do: 'accept-and-forget' };

export type Rule = (request: SinkRequest) => Verdict;

export const accept: Rule = () => ({ do: 'accept' });

/** A receiver of OTLP over HTTP that refuses what is not OTLP, counts ids, and fails as it is told to. */
export class Sink extends EventEmitter<{ change: [] }> {
  /** How often each decision has arrived. */
  readonly logs: Map<string, number> = new Map<string, number>();
  readonly spans: Map<string, number> = new Map<string, number>();
  /** Bodies of `decision.loss` records. */
  readonly losses: string[] = [];
  /** What was no OTLP, or no longer what the application had recorded. */
  readonly problems: string[] = [];
  rule: Rule = accept;
  /** Milliseconds between two reads of at most 64 KiB. */
  readDelayMs = 0;
  readonly #server: Server | TlsServer;
  readonly #port: number;
  readonly #isTls: boolean;
  readonly #sockets = new Set<Socket>();
  #asked = 0;

  private constructor(port: number, certificate: Certificate | undefined) {
    super();
    this.#port = port;
    this.#isTls = certificate !== undefined;
    const handle = (request: IncomingMessage, response: ServerResponse): void => {
      // A connection that breaks is what many scenarios are about.
      this.#handle(request, response).catch(() => request.destroy());
    };
    this.#server = certificate === undefined ? createHttpServer(handle) : createHttpsServer({ ...certificate }, handle);
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => {
        this.#sockets.delete(socket);
        this.emit('change');
      });
      socket.on('error', () => socket.destroy());
    });
  }

  /** @param certificate Makes it HTTPS. */
  static async start(certificate?: Certificate): Promise<Sink> {
    const [port] = await freePorts(1);
    const sink = new Sink(port!, certificate);
    await sink.up();
    return sink;
  }

  get url(): string {
    return `${this.#isTls ? 'https' : 'http'}://${HOST}:${this.#port}`;
  }

  /** From now on connections are refused; those that are open break. */
  async down(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      for (const socket of this.#sockets) socket.destroy();
    });
  }

  /** On the same port as before. */
  async up(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#port, HOST, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
  }

  /** Shows another certificate to new connections, and breaks the others. */
  show(certificate: Certificate): void {
    (this.#server as TlsServer).setSecureContext(certificate);
    this.breakConnections();
  }

  breakConnections(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  get connections(): number {
    return this.#sockets.size;
  }

  /** Resolves to true as soon as it holds, or to false after that time. */
  async until(holds: () => boolean, timeoutMs: number): Promise<boolean> {
    if (holds()) return true;
    return new Promise((resolve) => {
      const settle = (result: boolean): void => {
        clearTimeout(overdue);
        this.off('change', check);
        resolve(result);
      };
      const check = (): void => {
        if (holds()) settle(true);
      };
      const overdue = setTimeout(settle, timeoutMs, false);
      this.on('change', check);
    });
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await this.#read(request);
    const signal = request.url === '/v1/logs' ? 'logs' : request.url === '/v1/traces' ? 'traces' : undefined;
    let items: Message[];
    let bytes: number;
    try {
      if (signal === undefined || request.method !== 'POST') throw new WireError(`${request.method} ${request.url}`);
      const plain = plainBody(request, body);
      bytes = plain.length;
      items = itemsOf(decode(signal, plain));
      if (items.length === 0) throw new WireError('an empty request');
    } catch (error) {
      this.#complain(`malformed: ${(error as Error).message}`);
      refuse(response, 400);
      return;
    }
    this.#asked += 1;
    const verdict = this.rule({ signal: signal, number: this.#asked, items, bytes });
    this.#judge(verdict, signal, items, response);
    this.emit('change');
  }

  #judge(verdict: Verdict, signal: 'logs' | 'traces', items: Message[], response: ServerResponse): void {
    switch (verdict.do) {
      case 'accept':
        this.#store(signal, items);
        answer(response, 200, EMPTY);
        break;
      case 'accept-part':
        this.#store(signal, items.slice(0, -verdict.rejected));
        answer(response, 200, partialSuccess(verdict.rejected));
        break;
      case 'refuse':
        refuse(response, verdict.status, verdict.retryAfterS);
        break;
      case 'reset':
        response.socket?.resetAndDestroy();
        break;
      case 'accept-unanswered':
        this.#store(signal, items);
        response.socket?.resetAndDestroy();
        break;
      case 'accept-and-forget': {
        this.#store(signal, items);
        const { socket } = response;
        response.once('finish', () => socket?.destroy());
        answer(response, 200, EMPTY);
        break;
      }
      case 'hang':
        break;
    }
  }

  async #read(request: IncomingMessage): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of request as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > REQUEST_BYTES_MAX) throw new WireError('too large');
      chunks.push(chunk);
      if (this.readDelayMs > 0) await delay(this.readDelayMs);
    }
    return Buffer.concat(chunks);
  }

  #store(signal: 'logs' | 'traces', items: readonly Message[]): void {
    const counts = signal === 'logs' ? this.logs : this.spans;
    for (const item of items) {
      const eventName = item['eventName'];
      if (signal === 'logs' && eventName === EVENT_LOSS) this.losses.push(textOf(item));
      if (signal === 'logs' && eventName !== EVENT_MADE) continue;
      const id = textAttribute(item, 'decision.id');
      if (id === undefined) continue;
      counts.set(id, (counts.get(id) ?? 0) + 1);
      if (signal === 'logs') this.#compare(id, textOf(item));
    }
  }

  /** What an application records carries its own checksum; see `decisions.ts`. */
  #compare(id: string, body: string): void {
    try {
      const record = JSON.parse(body) as { id: string; input: { text?: string; crc?: number } };
      const { text, crc } = record.input;
      if (record.id !== id) this.#complain(`record ${record.id} has the attribute ${id}`);
      if (text !== undefined && crc !== undefined && crc32(text) !== crc) this.#complain(`record ${id} was altered`);
    } catch {
      this.#complain(`record ${id} is no JSON`);
    }
  }

  #complain(problem: string): void {
    if (this.problems.length < KEPT_PROBLEMS_MAX) this.problems.push(problem);
  }
}

const EMPTY = Buffer.alloc(0);

function textOf(item: Message): string {
  return (item['body'] as { stringValue?: string } | undefined)?.stringValue ?? '';
}

function plainBody(request: IncomingMessage, body: Buffer): Buffer {
  const type = request.headers['content-type'];
  if (type !== 'application/x-protobuf') throw new WireError(`Content-Type ${type}`);
  const encoding = request.headers['content-encoding'];
  if (encoding === undefined || encoding === 'identity') return body;
  if (encoding !== 'gzip') throw new WireError(`Content-Encoding ${encoding}`);
  return gunzipSync(body, { maxOutputLength: REQUEST_BYTES_MAX });
}

function answer(response: ServerResponse, status: number, body: Buffer, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/x-protobuf', 'content-length': body.length, ...headers });
  response.end(body);
}

/** The body is a `google.rpc.Status` whose message is its field 2. */
function refuse(response: ServerResponse, status: number, retryAfterS?: number): void {
  const message = Buffer.from(`refused with ${status}`);
  const headers = retryAfterS === undefined ? {} : { 'retry-after': String(retryAfterS) };
  answer(response, status, Buffer.concat([Buffer.from([0x12, message.length]), message]), headers);
}

/** `partial_success { rejected_log_records, error_message }`; spans have the same numbers. */
function partialSuccess(rejected: number): Buffer {
  const count = [0x08];
  let rest = rejected;
  for (; rest > 0x7f; rest >>>= 7) count.push((rest & 0x7f) | 0x80);
  const message = Buffer.from('refused in part');
  const inner = Buffer.concat([Buffer.from([...count, rest, 0x12, message.length]), message]);
  return Buffer.concat([Buffer.from([0x0a, inner.length]), inner]);
}
