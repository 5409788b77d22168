import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingHttpHeaders, Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FakeRequest {
  path: string;
  parameters: URLSearchParams;
  headers: IncomingHttpHeaders;
}

/** `broken`: the connection is closed instead. */
export type FakeAnswer = { status: number; text: string } | 'broken';

/** An HTTP server on a free port that answers as a backend would, or would not. */
export class FakeBackend {
  readonly requests: FakeRequest[] = [];
  readonly #server: Server;

  private constructor(answer: (request: FakeRequest) => FakeAnswer) {
    this.#server = createServer((request, response) => {
      const url = new URL(request.url ?? '', 'http://fake');
      const asked = { path: url.pathname, parameters: url.searchParams, headers: request.headers };
      this.requests.push(asked);
      const answered = answer(asked);
      if (answered === 'broken') request.socket.destroy();
      else response.writeHead(answered.status).end(answered.text);
    });
  }

  static async start(answer: (request: FakeRequest) => FakeAnswer): Promise<FakeBackend> {
    const backend = new FakeBackend(answer);
    await once(backend.#server.listen(0, '127.0.0.1'), 'listening');
    return backend;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await once(this.#server.close(), 'close');
  }
}

export function json(value: unknown): FakeAnswer {
  return { status: 200, text: JSON.stringify(value) };
}

const MS = 1_000_000n;
const LOKI_RANGE_MAX = (30n * 24n + 1n) * 3_600_000n * MS;
const LOKI_ENTRIES_MAX = 5_000;

export interface LokiLine {
  nanos: bigint;
  labels: Record<string, string>;
  body: string;
}

/**
 * Answers `query_range` as Loki 3.7 does, its traps included: limits on range and entries, an answer that is too large
 * for its gRPC closes the connection, and a query that starts on a millisecond misses chunks that end with it.
 */
export function lokiAnswer(lines: LokiLine[], answerBytesMax: number): (request: FakeRequest) => FakeAnswer {
  return ({ path, parameters }) => {
    if (path !== '/loki/api/v1/query_range') return { status: 404, text: '404 page not found' };
    const [start, end] = [BigInt(parameters.get('start')!), BigInt(parameters.get('end')!)];
    const limit = Number(parameters.get('limit'));
    if (end - start > LOKI_RANGE_MAX) return { status: 400, text: 'the query time range exceeds the limit' };
    if (limit > LOKI_ENTRIES_MAX) return { status: 400, text: 'max entries limit per query exceeded' };
    const passes = filtersOf(parameters.get('query')!);
    const first = start % MS === 0n ? start + 1n : start;
    const found = lines
      .filter(({ nanos, labels }) => nanos >= first && nanos < end && passes(labels))
      .toSorted((a, b) => Number(a.nanos - b.nanos))
      .slice(0, limit);
    const result = found.map(({ nanos, labels, body }) => ({ stream: labels, values: [[String(nanos), body]] }));
    const text = JSON.stringify({ status: 'success', data: { resultType: 'streams', result } });
    return text.length > answerBytesMax ? 'broken' : { status: 200, text };
  };
}

/** The label filters of a LogQL query, which follow its stream selector. */
function filtersOf(query: string): (labels: Record<string, string>) => boolean {
  const filters = [...query.matchAll(/\| (\w+)(=~|!~|!=|=)("(?:[^"\\]|\\.)*")/g)].map(
    ([, label, operator, literal]) => {
      const value = JSON.parse(literal!) as string;
      if (!operator!.endsWith('~')) {
        return (labels: Record<string, string>): boolean => ((labels[label!] ?? '') === value) === (operator === '=');
      }
      // Anchored, as Loki anchors it; RE2's \x{..} is \u{..} here.
      const pattern = new RegExp(`^(?:${value.replace(/^\(\?s\)/, '').replaceAll('\\x{', '\\u{')})$`, 'su');
      return (labels: Record<string, string>): boolean => pattern.test(labels[label!] ?? '') === (operator === '=~');
    },
  );
  return (labels) => filters.every((passes) => passes(labels));
}

export interface JaegerFakeSpan {
  traceId: string;
  startMicro: number;
  service: string;
  operation: string;
  tags: Record<string, unknown>;
}

/** Answers as the query API of Jaeger 2 does: any `limit` traces of those that have a matching span. */
export function jaegerAnswer(spans: JaegerFakeSpan[]): (request: FakeRequest) => FakeAnswer {
  return ({ path, parameters }) => {
    if (path === '/api/services') return json({ data: unique(spans.map(({ service }) => service)) });
    const operations = /^\/api\/services\/([^/]+)\/operations$/.exec(path);
    if (operations !== null) {
      const service = decodeURIComponent(operations[1]!);
      return json({ data: unique(spans.filter((span) => span.service === service).map(({ operation }) => operation)) });
    }
    const tags = Object.entries(JSON.parse(parameters.get('tags') ?? '{}') as Record<string, string>);
    const matches = (span: JaegerFakeSpan): boolean =>
      span.service === parameters.get('service') &&
      span.operation === (parameters.get('operation') ?? span.operation) &&
      span.startMicro >= Number(parameters.get('start')) &&
      span.startMicro <= Number(parameters.get('end')) &&
      tags.every(([key, value]) => span.tags[key] === value);
    const traceIds = unique(spans.filter(matches).map(({ traceId }) => traceId)).slice(
      0,
      Number(parameters.get('limit')),
    );
    const data = traceIds.map((traceID) => ({
      traceID,
      spans: spans
        .filter(({ traceId }) => traceId === traceID)
        .map((span, index) => ({
          traceID: traceID.replace(/^0{16}/, ''),
          spanID: String(index).padStart(16, '0'),
          operationName: span.operation,
          startTime: span.startMicro,
          duration: 1_500,
          tags: Object.entries(span.tags).map(([key, value]) => ({ key, type: typeof value, value })),
        })),
    }));
    return json({ data: data.length === 0 ? null : data });
  };
}

function unique(texts: string[]): string[] {
  return [...new Set(texts)];
}
