import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { decode, logRecordsOf } from './otlp/decoded.ts';
import type { Decoded } from './otlp/decoded.ts';

/** A log record or a span as a Collector gets it: attributes as plain values, a text body parsed. */
export interface Received {
  readonly name: string;
  readonly body: Record<string, unknown>;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly service: unknown;
}

/** An OTLP/HTTP receiver whose answers a test decides; it keeps what it has accepted. */
export class Receiver {
  readonly logs: Received[] = [];
  readonly spans: Received[] = [];
  /** The status for a request with these records. */
  answer: (records: readonly Received[], signal: 'logs' | 'traces') => number = () => 200;
  readonly #server: Server;
  #arrivals = new Set<() => void>();

  private constructor() {
    this.#server = createServer((request, response) => {
      void this.#take(request).then((status) => response.writeHead(status).end());
    });
  }

  static async start(): Promise<Receiver> {
    const receiver = new Receiver();
    receiver.#server.listen(0, '127.0.0.1');
    await once(receiver.#server, 'listening');
    return receiver;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Resolves when something is so; it is asked whenever a request has come. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await new Promise<void>((resolve) => this.#arrivals.add(resolve));
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #take(request: IncomingMessage): Promise<number> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const signal = request.url === '/v1/logs' ? 'logs' : 'traces';
    const records = signal === 'logs' ? logsOf(Buffer.concat(chunks)) : spansOf(Buffer.concat(chunks));
    const status = this.answer(records, signal);
    if (status === 200) this[signal === 'logs' ? 'logs' : 'spans'].push(...records);
    for (const arrived of this.#arrivals) arrived();
    this.#arrivals = new Set();
    return status;
  }
}

function logsOf(bytes: Buffer): Received[] {
  const request = decode('ExportLogsServiceRequest', bytes);
  const service = serviceOf(request['resource_logs']);
  return logRecordsOf(request).map((record) => {
    const text = (record['body'] as Decoded | undefined)?.['string_value'];
    const body = (typeof text === 'string' && text.startsWith('{') ? JSON.parse(text) : { text }) as Record<
      string,
      unknown
    >;
    return { name: String(record['event_name']), body, attributes: plain(record['attributes']), service };
  });
}

function spansOf(bytes: Buffer): Received[] {
  const resources = decode('ExportTraceServiceRequest', bytes)['resource_spans'] as {
    scope_spans: { spans: Decoded[] }[];
  }[];
  const service = serviceOf(resources);
  return resources
    .flatMap(({ scope_spans: scopes }) => scopes.flatMap(({ spans }) => spans))
    .map((span) => ({ name: String(span['name']), body: {}, attributes: plain(span['attributes']), service }));
}

function serviceOf(resources: unknown): unknown {
  const [first] = resources as { resource: { attributes: unknown } }[];
  return plain(first?.resource.attributes)['service.name'];
}

function plain(attributes: unknown): Record<string, unknown> {
  const list = (attributes ?? []) as { key: string; value: Decoded & { value?: string } }[];
  return Object.fromEntries(
    list.map(({ key, value }) => [key, value.value === undefined ? undefined : value[value.value]]),
  );
}
