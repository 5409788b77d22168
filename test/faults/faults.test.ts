/** The quick form of `npm run faults`: what the durable pipeline promises, and that the harness can see it broken. */
import { afterAll, describe, test } from 'vitest';
import { obstacle, play } from './run.ts';
import type { Result } from './run.ts';
import { QUICK } from './scale.ts';
import { SCENARIOS } from './scenarios.ts';
import type { Scenario } from './scenarios.ts';
import { PIPELINES } from './settings.ts';
import { tableOf } from './table.ts';

const TIMEOUT_MS = 100_000;
const NOTHING_WRONG = { lost: 0, lostSpans: 0, duplicates: 0, refused: 0, dead: 0, problems: [] };

const results: Result[] = [];
const playable: Scenario[] = [];
for (const scenario of SCENARIOS) {
  const reason = await obstacle(scenario);
  if (reason === undefined) playable.push(scenario);
  else console.log(`> ${scenario.name}: not played (${reason})`);
}

afterAll(() => {
  const order = (result: Result): number => SCENARIOS.findIndex(({ name }) => name === result.scenario);
  const inOrder = PIPELINES.flatMap((pipeline) => results.filter((result) => result.pipeline === pipeline));
  console.log(tableOf(inOrder.sort((a, b) => order(a) - order(b))));
});

async function played(scenario: Scenario, pipeline: Result['pipeline']): Promise<Result> {
  const result = await play(scenario, pipeline, QUICK);
  results.push(result);
  return result;
}

/** What may differ from nothing in a scenario is left out of the comparison. */
function wrongIn(scenario: Scenario, result: Result): Partial<Result> {
  const { lost, lostSpans, duplicates, refused, dead, problems } = result;
  return {
    lost: scenario.isLossBehind === true ? 0 : lost,
    lostSpans,
    duplicates: scenario.allowsDuplicates === true ? 0 : duplicates,
    refused: scenario.allowsRefusals === true ? 0 : refused,
    dead: scenario.allowsDeadLetters === true ? 0 : dead,
    problems,
  };
}

describe.concurrent('with the durable pipeline no decision is lost', { timeout: TIMEOUT_MS }, () => {
  test.for(playable)('$name', async (scenario, { expect }) => {
    expect(wrongIn(scenario, await played(scenario, 'durable'))).toEqual(NOTHING_WRONG);
  });
});

describe.concurrent('with the stock pipeline the same is played', { timeout: TIMEOUT_MS }, () => {
  test.for(playable)('$name', async (scenario, { expect }) => {
    const { lost, problems } = await played(scenario, 'stock');
    expect(problems).toEqual([]);
    // The control: where the stock pipeline must lose, the harness must see it.
    if (scenario === SCENARIOS[0]) expect(lost).toBeGreaterThan(0);
  });
});
