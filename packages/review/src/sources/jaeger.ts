import { conventions } from '@decision-trail/decisions';
import { parseEntry } from '../entry.js';
import type { Entry } from '../entry.js';
import { ReviewError } from '../errors.js';
import { isObject } from '../json.js';
import type { DecisionQuery } from '../store.js';
import { nanosOfMs } from '../time.js';
import type { TroubleLog } from '../trouble.js';
import { JsonClient } from './http.js';
import { decisionSpans, mayBeCut, recordOf } from './jaeger-span.js';
import type { JaegerSpan } from './jaeger-span.js';
import { LEAD_NANOS, inOrder } from './order.js';
import type { Positioned } from './order.js';
import { rangeOf, rangesOfId } from './range.js';
import type { TimeRange } from './range.js';
import type { Source } from './source.js';

/** Traces of one answer. Jaeger returns any that many of those that match, so a full answer is asked for again in halves. */
const PAGE_TRACES = 500;

/** Traces that begin within one microsecond, which cannot be halved. */
const PAGE_TRACES_MAX = 100_000;

/** How long before its timestamp the span of a decision may begin. */
const DURATION_NANOS_MAX = nanosOfMs(3_600_000);

/** Spans of decisions are named `decision {model.name}`. */
const OPERATION_PREFIX = 'decision ';

const NANOS_PER_MICRO = 1_000n;

/** Times in microseconds since 1970, both included, as Jaeger has them. */
interface Window {
  first: bigint;
  last: bigint;
}

/** Jaeger, by the HTTP API of its query service. Records are rebuilt from spans. */
export class JaegerSource implements Source {
  readonly #client: JsonClient;
  readonly #trouble: TroubleLog;
  #cutMentioned = false;

  constructor(url: URL, trouble: TroubleLog) {
    this.#client = new JsonClient('Jaeger', url);
    this.#trouble = trouble;
  }

  async *list(query: DecisionQuery): AsyncGenerator<Entry> {
    const { since, until } = rangeOf(query);
    const window = windowOf({ since: since - DURATION_NANOS_MAX, until: until + LEAD_NANOS });
    const searches = await this.#searches(query.model);
    yield* inOrder(this.#entries(searches, window), query, this.#trouble);
  }

  async find(id: string): Promise<Entry | undefined> {
    const tags = JSON.stringify({ [conventions.ATTR_DECISION_ID]: id });
    for (const range of rangesOfId(id)) {
      for (const service of await this.#names('/api/services')) {
        for await (const span of this.#spans({ service, tags }, windowOf(range))) {
          const entry = this.#entry(span);
          if (entry?.record.id === id) return entry;
        }
      }
    }
    return undefined;
  }

  close(): void {}

  /** What to search for: each service, and each kind of decision that it makes. */
  async #searches(model: string | undefined): Promise<Record<string, string>[]> {
    const searches: Record<string, string>[] = [];
    for (const service of await this.#names('/api/services')) {
      for (const operation of await this.#names(`/api/services/${encodeURIComponent(service)}/operations`)) {
        const isWanted =
          model === undefined ? operation.startsWith(OPERATION_PREFIX) : operation === OPERATION_PREFIX + model;
        if (isWanted) searches.push({ service, operation });
      }
    }
    return searches;
  }

  /** The entries of several searches, each of which is ordered by the start of its spans. */
  async *#entries(searches: Record<string, string>[], window: Window): AsyncGenerator<Positioned> {
    yield* merged(searches.map((search) => this.#positioned(search, window)));
  }

  async *#positioned(search: Record<string, string>, window: Window): AsyncGenerator<Positioned> {
    for await (const span of this.#spans(search, window)) {
      const entry = this.#entry(span);
      if (entry !== undefined) yield { entry, positionUnixNano: BigInt(span.startUnixMicro) * NANOS_PER_MICRO };
    }
  }

  /** The decision spans that a search finds in a window, by their start. */
  async *#spans(search: Record<string, string>, window: Window, limit = PAGE_TRACES): AsyncGenerator<JaegerSpan> {
    const { json } = await this.#client.get('/api/traces', {
      ...search,
      start: window.first.toString(),
      end: window.last.toString(),
      limit: String(limit),
    });
    const traces = this.#data(json);
    if (traces.length >= limit) {
      yield* this.#halves(search, window, limit);
      return;
    }
    const spans = traces.flatMap((trace) => {
      const found = decisionSpans(trace);
      if (found === undefined) throw this.#client.unexpected('holds no traces');
      return found;
    });
    // A trace is returned whole; its spans outside the window belong to another one.
    const inside = spans.filter(
      ({ startUnixMicro }) => startUnixMicro >= window.first && startUnixMicro <= window.last,
    );
    yield* inside.sort((a, b) => a.startUnixMicro - b.startUnixMicro);
  }

  async *#halves(search: Record<string, string>, { first, last }: Window, limit: number): AsyncGenerator<JaegerSpan> {
    if (first < last) {
      const middle = (first + last) / 2n;
      yield* this.#spans(search, { first, last: middle }, limit);
      yield* this.#spans(search, { first: middle + 1n, last }, limit);
    } else if (limit < PAGE_TRACES_MAX) {
      yield* this.#spans(search, { first, last }, PAGE_TRACES_MAX);
    } else {
      throw new ReviewError('SOURCE_UNREADABLE', `more than ${limit} traces in Jaeger begin within one microsecond`);
    }
  }

  #entry(span: JaegerSpan): Entry | undefined {
    if (mayBeCut(span) && !this.#cutMentioned) {
      this.#cutMentioned = true;
      this.#trouble.report(
        'cut',
        'of inputs and decisions above 4 KiB Jaeger has only the beginning; the whole is in the log records',
      );
    }
    try {
      return parseEntry(JSON.stringify(recordOf(span)));
    } catch (error) {
      if (!(error instanceof ReviewError)) throw error;
      this.#trouble.report('malformed', `left out span ${span.spanId} of trace ${span.traceId}: ${error.message}`);
      return undefined;
    }
  }

  async #names(path: string): Promise<string[]> {
    const { json } = await this.#client.get(path);
    const names = this.#data(json);
    if (!names.every((name) => typeof name === 'string')) throw this.#client.unexpected('holds no list of names');
    return names;
  }

  /** The list in an answer; Jaeger writes an empty one as null. */
  #data(json: unknown): unknown[] {
    const data = isObject(json) ? json['data'] : undefined;
    if (data === null) return [];
    if (!Array.isArray(data)) throw this.#client.unexpected('holds no data');
    return data;
  }
}

function windowOf({ since, until }: TimeRange): Window {
  return { first: since / NANOS_PER_MICRO, last: until / NANOS_PER_MICRO };
}

/** Merges streams that are ordered by position into one that is. */
async function* merged(streams: AsyncGenerator<Positioned>[]): AsyncGenerator<Positioned> {
  const heads: { stream: AsyncGenerator<Positioned>; head: Positioned }[] = [];
  try {
    for (const stream of streams) {
      const { done, value } = await stream.next();
      if (done !== true) heads.push({ stream, head: value });
    }
    while (heads.length > 0) {
      const next = heads.reduce((a, b) => (b.head.positionUnixNano < a.head.positionUnixNano ? b : a));
      yield next.head;
      const { done, value } = await next.stream.next();
      if (done === true) heads.splice(heads.indexOf(next), 1);
      else next.head = value;
    }
  } finally {
    await Promise.all(streams.map((stream) => stream.return(undefined)));
  }
}
