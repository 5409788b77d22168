/**
 * Plays what goes wrong between a decision and its backend, and prints what was lost; see the README beside this file.
 *
 *     npm run faults -- [--quick] [--runs N] [--only TEXT]... [--pipeline stock|durable] [--at-once N]
 */
import { parseArgs } from 'node:util';
import { obstacle, play } from './run.ts';
import type { Result } from './run.ts';
import { FULL, QUICK } from './scale.ts';
import { SCENARIOS } from './scenarios.ts';
import type { Scenario } from './scenarios.ts';
import { PIPELINES } from './settings.ts';
import type { Pipeline } from './settings.ts';
import { tableOf } from './table.ts';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    runs: { type: 'string' },
    only: { type: 'string', multiple: true, default: [] },
    pipeline: { type: 'string', multiple: true, default: [...PIPELINES] },
    'at-once': { type: 'string', default: '1' },
  },
});
const scale = { ...(values.quick ? QUICK : FULL), ...(values.runs !== undefined && { runs: Number(values.runs) }) };
const chosen = SCENARIOS.filter(
  ({ name }) => values.only.length === 0 || values.only.some((text) => name.includes(text)),
);
const pipelines = PIPELINES.filter((pipeline) => values.pipeline.includes(pipeline));

const parts = chosen.flatMap((scenario) => pipelines.map((pipeline) => ({ scenario, pipeline })));
const results: (Result | undefined)[] = parts.map(() => undefined);
let hasFailed = false;
const waiting = parts.entries();
await Promise.all(
  Array.from({ length: Number(values['at-once']) }, async () => {
    for (const [index, { scenario, pipeline }] of waiting) results[index] = await resultOf(scenario, pipeline);
  }),
);
console.log(`\n${tableOf(results.filter((result) => result !== undefined))}`);
process.exitCode = hasFailed ? 1 : 0;

async function resultOf(scenario: Scenario, pipeline: Pipeline): Promise<Result | undefined> {
  const reason = await obstacle(scenario);
  if (reason !== undefined) {
    console.log(`> ${scenario.name}, ${pipeline}: not played (${reason})`);
    return undefined;
  }
  try {
    const result = await play(scenario, pipeline, scale);
    if (pipeline === 'durable' && isFault(scenario, result)) hasFailed = true;
    console.log(`> ${scenario.name}, ${pipeline}: ${result.lost} of ${result.made} lost`);
    return result;
  } catch (error) {
    hasFailed = true;
    console.log(`> ${(error as Error).message}`);
    return undefined;
  }
}

/** Whether the durable pipeline has broken its promise. */
function isFault(
  { isLossBehind, allowsDuplicates }: Scenario,
  { lost, lostSpans, duplicates, problems }: Result,
): boolean {
  if (lost + lostSpans > 0 && isLossBehind !== true) return true;
  return problems.length > 0 || (duplicates > 0 && allowsDuplicates !== true);
}
