import { resolve } from 'node:path';
import { ReviewError } from '../errors.js';
import { TroubleLog } from '../trouble.js';
import { JaegerSource } from './jaeger.js';
import { LokiSource } from './loki.js';
import type { Source, SourceOptions } from './source.js';
import { SpoolSource } from './spool.js';
import { SqliteSource } from './sqlite.js';

/** The source that is read where none is named. */
export const DEFAULT_SOURCE = 'sqlite:decision-trail.db';

/**
 * Opens a source by its name: `sqlite:FILE`, `spool:DIR`, `loki:URL` or `jaeger:URL`, for example
 * `loki:http://127.0.0.1:3100`. A user and a password in the URL are sent as HTTP basic authentication.
 *
 * @throws ReviewError `USAGE` where the name is none of these, `STORE_UNREADABLE` where a file cannot be opened. A
 * backend or a spool is not asked before the first read.
 */
export function openSource(name: string, options: SourceOptions = {}): Source {
  const colon = name.indexOf(':');
  const scheme = name.slice(0, Math.max(colon, 0));
  const rest = name.slice(colon + 1);
  const trouble = new TroubleLog(options.onWarning ?? ((line) => console.error(line)));
  switch (scheme) {
    case 'sqlite':
      if (rest === '') throw new ReviewError('USAGE', 'the source sqlite: names no file');
      return new SqliteSource(resolve(rest));
    case 'spool':
      if (rest === '') throw new ReviewError('USAGE', 'the source spool: names no directory');
      return new SpoolSource(resolve(rest), trouble);
    case 'loki':
      return new LokiSource(parseUrl(scheme, rest), trouble);
    case 'jaeger':
      return new JaegerSource(parseUrl(scheme, rest), trouble);
    default:
      throw new ReviewError('USAGE', `unknown source '${name}': use sqlite:FILE, spool:DIR, loki:URL or jaeger:URL`);
  }
}

function parseUrl(scheme: string, text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    // Not quoted: what looks like a URL to the user may hold a password.
    throw new ReviewError(
      'USAGE',
      `the source ${scheme}: needs a URL, such as ${scheme}:http://127.0.0.1:${PORTS[scheme]}`,
    );
  }
  return url;
}

const PORTS: Record<string, number> = { loki: 3100, jaeger: 16686 };
