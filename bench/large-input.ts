/**
 * One decision about 100 MB of floats, in a process of its own, because the memory that a process has used at most can
 * only grow. Prints the rows of the table as JSON.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { audited, configureDecisions } from '@decision-trail/decisions';
import { median } from './compare.ts';
import { startSdk } from './sdk.ts';
import type { LargeRow } from './table.ts';

const FLOATS = 100_000_000 / Float32Array.BYTES_PER_ELEMENT;
const REPEATS = 7;
const WARMUPS = 500;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
startSdk();

const input = new Float32Array(FLOATS).fill(0.5);
const model = (values: Float32Array): number => values[values.length - 1]!;
const predict = audited({ model: 'risk' }, model);
for (let i = 0; i < WARMUPS; i++) predict(input.subarray(0, 16));

const rows = [measure('100 MB input')];
configureDecisions({ digestBytesMax: Infinity });
rows.push(measure('100 MB input, whole digest'));
console.log(JSON.stringify(rows));

function measure(name: string): LargeRow {
  collectGarbage();
  const peakBytes = process.resourceUsage().maxRSS * 1024;
  const beforeBytes = usedBytes();
  const times = [timeMs()];
  const addedBytes = usedBytes() - beforeBytes;
  const addedPeakBytes = process.resourceUsage().maxRSS * 1024 - peakBytes;
  while (times.length < REPEATS) times.push(timeMs());
  return { name, addedMs: median(times), addedBytes, addedPeakBytes };
}

/** The model itself reads one number. */
function timeMs(): number {
  const start = performance.now();
  if (predict(input) !== 0.5) throw new Error('the decision was changed');
  return performance.now() - start;
}

function usedBytes(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
