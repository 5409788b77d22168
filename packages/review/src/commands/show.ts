import { ReviewError } from '../errors.js';
import { LineWriter, complain } from '../output.js';
import { openSource } from '../sources/open.js';
import { detail } from '../text/detail.js';
import { jsonLine } from './list.js';

export interface ShowOptions {
  id: string;
  source: string;
  json: boolean;
}

/**
 * Prints one decision in full.
 *
 * @throws ReviewError `NOT_FOUND`.
 */
export async function show({ id, source: name, json }: ShowOptions): Promise<void> {
  const source = openSource(name, { onWarning: complain });
  try {
    const entry = await source.find(id);
    if (entry === undefined) throw new ReviewError('NOT_FOUND', `no decision has the id ${id}`);
    const out = new LineWriter(process.stdout);
    await out.line(json ? jsonLine(entry) : detail(entry).trimEnd());
  } finally {
    source.close();
  }
}
