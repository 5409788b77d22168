import type { IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { ReviewError } from './errors.js';
import { REQUEST_BYTES_MAX } from './limits.js';

const inflate = promisify(gunzip);

/** Whether a Content-Encoding is one that `readBody` undoes. */
export function isKnownContentEncoding(encoding: string | undefined): boolean {
  return ['', 'identity', 'gzip'].includes(normalized(encoding));
}

/**
 * Whether a request says by its Content-Length that it is too large, so that it can be refused before anything of it
 * is read.
 */
export function declaresTooMuch(request: IncomingMessage): boolean {
  return Number(request.headers['content-length'] ?? 0) > REQUEST_BYTES_MAX;
}

/**
 * Reads and decompresses a request's body, and stops at the limit while doing either.
 *
 * @throws ReviewError `TOO_LARGE`; `MALFORMED` where the gzip data is not valid or the sender broke off.
 */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const sent = await collect(request);
  if (normalized(request.headers['content-encoding']) !== 'gzip') return sent;
  try {
    return await inflate(sent, { maxOutputLength: REQUEST_BYTES_MAX });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge('after decompression');
    throw new ReviewError('MALFORMED', 'the body is not valid gzip', { cause });
  }
}

/** The error for a body beyond the limit. */
export function tooLarge(when: string): ReviewError {
  return new ReviewError(
    'TOO_LARGE',
    `the body is larger than ${REQUEST_BYTES_MAX} bytes ${when}; send smaller batches`,
  );
}

/** By events, because leaving a `for await` early would close the connection before the refusal is sent. */
function collect(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > REQUEST_BYTES_MAX) {
        request.removeAllListeners('data');
        reject(tooLarge('as sent'));
      } else {
        chunks.push(chunk);
      }
    });
    request.once('end', () => resolve(Buffer.concat(chunks, bytes)));
    request.once('close', () => reject(new ReviewError('MALFORMED', 'the sender broke off')));
    request.on('error', (cause) => reject(new ReviewError('MALFORMED', 'the sender broke off', { cause })));
  });
}

function normalized(encoding: string | undefined): string {
  return (encoding ?? '').trim().toLowerCase();
}
