/**
 * The packages as a stranger gets them: packed, installed by npm into an empty project outside of the workspace, compiled
 * and run there in both dialects of decorators and from CommonJS; the decisions are read back by the installed command.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DecisionRecord } from '@decision-trail/decisions';
import { missingBackends, startCollector, startJaeger, startLoki } from '../backends/run.ts';
import type { RunningCollector, RunningJaeger, RunningLoki } from '../backends/run.ts';
import { Scratch, strangersEnv, type Manifest } from './scratch.ts';

/** More than the bounds of packing and installing together, so that it is they who tell what was too slow. */
const SETUP_TIMEOUT_MS = 480_000;
const TIMEOUT_MS = 120_000;
const READY_TIMEOUT_MS = 20_000;
const ARRIVED_TIMEOUT_MS = 60_000;
const POLL_MS = 500;

const DIALECTS = ['standard', 'experimental'] as const;
/** Programs that make the same three decisions. */
const APPLICATIONS = [
  { name: 'standard', file: 'dist/standard/application.js' },
  { name: 'experimental', file: 'dist/experimental/application.js' },
  { name: 'commonjs', file: 'commonjs.cjs' },
];
const PRINTED = ['approve', 'deny', 'RangeError: income must be 0 or more'];
const DECISIONS = [
  { input: { age: 22, income: 18_500 }, decision: 'deny', errorType: undefined },
  { input: { age: 30, income: 50_000 }, decision: 'approve', errorType: undefined },
  { input: { age: 41, income: -1 }, decision: undefined, errorType: 'RangeError' },
];

const missing = await missingBackends();
const skipped = missing.length > 0 && process.env['CI'] !== 'true';
const reason = skipped ? ` (skipped: no ${missing.join(', ')}; npm run backends gets them)` : '';

let scratch: Scratch;

beforeAll(async () => {
  scratch = await Scratch.create();
}, SETUP_TIMEOUT_MS);

afterAll(() => scratch?.remove());

describe('what is published', () => {
  test('is the four packages', () => {
    expect(scratch.tarballs.map(({ manifest }) => manifest.name).toSorted()).toEqual([
      '@decision-trail/decisions',
      '@decision-trail/durable',
      '@decision-trail/node',
      '@decision-trail/review',
    ]);
  });

  test('is sources, what they compile to, and nothing else', () => {
    for (const { paths } of scratch.tarballs) {
      const sources = paths.filter((name) => name.startsWith('src/'));
      const compiled = sources.flatMap((name) => {
        const base = name.replace(/^src\/(.+)\.ts$/, 'dist/$1');
        return [`${base}.js`, `${base}.js.map`, `${base}.d.ts`, `${base}.d.ts.map`];
      });
      expect(sources).toContain('src/index.ts');
      expect(sources.filter((name) => name.includes('test'))).toEqual([]);
      expect(paths).toEqual(['LICENSE', 'README.md', 'package.json', ...sources, ...compiled].toSorted());
    }
  });

  test('has every file that exports and bin name', () => {
    for (const { manifest, paths } of scratch.tarballs) {
      const targets = named(manifest);
      expect(targets.length).toBeGreaterThan(0);
      expect(targets.filter((target) => !paths.includes(path.posix.normalize(target)))).toEqual([]);
    }
  });

  test('depends on published versions, not on the workspace', () => {
    for (const { manifest } of scratch.tarballs) {
      const { dependencies, devDependencies, peerDependencies } = manifest;
      const ranges = Object.values({ ...dependencies, ...devDependencies, ...peerDependencies });
      expect(ranges.filter((range) => /^(workspace|file|link|catalog):/.test(range))).toEqual([]);
    }
  });
});

describe("in a stranger's project", { timeout: TIMEOUT_MS }, () => {
  let receiver: ChildProcess;
  let lines: AsyncIterator<string>;
  let url: string;

  beforeAll(async () => {
    const args = ['dev', '--port', '0', '--store', 'trail.db'];
    receiver = spawn(scratch.path('node_modules/.bin/decision-trail'), args, {
      cwd: scratch.dir,
      env: strangersEnv(),
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: SETUP_TIMEOUT_MS,
    });
    lines = createInterface({ input: receiver.stdout! })[Symbol.asyncIterator]();
    const ready = await Promise.race([lines.next(), delay(READY_TIMEOUT_MS, { value: 'nothing', done: true })]);
    url = /listening on (http:\S+),/.exec(`${ready.value}`)?.[1] ?? '';
    expect(url, `decision-trail dev said: ${ready.value}`).not.toBe('');
  }, TIMEOUT_MS);

  afterAll(() => receiver?.kill('SIGKILL'));

  test.each(DIALECTS)(
    'programs compile with %s decorators, libraries checked, and wrong use does not',
    async (dialect) => {
      expect(await scratch.run('npx', ['--no', '--', 'tsc', '-p', `tsconfig.${dialect}.json`])).toBe('');
    },
  );

  test.each(APPLICATIONS)('the $name application has its decisions in the store of decision-trail dev', async (app) => {
    const begun = Date.now();
    expect(await decide(app, url)).toEqual(PRINTED);
    const ended = Date.now();
    const records = await list('sqlite:trail.db', app.name);
    expect(essence(records)).toEqual(DECISIONS);
    for (const { timestamp } of records) {
      expect(Date.parse(timestamp)).toBeGreaterThanOrEqual(begun);
      expect(Date.parse(timestamp)).toBeLessThanOrEqual(ended);
    }
  });

  test('decision-trail dev stored each of them once, and ends when asked to', async () => {
    const ended = once(receiver, 'exit');
    receiver.kill('SIGTERM');
    const count = APPLICATIONS.length * DECISIONS.length;
    expect((await lines.next()).value).toBe(
      `decision-trail dev: stopped; stored ${count} decision records and ${count} spans`,
    );
    expect(await ended).toEqual([0, null]);
  });

  test('the packages work together in one process', async () => {
    expect(await scratch.run('node', ['dist/standard/one-process.js', 'one-process.db'])).toBe('risk 0.625 0.5\n');
  });
});

describe.skipIf(skipped)(`in a stranger's project, with real backends${reason}`, { timeout: TIMEOUT_MS }, () => {
  let jaeger: RunningJaeger;
  let loki: RunningLoki;
  let collector: RunningCollector;

  beforeAll(async () => {
    const dir = scratch.path('backends');
    [jaeger, loki] = await Promise.all([startJaeger({ dir }), startLoki({ dir })]);
    collector = await startCollector({ dir, jaeger, loki });
  }, SETUP_TIMEOUT_MS);

  afterAll(async () => {
    await Promise.all([collector?.kill(), jaeger?.kill(), loki?.kill()]);
  });

  test.each(APPLICATIONS)('the $name application has its decisions in Loki and in Jaeger', async (app) => {
    expect(await decide(app, collector.url)).toEqual(PRINTED);
    const [inLoki, inJaeger] = await Promise.all([
      arrived(`loki:${loki.url}`, app.name),
      arrived(`jaeger:${jaeger.url}`, app.name),
    ]);
    expect(essence(inLoki)).toEqual(DECISIONS);
    expect(essence(inJaeger)).toEqual(DECISIONS);
    const moments = (records: DecisionRecord[]) => records.map(({ id, timestamp }) => `${id} ${timestamp}`);
    expect(moments(inJaeger)).toEqual(moments(inLoki));
  });
});

/** Runs a program that makes the decisions, and returns the lines it printed. */
async function decide({ name, file }: { name: string; file: string }, endpoint: string): Promise<string[]> {
  const printed = await scratch.run('node', ['--import', '@decision-trail/node/register', file, name], {
    OTEL_SERVICE_NAME: `stranger-${name}`,
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
  });
  return printed.trimEnd().split('\n');
}

/** The decisions of one model, as the installed command lists them. */
async function list(source: string, model: string): Promise<DecisionRecord[]> {
  const args = ['--no', '--', 'decision-trail', 'list', '--source', source, '--model', model, '--json'];
  const bodies = (await scratch.run('npx', args)).split('\n').slice(0, -1);
  return bodies.map((body) => JSON.parse(body) as DecisionRecord);
}

/** The same, once a source has them all. */
async function arrived(source: string, model: string): Promise<DecisionRecord[]> {
  const deadline = performance.now() + ARRIVED_TIMEOUT_MS;
  for (;;) {
    const records = await list(source, model);
    if (records.length >= DECISIONS.length || performance.now() > deadline) return records;
    await delay(POLL_MS);
  }
}

/** What was decided on what, by age; two decisions of one millisecond have no other order. */
function essence(records: readonly DecisionRecord[]): typeof DECISIONS {
  const found = records.map(({ input, decision, error }) => ({
    input: input as { age: number; income: number },
    decision: decision as string | undefined,
    errorType: error?.type,
  }));
  return found.toSorted((a, b) => a.input.age - b.input.age) as typeof DECISIONS;
}

/** Every file that `exports` and `bin` name. */
function named({ exports = {}, bin = {} }: Manifest): string[] {
  const targets = Object.values(exports).flatMap((target) =>
    typeof target === 'string' ? [target] : Object.values(target),
  );
  return [...targets, ...Object.values(bin)];
}
