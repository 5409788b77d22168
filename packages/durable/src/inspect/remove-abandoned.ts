import { openStreams } from './read.js';

/**
 * Removes directories of streams in which nothing was ever written, since the process went down while it made them; those that
 * are younger than a minute stay.
 *
 * @returns the ids of those that were removed.
 * @throws SpoolError `NOT_FOUND` where there is no such directory, `UNKNOWN_FORMAT` where it is no spool, `IO` where it cannot be read.
 */
export async function removeAbandoned(directory: string): Promise<string[]> {
  const streams = openStreams(directory);
  const before = streams.list();
  await streams.clean();
  const after = new Set(streams.list().map(({ id }) => id));
  return before.flatMap(({ id }) => (after.has(id) ? [] : id));
}
