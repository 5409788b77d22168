import { parseEntry } from '../entry.js';
import type { Entry } from '../entry.js';
import { ReviewError } from '../errors.js';
import { isObject } from '../json.js';
import type { DecisionQuery } from '../store.js';
import { nanosOfMs } from '../time.js';
import type { TroubleLog } from '../trouble.js';
import { JsonClient } from './http.js';
import { idFilters, quoted } from './id-filter.js';
import type { IdRange } from './id-filter.js';
import { LEAD_NANOS, inOrder } from './order.js';
import type { Positioned } from './order.js';
import { rangeOf, rangesOfId } from './range.js';
import type { TimeRange } from './range.js';
import type { Source } from './source.js';

/** Loki writes attribute names with underscores. */
const ID_LABEL = 'decision_id';
const MODEL_LABEL = 'decision_model_name';

/**
 * All decisions. Loki 3.7 does not keep the EventName of a log record, so outcomes and reviews are told by their
 * `audit.action`; a name that a later version keeps is heeded.
 */
const SELECTOR = `{service_name=~".+"} | ${ID_LABEL}!="" | event_name=~"(decision\\\\.made)?" | audit_action=~"(DECIDE)?"`;

/** Loki refuses a query over more than 30 days and an hour (`max_query_length`); this is half an hour less. */
const WINDOW_NANOS = nanosOfMs((30 * 24 + 0.5) * 3_600_000);

/** Loki refuses a query for more entries (`max_entries_limit_per_query`). */
const PAGE_ENTRIES_MAX = 5_000;
const PAGE_ENTRIES_FIRST = 50;

/**
 * Bytes of a page that are aimed at. Inside Loki an answer crosses gRPC, and with the settings it comes with, one above
 * 4 MiB is not sent: the connection is closed without a word.
 */
const PAGE_BYTES_TARGET = 2 * 1024 * 1024;

const NANOS_PER_MS = 1_000_000n;

interface Line {
  positionUnixNano: bigint;
  id: string;
  body: string;
}

/** Loki, by its HTTP API. The lines that it keeps are the bodies, byte for byte. */
export class LokiSource implements Source {
  readonly #client: JsonClient;
  readonly #trouble: TroubleLog;
  readonly #pageSize = new PageSize();

  constructor(url: URL, trouble: TroubleLog) {
    this.#client = new JsonClient('Loki', url);
    this.#trouble = trouble;
  }

  list(query: DecisionQuery): AsyncGenerator<Entry> {
    const { since, until } = rangeOf(query);
    const selector = query.model === undefined ? SELECTOR : `${SELECTOR} | ${MODEL_LABEL}=${quoted(query.model)}`;
    const range = { since: since - LEAD_NANOS, until: until + LEAD_NANOS };
    return inOrder(this.#entries(selector, range), query, this.#trouble);
  }

  async find(id: string): Promise<Entry | undefined> {
    const selector = `${SELECTOR} | ${ID_LABEL}=${quoted(id)}`;
    for (const range of rangesOfId(id)) {
      for await (const entry of inOrder(this.#entries(selector, range), {}, this.#trouble)) {
        if (entry.record.id === id) return entry;
      }
    }
    return undefined;
  }

  close(): void {}

  async *#entries(selector: string, range: TimeRange): AsyncGenerator<Positioned> {
    for await (const { body, positionUnixNano } of this.#lines(selector, range)) {
      try {
        yield { entry: parseEntry(body), positionUnixNano };
      } catch (error) {
        if (!(error instanceof ReviewError)) throw error;
        this.#trouble.report(
          'malformed',
          `left out a log record at ${positionUnixNano} ns that is no decision record: ${error.message}`,
        );
      }
    }
  }

  /** All lines of a range, in the order of their positions. */
  async *#lines(selector: string, { since, until }: TimeRange): AsyncGenerator<Line> {
    let from = since;
    while (from < until) {
      const windowEnd = from + WINDOW_NANOS < until ? from + WINDOW_NANOS : until;
      const page = await this.#page(selector, { since: from, until: windowEnd });
      const lines = page.lines.filter((line) => line.positionUnixNano >= from);
      if (!page.full) {
        yield* lines;
        from = windowEnd;
        continue;
      }
      // Of the last position there may be more than the page holds, so the next page begins with it.
      const last = lines.at(-1)?.positionUnixNano ?? from;
      yield* lines.filter((line) => line.positionUnixNano < last);
      if (last > from) {
        from = last;
      } else {
        yield* await this.#linesAt(selector, last, {});
        from = last + 1n;
      }
    }
  }

  /** All lines of one position, however many: a page that is full is split at the id in its middle. */
  async #linesAt(selector: string, position: bigint, ids: IdRange): Promise<Line[]> {
    const page = await this.#page(selector + idFilters(ID_LABEL, ids), { since: position, until: position + 1n });
    const lines = page.lines.filter((line) => line.positionUnixNano === position);
    if (!page.full) return lines;
    const known = [...new Set(page.lines.map((line) => line.id))].sort();
    const middle = known[known.length >> 1]!;
    return [
      ...(await this.#linesAt(selector, position, { ...ids, before: middle })),
      ...lines.filter((line) => line.id === middle),
      ...(await this.#linesAt(selector, position, { ...ids, after: middle })),
    ];
  }

  /** One page, which may begin a nanosecond early. Smaller ones are tried where Loki does not manage it. */
  async #page(selector: string, { since, until }: TimeRange): Promise<{ lines: Line[]; full: boolean }> {
    for (;;) {
      const limit = this.#pageSize.entries;
      try {
        const { json, bytes } = await this.#client.get('/loki/api/v1/query_range', {
          query: selector,
          start: startOf(since).toString(),
          end: until.toString(),
          limit: String(limit),
          direction: 'forward',
        });
        const lines = this.#parse(json);
        this.#pageSize.answered(lines.length, bytes);
        return { lines, full: lines.length >= limit };
      } catch (error) {
        const interrupted = error instanceof ReviewError && error.code === 'SOURCE_INTERRUPTED';
        if (!interrupted || !this.#pageSize.shrink()) throw error;
      }
    }
  }

  #parse(json: unknown): Line[] {
    const data = isObject(json) ? json['data'] : undefined;
    const streams = isObject(data) && data['resultType'] === 'streams' ? data['result'] : undefined;
    if (!Array.isArray(streams)) throw this.#client.unexpected('holds no log streams');
    const lines = streams.flatMap((stream: unknown) => {
      const labels = isObject(stream) ? stream['stream'] : undefined;
      const values = isObject(stream) ? stream['values'] : undefined;
      const id = isObject(labels) ? labels[ID_LABEL] : undefined;
      if (typeof id !== 'string' || !Array.isArray(values)) throw this.#client.unexpected('holds no log streams');
      return values.map((value: unknown) => this.#parseValue(id, value));
    });
    return lines.sort((a, b) =>
      a.positionUnixNano < b.positionUnixNano ? -1 : a.positionUnixNano > b.positionUnixNano ? 1 : 0,
    );
  }

  #parseValue(id: string, value: unknown): Line {
    const [position, body] = Array.isArray(value) ? (value as unknown[]) : [];
    if (typeof position !== 'string' || !/^\d{1,19}$/.test(position) || typeof body !== 'string') {
      throw this.#client.unexpected('holds no log lines');
    }
    return { id, body, positionUnixNano: BigInt(position) };
  }
}

/**
 * A query that starts exactly on a millisecond does not get those entries of it that end a chunk: Loki 3.7 leaves out a
 * stored chunk whose last millisecond is the query's first.
 */
function startOf(since: bigint): bigint {
  return since % NANOS_PER_MS === 0n ? since - 1n : since;
}

/** How many entries to ask for at once: follows the size of the entries seen so far. */
class PageSize {
  entries: number = PAGE_ENTRIES_FIRST;
  #max: number = PAGE_ENTRIES_MAX;

  answered(entries: number, bytes: number): void {
    if (entries === 0) return;
    const fitting = Math.floor((PAGE_BYTES_TARGET * entries) / bytes);
    this.entries = Math.max(1, Math.min(fitting, this.entries * 8, this.#max));
  }

  /** Asks for a quarter from now on; false where it was one entry already. */
  shrink(): boolean {
    if (this.entries === 1) return false;
    this.entries = this.#max = Math.max(1, this.entries >> 2);
    return true;
  }
}
