import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { SpoolError } from '../errors.js';
import { Cursor } from '../spool/cursor.js';
import { errorCode, Files, spoolError } from '../spool/files.js';
import type { Position } from '../spool/format.js';
import { KIND } from '../spool/frame.js';
import type { Frame } from '../spool/frame.js';
import { StreamReader } from '../spool/reader.js';
import type { Damage } from '../spool/reader.js';
import type { StoredFrame } from '../spool/stored-frame.js';
import { segmentFiles } from '../spool/stream.js';
import { Streams } from '../spool/streams.js';
import type { StreamInfo } from '../spool/streams.js';

/** A log record or a span of a spool, and where it stands. */
export interface SpoolRecord extends Frame {
  readonly streamId: string;
  /** Number of the segment. */
  readonly segment: number;
  /** Bytes from the beginning of the segment to the frame, and to behind it. */
  readonly offset: number;
  readonly end: number;
  /** It was not acknowledged by a Collector yet. */
  readonly isWaiting: boolean;
}

/** A piece of a stream. */
export interface StreamReading {
  readonly streamId: string;
  /** A process that is alive writes or delivers the stream. */
  readonly isLive: boolean;
  /** In the order in which they were appended. */
  readonly records: readonly SpoolRecord[];
  /** What could not be read. */
  readonly damage: readonly Damage[];
}

/** What may be in the directory of an empty spool: temporary files, and what file systems put into their root. */
const NOTHING = /^(\.|lost\+found$)/;

/**
 * Reads all log records and spans that a spool still holds, stream by stream, oldest first within each. A stream without any gives
 * one piece without records.
 *
 * @throws SpoolError `NOT_FOUND` where there is no such directory, `UNKNOWN_FORMAT` where it is no spool, `IO` where it cannot be read.
 */
export async function* readSpool(directory: string): AsyncGenerator<StreamReading, void, undefined> {
  const files = new Files();
  for (const stream of openStreams(directory).list()) yield* readStream(stream, files);
}

/** The streams of a directory that is there and holds a spool, or nothing. @throws SpoolError as `readSpool`. */
export function openStreams(directory: string): Streams {
  const path = resolve(directory);
  try {
    if (!statSync(path).isDirectory())
      throw new SpoolError('UNKNOWN_FORMAT', `${path} is a file; a spool is a directory`);
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') throw new SpoolError('NOT_FOUND', `there is no directory ${path}`);
    throw spoolError(error, `cannot read ${path}`);
  }
  const streams = new Streams(path, { onDamage: () => {}, onError: () => {} });
  if (streams.list().length === 0 && namesIn(path).some((name) => !NOTHING.test(name))) {
    throw new SpoolError('UNKNOWN_FORMAT', `${path} holds no spool, but other things`);
  }
  return streams;
}

function namesIn(path: string): string[] {
  try {
    return new Files().list(path);
  } catch (error) {
    throw spoolError(error, `cannot read ${path}`);
  }
}

/** Reads one stream. */
export async function* readStream(
  { id, directory, state }: StreamInfo,
  files: Files,
): AsyncGenerator<StreamReading, void, undefined> {
  const isLive = state === 'owned';
  // Before the segments: what is acknowledged meanwhile is then shown as it was a moment ago.
  const cursors = { logs: cursorOf(directory, 'logs', files), traces: cursorOf(directory, 'traces', files) };
  const reader = new StreamReader({ directory, streamId: id, files, live: () => isLive });
  try {
    yield { streamId: id, isLive, records: [], damage: [] };
    for (let reading = await reader.read(); reading !== undefined; reading = await reader.read()) {
      const records = reading.frames.map((frame) => located(frame, id, cursors));
      const damage = reading.damage.filter(({ what, segment }) => {
        // Whoever delivers the stream deletes what was delivered, also while it is read.
        return !(what === 'missing' && segment < firstSegment(directory, files));
      });
      yield { streamId: id, isLive, records, damage };
    }
    if (!isLive)
      yield { streamId: id, isLive, records: [], damage: ahead(id, cursors, reader, firstSegment(directory, files)) };
  } finally {
    reader.close();
  }
}

interface Cursors {
  readonly logs: Position | undefined;
  readonly traces: Position | undefined;
}

function cursorOf(directory: string, signal: 'logs' | 'traces', files: Files): Position | undefined {
  return new Cursor(join(directory, `${signal}.cursor`), files).position;
}

function firstSegment(directory: string, files: Files): number {
  return segmentFiles(directory, files)[0]?.number ?? Infinity;
}

function located(frame: StoredFrame, streamId: string, cursors: Cursors): SpoolRecord {
  const { kind, origin, sequence, timeMs, leafHash, payload, segment, offset, end } = frame;
  const cursor = kind === KIND.logRecord ? cursors.logs : cursors.traces;
  const isWaiting = cursor === undefined || isBehind(segment, end, cursor);
  return { kind, origin, sequence, timeMs, leafHash, payload, streamId, segment, offset, end, isWaiting };
}

function isBehind(segment: number, end: number, cursor: Position): boolean {
  return segment > cursor.segment || (segment === cursor.segment && end > cursor.offset);
}

/** That a cursor is ahead of what is there: who reads from the beginning does not meet it. */
function ahead(streamId: string, { logs, traces }: Cursors, reader: StreamReader, first: number): Damage[] {
  if (reader.ended || first === Infinity) return [];
  const { segment, offset } = reader.position;
  const cursor = [logs, traces].find(
    (cursor) => cursor !== undefined && isBehind(cursor.segment, cursor.offset, reader.position),
  );
  if (cursor === undefined) return [];
  return [
    { what: 'ahead', streamId, segment, offset, bytes: 0, recordsMissing: undefined, lastSequence: cursor.sequence },
  ];
}
