import { once } from 'node:events';
import { resolve } from 'node:path';
import { complain } from '../output.js';
import { startReceiver } from '../receiver.js';
import type { IngestCounts } from '../ingest.js';
import { Store } from '../store.js';
import { plural } from '../text/plural.js';

export interface DevOptions {
  port: number;
  store: string;
}

/** Receives and stores until SIGINT or SIGTERM. */
export async function dev(options: DevOptions): Promise<void> {
  const path = resolve(options.store);
  // Before anything is said: a signal that comes right after the ready line must find us listening for it.
  const stopped = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  // Whoever started us may have stopped reading; that is no reason to lose records.
  process.stdout.on('error', () => {});
  process.stderr.on('error', () => {});

  const store = Store.open(path);
  try {
    const receiver = await startReceiver({ store, port: options.port, onTrouble: complain });
    console.log(`decision-trail dev: listening on ${receiver.url}, store ${path}`);
    await stopped;
    await receiver.close();
    console.log(`decision-trail dev: stopped; ${summary(receiver.counts)}`);
  } finally {
    store.close();
  }
}

function summary(counts: Readonly<IngestCounts>): string {
  const { records, spans, duplicates, conflicts, malformed, otherLogRecords } = counts;
  const told = [`stored ${plural(records, 'decision record')} and ${plural(spans, 'span')}`];
  if (duplicates > 0) told.push(`${plural(duplicates, 'duplicate')} left out`);
  if (conflicts > 0) told.push(`${plural(conflicts, 'conflicting record')} refused`);
  if (malformed > 0) told.push(`${plural(malformed, 'malformed record')} refused`);
  if (otherLogRecords > 0) told.push(`${plural(otherLogRecords, 'other log record')} not kept`);
  return told.join(', ');
}
