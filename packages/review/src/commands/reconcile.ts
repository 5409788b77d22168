import { conventions } from '@decision-trail/decisions';
import { readSpool, sendRecords } from '@decision-trail/durable/inspect';
import type { Signal, SpoolRecord } from '@decision-trail/durable/inspect';
import { parseEntry } from '../entry.js';
import { ReviewError } from '../errors.js';
import { complain } from '../output.js';
import type { LogRecord, Span } from '../otlp/read.js';
import { openSource } from '../sources/open.js';
import type { Source } from '../sources/source.js';
import { DamageSeen } from '../spool/damage.js';
import { decoded } from '../spool/decode.js';
import { deliveryOptions, progressLines } from '../spool/delivery.js';
import type { DeliveryFlags } from '../spool/delivery.js';
import { guardReading, guardSpool } from '../spool/guard.js';
import { plural } from '../text/plural.js';
import { parseTimestamp } from '../time.js';

export interface ReconcileOptions extends DeliveryFlags {
  /** The backend to compare with: `sqlite:FILE`, `loki:URL` or `jaeger:URL`. */
  source: string;
  /** Only decisions from then on; nanoseconds since 1970. */
  since?: bigint;
  /** Send nothing. */
  dryRun: boolean;
}

/** A decision as a spool holds it. */
interface Held {
  readonly id: string;
  readonly timeUnixNano: bigint;
  readonly record: SpoolRecord;
}

/**
 * Compares the decisions that a spool still holds with those that a backend has, and sends again what it does not have.
 *
 * @throws ReviewError `BACKEND_INCOMPLETE` in a dry run where something is missing; `NOT_DELIVERED` where the Collector did not
 *   take all of it; those of the source.
 */
export async function reconcile(directory: string, options: ReconcileOptions): Promise<void> {
  const print = progressLines();
  const signal = signalOf(options.source);
  const source = openSource(options.source, { onWarning: complain });
  try {
    const seen = new DamageSeen();
    const held = await collect(heldIn(directory, signal, options.since, seen));
    seen.warn(directory, complain);
    if (held === undefined) {
      print('the spool holds no decisions to compare');
    } else {
      const missing = await missingFrom(source, held);
      print(summary(held, missing));
      if (missing.size > 0) await makeUp(directory, { signal, missing, options, print });
    }
    seen.assertRead();
  } finally {
    source.close();
  }
}

/** Jaeger has the spans of decisions, all others have their log records. */
function signalOf(source: string): Signal {
  if (source.startsWith('spool:'))
    throw new ReviewError('USAGE', 'a spool is compared with sqlite:FILE, loki:URL or jaeger:URL');
  return source.startsWith('jaeger:') ? 'traces' : 'logs';
}

/** The decisions in a spool, as log records or as spans. */
async function* heldIn(
  directory: string,
  signal: Signal,
  since: bigint | undefined,
  seen: DamageSeen,
): AsyncGenerator<Held> {
  for await (const { records, damage } of guardReading(readSpool(directory))) {
    seen.add(damage);
    for (const { frame, log, span } of decoded(records)) {
      const identity = signal === 'logs' ? ofLog(log) : ofSpan(span);
      if (identity === undefined || (since !== undefined && identity.timeUnixNano < since)) continue;
      yield { ...identity, record: frame };
    }
  }
}

type Identity = Omit<Held, 'record'>;

function ofLog(log: LogRecord | undefined): Identity | undefined {
  if (log?.eventName !== conventions.EVENT_DECISION_MADE || typeof log.body !== 'string') return undefined;
  try {
    const { record, timeUnixNano } = parseEntry(log.body);
    return { id: record.id, timeUnixNano };
  } catch (error) {
    if (error instanceof ReviewError) return undefined;
    throw error;
  }
}

function ofSpan(span: Span | undefined): Identity | undefined {
  const id = span?.attributes[conventions.ATTR_DECISION_ID];
  const timestamp = span?.attributes[conventions.ATTR_DECISION_TIMESTAMP];
  const timeUnixNano = typeof timestamp === 'string' ? parseTimestamp(timestamp) : undefined;
  return typeof id === 'string' && timeUnixNano !== undefined ? { id, timeUnixNano } : undefined;
}

interface Collected {
  readonly ids: ReadonlySet<string>;
  /** Those of them that no Collector has acknowledged yet. */
  readonly waiting: ReadonlySet<string>;
  readonly firstUnixNano: bigint;
  readonly lastUnixNano: bigint;
}

async function collect(held: AsyncIterable<Held>): Promise<Collected | undefined> {
  const ids = new Set<string>();
  const waiting = new Set<string>();
  let range: readonly [first: bigint, last: bigint] | undefined;
  for await (const { id, timeUnixNano: time, record } of held) {
    ids.add(id);
    if (record.isWaiting) waiting.add(id);
    const [first, last] = range ?? [time, time];
    range = [time < first ? time : first, time > last ? time : last];
  }
  return range && { ids, waiting, firstUnixNano: range[0], lastUnixNano: range[1] };
}

async function missingFrom(source: Source, { ids, firstUnixNano, lastUnixNano }: Collected): Promise<Set<string>> {
  const missing = new Set(ids);
  const query = { sinceUnixNano: firstUnixNano, untilUnixNano: lastUnixNano + 1n };
  for await (const { record } of source.list(query)) missing.delete(record.id);
  return missing;
}

function summary({ ids, waiting, firstUnixNano, lastUnixNano }: Collected, missing: ReadonlySet<string>): string {
  const time = (nanos: bigint): string => new Date(Number(nanos / 1_000_000n)).toISOString();
  const range = `from ${time(firstUnixNano)} to ${time(lastUnixNano)}`;
  const counts = `${ids.size - missing.size} there, ${missing.size} missing`;
  const still = [...missing].filter((id) => waiting.has(id)).length;
  const note = still === 0 ? '' : ` (${still} of them still ${still === 1 ? 'waits' : 'wait'} for delivery)`;
  return `compared ${plural(ids.size, 'decision')} ${range}: ${counts}${note}`;
}

interface ToDo {
  readonly signal: Signal;
  readonly missing: ReadonlySet<string>;
  readonly options: ReconcileOptions;
  readonly print: (line: string) => void;
}

async function makeUp(directory: string, { signal, missing, options, print }: ToDo): Promise<void> {
  const count = plural(missing.size, 'decision');
  if (options.dryRun) throw new ReviewError('BACKEND_INCOMPLETE', `the backend does not have ${count}`);
  const records = recordsOf(heldIn(directory, signal, options.since, new DamageSeen()), missing);
  const { accepted, refused, isComplete } = await guardSpool('write', () =>
    sendRecords(signal, records, deliveryOptions(options)),
  );
  print(`sent ${accepted} again`);
  if (isComplete && refused === 0) return;
  const why = refused === 0 ? 'took no more' : `refused ${refused}`;
  throw new ReviewError(
    'NOT_DELIVERED',
    `the Collector ${why}: of ${count} that the backend does not have, ${accepted} ${accepted === 1 ? 'was' : 'were'} sent`,
  );
}

async function* recordsOf(held: AsyncIterable<Held>, wanted: ReadonlySet<string>): AsyncGenerator<SpoolRecord> {
  const left = new Set(wanted);
  for await (const { id, record } of held) if (left.delete(id)) yield record;
}
