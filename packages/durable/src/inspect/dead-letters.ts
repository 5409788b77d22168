import { join } from 'node:path';
import type { Note } from '../send/queue.js';
import { markAccepted, readDeadLetters, removeAccepted } from '../spool/dead-letters.js';
import type { DeadLetterSegment } from '../spool/dead-letters.js';
import { Files } from '../spool/files.js';
import type { Frame } from '../spool/frame.js';
import type { Streams, StreamInfo } from '../spool/streams.js';
import type { DeliveryOptions } from './delivery-options.js';
import { openStreams } from './read.js';
import { Resender } from './resend.js';
import type { Resent } from './resend.js';

/** Records that were given up together. */
export interface StreamDeadLetter {
  readonly streamId: string;
  readonly note: Note;
  readonly frames: readonly Frame[];
}

/**
 * What Collectors have refused for good, stream by stream, oldest first within each. Changes nothing.
 *
 * @throws SpoolError `NOT_FOUND` where there is no such directory, `UNKNOWN_FORMAT` where it is no spool, `IO` where it cannot be read.
 */
export function* deadLetters(directory: string): Generator<StreamDeadLetter, void, undefined> {
  const files = new Files();
  for (const { id, directory: path } of openStreams(directory).list()) {
    for (const { letters } of readDeadLetters(path, id, files)) {
      for (const { note, frames } of letters) yield { streamId: id, note, frames };
    }
  }
}

/**
 * Sends all dead letters again. Those that are accepted are marked as such one request after the other, and removed with their
 * segment; all others stay as they are.
 *
 * @throws SpoolError `INVALID_OPTIONS`, `NOT_FOUND`, `UNKNOWN_FORMAT`; `IO` or `NO_SPACE`: some may have been sent then, and may be
 *   sent once more the next time.
 */
export async function retryDeadLetters(directory: string, options: DeliveryOptions = {}): Promise<Resent> {
  const streams = openStreams(directory);
  const files = new Files();
  const resender = new Resender(options);
  const sum = { accepted: 0, refused: 0, isComplete: true };
  try {
    for (const stream of streams.list()) {
      for (const segment of readDeadLetters(stream.directory, stream.id, files)) {
        if (sum.isComplete) await retrySegment(segment, resender, files, sum);
      }
      removeFrom(stream, streams, files);
    }
    return sum;
  } finally {
    await resender.close();
  }
}

type Sum = { -readonly [K in keyof Resent]: Resent[K] };

async function retrySegment(
  { path, letters }: DeadLetterSegment,
  resender: Resender,
  files: Files,
  sum: Sum,
): Promise<void> {
  for (const signal of ['logs', 'traces'] as const) {
    const frames = letters.flatMap(({ note, frames }) => (note.signal === signal ? frames : []));
    if (frames.length === 0 || !sum.isComplete) continue;
    const resent = await resender.send(signal, frames, (accepted) => markAccepted(path, accepted, files));
    sum.accepted += resent.accepted;
    sum.refused += resent.refused;
    sum.isComplete = resent.isComplete;
  }
}

/** Removes segments of which all was accepted, unless somebody may be adding to them: then a later retry does. */
function removeFrom({ id, directory }: StreamInfo, streams: Streams, files: Files): void {
  if (files.list(join(directory, 'dead-letters')).length === 0) return;
  const stream = streams.adopt(id);
  if (stream === undefined) return;
  try {
    removeAccepted(directory, id, files);
  } finally {
    streams.release(stream);
  }
  files.removeDirectory(directory);
}
