/** What `audited` costs; see the README beside this file. */
import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';
import path from 'node:path';
import { delivery } from './delivery.ts';
import { startSdk } from './sdk.ts';
import { cellsOf, cellsOfDelivery, cellsOfLarge, printTable } from './table.ts';
import type { LargeRow } from './table.ts';
import { withoutSdk } from './without-sdk.ts';
import { withSdk } from './with-sdk.ts';

console.log(`Node.js ${process.versions.node}, ${cpus()[0]?.model.trim()}; medians of one call\n`);

console.log('Without an SDK: a decorated function against the bare one');
printTable(['', 'bare', 'decorated', 'added', 'ratio'], (await withoutSdk()).map(cellsOf));

startSdk();
console.log(
  '\nWith an SDK that drops what it gets: a decorated function against a span and a log record written by hand',
);
printTable(['', 'by hand', 'decorated', 'added', 'ratio'], (await withSdk()).map(cellsOf));

console.log('\nWith an SDK: one decision about 100 MB of floats, of which the model reads one');
printTable(['', 'time', 'memory', 'peak'], largeInput().map(cellsOfLarge));

console.log(
  '\nDelivered: the decorator with durable processors against a span and a log record by hand with the stock batch processors',
);
printTable(['', 'by hand', 'durable', 'ratio'], (await delivery()).flatMap(cellsOfDelivery));

console.log(`
added    time on top for each call; for the batch, for each call of 100 rows
small    an object of five fields, 90 bytes of JSON; 10 KB: one of them a list of 270 texts
3 rules  one by path, one by name, one by pattern; by hand nothing is masked
batch    one record and one span a row, by hand as well
memory   allocated in the first such call, before any garbage was collected
peak     growth of the process beyond the most it had had
delivered   1 KB of input, over HTTP to a receiver that forgets it; the stock queues are made so large that they lose nothing
CPU      of the process, export included; call: inside the decorated function, or the one by hand
digest   by default, no more than 16 MiB are hashed, and the record says so; here all is`);

function largeInput(): LargeRow[] {
  const program = path.join(import.meta.dirname, 'large-input.ts');
  const { status, stdout } = spawnSync(process.execPath, [program], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (status !== 0) throw new Error(`${program} ended with exit code ${status}`);
  return JSON.parse(stdout) as LargeRow[];
}
