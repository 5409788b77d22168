import { crc32 } from 'node:zlib';
import { compareEntries, modelNameOf } from '../entry.js';
import type { Entry } from '../entry.js';
import type { DecisionQuery } from '../store.js';
import { nanosOfMs } from '../time.js';
import type { TroubleLog } from '../trouble.js';

/** An entry, and the time under which its backend keeps it: backends return entries in the order of that. */
export interface Positioned {
  readonly entry: Entry;
  readonly positionUnixNano: bigint;
}

/**
 * How far a record's own timestamp may lie before the time under which its backend keeps it. Usually that is the
 * rounding of one of the two, below a millisecond; the rest is for clocks.
 */
export const LEAD_NANOS: bigint = nanosOfMs(5_000);

/**
 * Turns what a backend returns into what every source returns: sorted by timestamp, then by id; each id once; only what
 * the query asks for.
 *
 * It holds back what a later entry could still precede, so a record that is kept under a much earlier time than its
 * own (a decision that took an hour) still comes in its place.
 */
export async function* inOrder(
  entries: AsyncIterable<Positioned>,
  query: DecisionQuery,
  trouble: TroubleLog,
): AsyncGenerator<Entry> {
  const distinct = new Distinct(trouble);
  let held: Entry[] = [];
  let sortedAt: bigint | undefined;
  for await (const { entry, positionUnixNano } of entries) {
    sortedAt ??= positionUnixNano;
    // Not for each entry: sorting once per lead keeps the work near linear.
    if (positionUnixNano - sortedAt > LEAD_NANOS) {
      sortedAt = positionUnixNano;
      held.sort(compareEntries);
      const from = held.findIndex((candidate) => candidate.timeUnixNano >= positionUnixNano - LEAD_NANOS);
      const ready = from === -1 ? held : held.slice(0, from);
      held = from === -1 ? [] : held.slice(from);
      yield* distinct.of(ready);
    }
    if (isAskedFor(entry, query)) held.push(entry);
  }
  yield* distinct.of(held.sort(compareEntries));
}

/** Remembers ids, and enough of each body to notice two that differ. */
class Distinct {
  readonly #checksums = new Map<string, number>();
  readonly #trouble: TroubleLog;

  constructor(trouble: TroubleLog) {
    this.#trouble = trouble;
  }

  *of(entries: Entry[]): Generator<Entry> {
    for (const entry of entries) {
      const { id } = entry.record;
      const checksum = crc32(entry.body);
      const known = this.#checksums.get(id);
      if (known === undefined) {
        this.#checksums.set(id, checksum);
        yield entry;
      } else if (known !== checksum) {
        this.#trouble.report('conflict', `decision ${id} is there with more than one body; the first one is shown`);
      }
    }
  }
}

/** Whether a query asks for an entry. */
export function isAskedFor(
  { record, timeUnixNano }: Entry,
  { sinceUnixNano, untilUnixNano, model }: DecisionQuery,
): boolean {
  if (sinceUnixNano !== undefined && timeUnixNano < sinceUnixNano) return false;
  if (untilUnixNano !== undefined && timeUnixNano >= untilUnixNano) return false;
  return model === undefined || modelNameOf(record) === model;
}
