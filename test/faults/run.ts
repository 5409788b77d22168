import type { Application } from './application.ts';
import { canMount } from './disk.ts';
import { judge } from './oracle.ts';
import { hasCollector } from './receiving.ts';
import type { Scale } from './scale.ts';
import type { Scenario } from './scenarios.ts';
import type { Pipeline } from './settings.ts';
import { Stage } from './stage.ts';

/** What came of a scenario; sums over its runs. */
export interface Result {
  readonly scenario: string;
  readonly pipeline: Pipeline;
  /** Decisions asked for and finished. */
  readonly made: number;
  readonly lost: number;
  readonly lostSpans: number;
  readonly duplicates: number;
  /** Decisions withheld because their record could not be kept. */
  readonly refused: number;
  readonly dead: number;
  /** What must not be, such as a record that nobody has made. */
  readonly problems: readonly string[];
  /** Worth knowing. */
  readonly notes: readonly string[];
}

/** Why a scenario cannot be played here; `undefined` where it can. */
export async function obstacle(scenario: Scenario): Promise<string | undefined> {
  if (scenario.collector !== undefined && !(await hasCollector())) return 'no Collector; npm run backends gets one';
  if (scenario.isDiskSmall === true && !canMount()) return 'a small disk can be mounted by root on Linux only';
  return undefined;
}

export async function play(scenario: Scenario, pipeline: Pipeline, scale: Scale): Promise<Result> {
  const runs = scenario.isRepetition === true ? 1 : scale.runs;
  const results: Result[] = [];
  for (let run = 0; run < runs; run++) results.push(await playOnce(scenario, pipeline, scale));
  return results.reduce(sum);
}

async function playOnce(scenario: Scenario, pipeline: Pipeline, scale: Scale): Promise<Result> {
  const settings = scenario.settings?.(scale);
  const { collector, isTls, isDiskSmall } = scenario;
  const stage = await Stage.open({ pipeline, scale, collector, isTls, isDiskSmall, settings });
  try {
    const begunMs = performance.now();
    await scenario.play(stage);
    const claims = pipeline === 'durable' ? await recover(stage, scenario) : [];
    await stage.receiver.settle();
    const result = resultOf(scenario, stage, (performance.now() - begunMs) / 1000);
    return { ...result, problems: [...result.problems, ...claims] };
  } catch (error) {
    throw new Error(`${scenario.name}, ${pipeline}: ${(error as Error).message}\n${stage.log()}`, { cause: error });
  } finally {
    await stage.close();
  }
}

/**
 * The application is started once more, has nothing to decide, and delivers what is left.
 *
 * @returns What the one before it has said of its delivery and is not so.
 */
async function recover(stage: Stage, scenario: Scenario): Promise<string[]> {
  const spans = scenario.settings?.(stage.scale).spans === true;
  const { lost, lostSpans } = judge(stage.returned(), stage.sink, stage.deadLetters(), spans);
  if (lost + lostSpans === 0 || scenario.isLossBehind === true) return [];
  // What a Collector has taken may still be on its way.
  const isClaimed = scenario.collector === undefined && stage.applications.at(-1)?.flushed?.delivered === true;
  const recovery = stage.start({ decisions: 0, ratePerS: undefined, ending: 'told' });
  await recovery.finish();
  return [
    ...(isClaimed ? [`flush() said that all was delivered, and ${lost + lostSpans} were not`] : []),
    ...(recovery.flushed?.delivered === false ? ['the next start could not deliver all of the rest'] : []),
  ];
}

function resultOf(scenario: Scenario, stage: Stage, seconds: number): Result {
  const spans = scenario.settings?.(stage.scale).spans === true;
  const dead = stage.deadLetters();
  const findings = judge(stage.returned(), stage.sink, dead, spans);
  const refused = stage.applications.reduce((count, { made }) => count + (made?.refused ?? 0), 0);
  const problems = [...stage.sink.problems, ...dead.problems];
  // A process that was killed, and a decision that was withheld, may have left a record.
  const mayBeUnreturned = stage.applications.length + refused;
  if (findings.unreturned > mayBeUnreturned) {
    problems.push(`${findings.unreturned} records of decisions that nobody got`);
  }
  for (const { flushed } of stage.applications) problems.push(...accountProblems(flushed));
  return {
    scenario: scenario.name,
    pipeline: stage.pipeline,
    made: findings.returned + refused,
    lost: findings.lost,
    lostSpans: findings.lostSpans,
    duplicates: findings.duplicates,
    refused,
    dead: findings.dead,
    problems,
    notes: notesOn(scenario, stage, findings.lost, seconds),
  };
}

function accountProblems(flushed: Application['flushed']): string[] {
  const problems: string[] = [];
  if (flushed === undefined) return problems;
  if (flushed.imbalance !== undefined) problems.push(`its account is wrong: ${flushed.imbalance}`);
  return problems;
}

function notesOn({ isMeasured, isLossBehind }: Scenario, stage: Stage, lost: number, seconds: number): string[] {
  const notes = [...stage.notes];
  if (isLossBehind === true && lost > 0) notes.push('lost by the Collector after its 200 OK');
  const flushed = stage.applications.at(-1)?.flushed;
  const early = stage.applications.filter((each) => each.flushed?.delivered === false).length;
  if (early > 0) notes.push(`flush() ended early ${early} x`);
  if (isMeasured === true && flushed !== undefined) {
    const { rssGrowthBytes, loopDelayMaxMs } = flushed;
    notes.push(`RSS +${(rssGrowthBytes / 1e6).toFixed(0)} MB, event loop ${loopDelayMaxMs.toFixed(0)} ms`);
  }
  if (stage.sink.losses.length > 0) notes.push(`${stage.sink.losses.length} x decision.loss`);
  notes.push(`${seconds.toFixed(0)} s`);
  return notes;
}

function sum(a: Result, b: Result): Result {
  return {
    scenario: a.scenario,
    pipeline: a.pipeline,
    made: a.made + b.made,
    lost: a.lost + b.lost,
    lostSpans: a.lostSpans + b.lostSpans,
    duplicates: a.duplicates + b.duplicates,
    refused: a.refused + b.refused,
    dead: a.dead + b.dead,
    problems: [...a.problems, ...b.problems],
    notes: [...a.notes, ...b.notes],
  };
}
