import { Bench } from 'tinybench';
import type { FnReturnedObject } from 'tinybench';

/** What is measured: a call whose result is a number, so that it can be used and compared. */
export type Measured<Input> = (input: Input) => number | Promise<number>;

/** Times of one call, each the median over the rounds of the median of a round. */
export interface Comparison {
  readonly baselineNs: number;
  readonly auditedNs: number;
  /** Median of the rounds' differences. */
  readonly addedNs: number;
  /** Median of the rounds' quotients. */
  readonly ratio: number;
}

/** The two take turns, so that a machine whose speed drifts drifts for both. */
const ROUNDS = 9;
const ROUND_MS = 80;
const WARMUP_MS = 800;

/** Long against the clock's resolution, short against the time slices of a machine that does something else as well. */
const SAMPLE_MS = 0.2;

type Loop<Input> = (fn: Measured<Input>, inputs: readonly Input[], calls: number) => number | Promise<number>;

/**
 * Times a call against another that decides the same.
 *
 * @param inputs Are given in turn.
 */
export async function compare<Input>(
  baseline: Measured<Input>,
  audited: Measured<Input>,
  inputs: readonly Input[],
): Promise<Comparison> {
  for (const input of inputs) {
    if ((await baseline(input)) !== (await audited(input))) throw new Error('the two do not decide the same');
  }
  const bench = new Bench({ time: ROUND_MS, warmup: false, iterations: 8, throws: true });
  bench.add('baseline', await sampler(bench, baseline, inputs));
  bench.add('audited', await sampler(bench, audited, inputs));

  const rounds: { baselineNs: number; auditedNs: number }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await bench.run();
    rounds.push({ baselineNs: medianNs(bench, 'baseline'), auditedNs: medianNs(bench, 'audited') });
  }
  return {
    baselineNs: median(rounds.map(({ baselineNs }) => baselineNs)),
    auditedNs: median(rounds.map(({ auditedNs }) => auditedNs)),
    addedNs: median(rounds.map(({ baselineNs, auditedNs }) => auditedNs - baselineNs)),
    ratio: median(rounds.map(({ baselineNs, auditedNs }) => auditedNs / baselineNs)),
  };
}

/** Warms a function up, and returns what takes one sample of it. */
async function sampler<Input>(bench: Bench, fn: Measured<Input>, inputs: readonly Input[]) {
  const isAsync = fn(inputs[0]!) instanceof Promise;
  const loop = loopOf<Input>(isAsync);
  let calls = 1;
  const end = bench.now() + WARMUP_MS;
  while (bench.now() < end) {
    const start = bench.now();
    use(await loop(fn, inputs, calls));
    if (bench.now() - start < SAMPLE_MS) calls *= 2;
  }

  const sample = (start: number): FnReturnedObject => {
    const tookMs = bench.now() - start;
    return { overriddenDuration: tookMs / calls, overriddenIterationCost: tookMs };
  };
  const sampleSync = (): FnReturnedObject => {
    const start = bench.now();
    use(loop(fn, inputs, calls));
    return sample(start);
  };
  const sampleAsync = async (): Promise<FnReturnedObject> => {
    const start = bench.now();
    use(await loop(fn, inputs, calls));
    return sample(start);
  };
  return isAsync ? sampleAsync : sampleSync;
}

let used: unknown;

/** Keeps the compiler from leaving out what nobody looks at. */
function use(result: unknown): void {
  used = result;
  if (Number.isNaN(used)) throw new Error('a decision is not a number');
}

let loops = 0;

/**
 * A loop that adds up all results. Each has source text of its own: V8 keeps what it learns about a call by the place in
 * the source, so in a shared loop the first function measured would slow down those after it.
 */
function loopOf<Input>(isAsync: boolean): Loop<Input> {
  const [prefix, call] = isAsync ? ['async ', 'await fn'] : ['', 'fn'];
  const body = `let sum = 0; for (let i = 0; i < calls; i++) sum += ${call}(inputs[i % inputs.length]); return sum;`;
  const source = `/* ${loops++} */ return ${prefix}(fn, inputs, calls) => { ${body} }`;
  // oxlint-disable-next-line typescript/no-implied-eval
  return (new Function(source) as () => Loop<Input>)();
}

function medianNs(bench: Bench, name: string): number {
  const result = bench.getTask(name)?.result;
  if (result?.state !== 'completed') throw new Error(`the ${name} was not measured: ${result?.state}`);
  return result.latency.p50 * 1e6;
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
