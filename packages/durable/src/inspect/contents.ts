import { join } from 'node:path';
import { readDeadLetters } from '../spool/dead-letters.js';
import { Files } from '../spool/files.js';
import { KIND } from '../spool/frame.js';
import type { Damage } from '../spool/reader.js';
import { segmentFiles } from '../spool/stream.js';
import type { StreamInfo } from '../spool/streams.js';
import { openStreams, readStream } from './read.js';
import type { SpoolRecord } from './read.js';

/** Log records or spans that a stream still holds. */
export interface SignalContents {
  /** Not acknowledged yet. */
  readonly waiting: number;
  /** Acknowledged, and kept for a while. */
  readonly acknowledged: number;
}

/** One segment. */
export interface SegmentContents {
  readonly number: number;
  readonly bytes: number;
  readonly logs: SignalContents;
  readonly traces: SignalContents;
  /** When its first and last records were appended, Unix milliseconds. */
  readonly firstMs: number | undefined;
  readonly lastMs: number | undefined;
}

/** One stream: what a start of a process has left, or is writing. */
export interface StreamContents {
  readonly id: string;
  /**
   * `live`: a process that is alive writes or delivers it. `left`: nobody does, and something in it waits. `delivered`: nothing
   * waits.
   */
  readonly state: 'live' | 'left' | 'delivered';
  readonly logs: SignalContents;
  readonly traces: SignalContents;
  /** Of all files of the stream. */
  readonly bytes: number;
  /** When the oldest of what waits was appended, Unix milliseconds. */
  readonly oldestWaitingMs: number | undefined;
  /** Log records and spans among the dead letters. */
  readonly deadLetters: number;
  /** What cannot be read. */
  readonly damage: readonly Damage[];
  /** Damaged segments that were delivered as far as they could be read, and kept aside in `damaged/`: their numbers. */
  readonly keptAside: readonly number[];
  readonly segments: readonly SegmentContents[];
}

/**
 * Counts what is in a spool, by reading all of it. Changes nothing.
 *
 * @throws SpoolError `NOT_FOUND` where there is no such directory, `UNKNOWN_FORMAT` where it is no spool, `IO` where it cannot be read.
 */
export async function inspectSpool(directory: string): Promise<StreamContents[]> {
  const files = new Files();
  const contents: StreamContents[] = [];
  for (const stream of openStreams(directory).list()) contents.push(await contentsOf(stream, files));
  return contents;
}

async function contentsOf(stream: StreamInfo, files: Files): Promise<StreamContents> {
  const tally = new Tally();
  const damage: Damage[] = [];
  for await (const reading of readStream(stream, files)) {
    damage.push(...reading.damage);
    for (const record of reading.records) tally.add(record);
  }
  const segments = segmentFiles(stream.directory, files);
  const aside = segmentFiles(join(stream.directory, 'damaged'), files);
  const letters = segmentFiles(join(stream.directory, 'dead-letters'), files);
  const { logs, traces, oldestWaitingMs } = tally.total;
  const waits = logs.waiting > 0 || traces.waiting > 0 || damage.some(({ what }) => what === 'unknown');
  const numbers = new Set(segments.map(({ number }) => number));
  // A damaged segment that was not deleted yet has two names.
  const keptAside = aside.filter(({ number }) => !numbers.has(number));
  return {
    id: stream.id,
    state: stream.state === 'owned' ? 'live' : waits ? 'left' : 'delivered',
    logs,
    traces,
    bytes: [...segments, ...keptAside, ...letters].reduce((sum, { bytes }) => sum + bytes, 0),
    oldestWaitingMs,
    deadLetters: deadLettersOf(stream, files),
    damage,
    keptAside: keptAside.map(({ number }) => number),
    segments: segments.map(({ number, bytes }) => ({ number, bytes, ...tally.of(number) })),
  };
}

function deadLettersOf({ id, directory }: StreamInfo, files: Files): number {
  let count = 0;
  for (const { letters } of readDeadLetters(directory, id, files)) {
    for (const { frames } of letters) count += frames.length;
  }
  return count;
}

interface Counts {
  logs: { waiting: number; acknowledged: number };
  traces: { waiting: number; acknowledged: number };
  firstMs: number | undefined;
  lastMs: number | undefined;
  oldestWaitingMs: number | undefined;
}

const NONE = (): Counts => ({
  logs: { waiting: 0, acknowledged: 0 },
  traces: { waiting: 0, acknowledged: 0 },
  firstMs: undefined,
  lastMs: undefined,
  oldestWaitingMs: undefined,
});

/** Counts the records of a stream, and of each of its segments. */
class Tally {
  readonly total: Counts = NONE();
  readonly #segments = new Map<number, Counts>();

  add(record: SpoolRecord): void {
    const counts = this.#segments.get(record.segment) ?? NONE();
    this.#segments.set(record.segment, counts);
    for (const each of [this.total, counts]) count(each, record);
  }

  of(segment: number): Pick<SegmentContents, 'logs' | 'traces' | 'firstMs' | 'lastMs'> {
    const { logs, traces, firstMs, lastMs } = this.#segments.get(segment) ?? NONE();
    return { logs, traces, firstMs, lastMs };
  }
}

function count(counts: Counts, { kind, isWaiting, timeMs }: SpoolRecord): void {
  const signal = kind === KIND.logRecord ? counts.logs : counts.traces;
  signal[isWaiting ? 'waiting' : 'acknowledged'] += 1;
  counts.firstMs ??= timeMs;
  counts.lastMs = timeMs;
  if (isWaiting) counts.oldestWaitingMs = Math.min(counts.oldestWaitingMs ?? Infinity, timeMs);
}
