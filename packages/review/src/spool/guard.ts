import { SpoolError } from '@decision-trail/durable/inspect';
import { ReviewError } from '../errors.js';

/**
 * Runs something on a spool; what goes wrong becomes a ReviewError.
 *
 * @param doing What a failure of the file system means: that the spool cannot be read, or that it cannot be written.
 */
export async function guardSpool<T>(doing: 'read' | 'write', operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    throw problemOf(error, doing);
  }
}

/** The same for what is read piece by piece. */
export async function* guardReading<T>(pieces: AsyncIterable<T> | Iterable<T>): AsyncGenerator<T> {
  const iterator = Symbol.asyncIterator in pieces ? pieces[Symbol.asyncIterator]() : pieces[Symbol.iterator]();
  try {
    for (;;) {
      const { done, value } = await guardSpool('read', async () => iterator.next());
      if (done === true) return;
      yield value;
    }
  } finally {
    await iterator.return?.();
  }
}

function problemOf(error: unknown, doing: 'read' | 'write'): unknown {
  if (!(error instanceof SpoolError)) return error;
  const { code, message } = error;
  if (code === 'INVALID_OPTIONS') return new ReviewError('USAGE', message, { cause: error });
  if (code === 'NO_SPACE' || (code === 'IO' && doing === 'write')) {
    return new ReviewError('SPOOL_UNWRITABLE', message, { cause: error });
  }
  return new ReviewError('SPOOL_UNREADABLE', message, { cause: error });
}
