import { ReviewError } from './errors.js';
import { PARTIAL_SUCCESS_CHARS_MAX } from './limits.js';
import { readLogRecords, readSpans } from './otlp/read.js';
import { DECISION_EVENT_PREFIX, recordRow, spanRow } from './rows.js';
import type { Store } from './store.js';
import type { TroubleLog } from './trouble.js';

/** What an ingest has done since it was made. */
export interface IngestCounts {
  /** Decision records (and outcomes, reviews, ...) that are new in the store. */
  records: number;
  /** Spans that are new in the store. */
  spans: number;
  /** Records and spans that the store had already. */
  duplicates: number;
  /** Records refused because the store has their id with another body. */
  conflicts: number;
  /** Decision records and spans refused because they are not what OTLP or the conventions say. */
  malformed: number;
  /** Log records that are no decisions: accepted, not stored. */
  otherLogRecords: number;
}

/** What of a request was refused, and why. */
export interface Rejection {
  count: number;
  message: string;
}

/** Where rows go; a `Store`, or a stand-in for one. */
export type Sink = Pick<Store, 'writeRecords' | 'writeSpans'>;

/** Takes decoded OTLP requests into a store. */
export class Ingest {
  readonly counts: IngestCounts = {
    records: 0,
    spans: 0,
    duplicates: 0,
    conflicts: 0,
    malformed: 0,
    otherLogRecords: 0,
  };
  readonly #sink: Sink;
  readonly #trouble: TroubleLog;

  constructor(sink: Sink, trouble: TroubleLog) {
    this.#sink = sink;
    this.#trouble = trouble;
  }

  /**
   * Stores the decision records of an `ExportLogsServiceRequest`; they are on disk when it returns.
   *
   * @returns What was refused and should not be sent again.
   * @throws ReviewError `MALFORMED`, `STORE_UNWRITABLE`, `STORE_UNREADABLE`: nothing was stored.
   */
  logs(request: Record<string, unknown>): Rejection | undefined {
    const all = readLogRecords(request);
    const decisions = all.filter((record) => record.eventName.startsWith(DECISION_EVENT_PREFIX));
    const { rows, problems } = collect(decisions, 'decision record', recordRow);

    const result = this.#sink.writeRecords(rows);
    for (const problem of problems) this.#trouble.report('malformed', `refused a ${problem}`);
    for (const id of result.conflicts) {
      const line = `decision ${id} was sent again with another body; the first one is kept`;
      this.#trouble.report('conflict', line);
      problems.push(line);
    }
    this.counts.records += result.stored;
    this.counts.duplicates += result.duplicates;
    this.counts.conflicts += result.conflicts.length;
    this.counts.malformed += problems.length - result.conflicts.length;
    this.counts.otherLogRecords += all.length - decisions.length;
    return rejection(problems);
  }

  /** As `logs`, with the spans of an `ExportTraceServiceRequest`. */
  spans(request: Record<string, unknown>): Rejection | undefined {
    const { rows, problems } = collect(readSpans(request), 'span', spanRow);
    const result = this.#sink.writeSpans(rows);
    for (const problem of problems) this.#trouble.report('malformed', `refused a ${problem}`);
    this.counts.spans += result.stored;
    this.counts.duplicates += result.duplicates;
    this.counts.malformed += problems.length;
    return rejection(problems);
  }
}

/** Makes rows of what can be stored, and says of the rest which it is and what is wrong with it. */
function collect<Item, Row>(
  items: Item[],
  kind: string,
  row: (item: Item) => Row,
): { rows: Row[]; problems: string[] } {
  const rows: Row[] = [];
  const problems: string[] = [];
  items.forEach((item, index) => {
    try {
      rows.push(row(item));
    } catch (error) {
      if (!(error instanceof ReviewError)) throw error;
      problems.push(`${kind} (number ${index + 1} of ${items.length} in its request): ${error.message}`);
    }
  });
  return { rows, problems };
}

function rejection(problems: string[]): Rejection | undefined {
  if (problems.length === 0) return undefined;
  return { count: problems.length, message: problems.join('; ').slice(0, PARTIAL_SUCCESS_CHARS_MAX) };
}
