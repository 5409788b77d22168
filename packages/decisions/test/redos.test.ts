import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';

/** What a worker is told to do: nothing but plain data crosses, so that the texts are made there. */
interface Task {
  /** Recorded with the default rules, or with a pattern of the user's, or run by the engine of the language. */
  kind: 'default' | 'pattern' | 'native';
  source: string;
  /** The text is the beginning, then the unit as often as fits, then the end. */
  text: [beginning: string, unit: string, end: string];
}

const TEXT_CHARS = 32 * 1024;

/** For all texts of one runner; a linear scan of each takes milliseconds. */
const RUNNER_MS_MAX = 10_000;

const { resolve } = createRequire(import.meta.url);
const urlOf = (name: string): string => pathToFileURL(resolve(name)).href;

// Plain JavaScript: a worker does not go through the tests' compiler.
const RUNNER = `
const { workerData, parentPort } = require('node:worker_threads');
void (async () => {
const { audited } = await import(workerData.decisions);
const api = await import(workerData.api);
api.trace.setGlobalTracerProvider({ getTracer: () => ({ startSpan: () => api.trace.wrapSpanContext(
  { traceId: '1'.repeat(32), spanId: '1'.repeat(16), traceFlags: 1 }) }) });
const done = [];
for (const { kind, source, text: [beginning, unit, end] } of workerData.tasks) {
  const text = beginning + unit.repeat((workerData.chars - beginning.length - end.length) / unit.length) + end;
  if (kind === 'native') new RegExp(source).test(text);
  else {
    const redact = kind === 'pattern' ? [{ pattern: new RegExp(source), method: 'mask' }] : [];
    let called = false;
    audited({ model: 'm', redact, decision: () => null, input: (input) => ((called = true), input) })((input) => input)(text);
    if (!called) throw new Error('nothing was recorded');
  }
  done.push(source);
}
parentPort.postMessage(done);
})();
`;

/** Runs tasks in a thread of their own; how many were done, or that it had to be killed. */
async function run(tasks: Task[], msMax: number = RUNNER_MS_MAX): Promise<number | 'killed'> {
  const worker = new Worker(RUNNER, {
    eval: true,
    workerData: {
      tasks,
      chars: TEXT_CHARS,
      decisions: urlOf('@decision-trail/decisions'),
      api: urlOf('@opentelemetry/api'),
    },
  });
  const end = new Promise<number>((resolve, reject) => {
    worker.once('message', (done: string[]) => resolve(done.length)).once('error', reject);
  });
  let timer: ReturnType<typeof setTimeout> | undefined;
  const killed = new Promise<'killed'>((resolve) => {
    timer = setTimeout(() => resolve('killed'), msMax);
  });
  try {
    return await Promise.race([end, killed]);
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}

const evil: [pattern: string, text: Task['text']][] = [
  ['(a+)+$', ['', 'a', '!']],
  ['(a|aa)+$', ['', 'a', '!']],
  ['(a|a)*$', ['', 'a', '!']],
  ['(a*)*b', ['', 'a', '']],
  ['(.*a){20}$', ['', 'a', '!']],
  ['(.*)*=x', ['', '=', '']],
  ['^(\\w+\\s?)*$', ['', 'a ', '!']],
  ['^(([a-z])+.)+[A-Z]([a-z])+$', ['', 'a', '']],
  ['^([a-zA-Z0-9])(([\\-.]|[_]+)?([a-zA-Z0-9]+))*(@)', ['', 'a', '!']],
  ['(x+x+)+y', ['', 'x', '']],
  ['(?:a?){30}a{30}', ['', 'a', '']],
  ['\\s+$', ['', ' ', 'x']],
  ['^(\\d+|\\d+,)*;', ['', '1,', '']],
  ['(<[^>]*>)*<!', ['', '<a', '']],
  ['.{0,200}x.{0,200}[yz]', ['', 'x', '']],
  // Each search alone is linear, but there is one after each match.
  ['a(.*z)?', ['', 'a', '']],
  ['(a.*z)|(b)', ['', 'ab', '']],
  ['b|\\w+@', ['', 'ba', '']],
];

test('the runner kills what takes too long: a pattern of the kind that the rules must withstand', async () => {
  expect(await run([{ kind: 'native', source: '(a+)+$', text: ['', 'a', '!'] }], 1_000)).toBe('killed');
  expect(await run([{ kind: 'native', source: 'a+$', text: ['', 'a', ''] }])).toBe(1);
});

test("patterns of the user's that never end elsewhere end here", async () => {
  expect(await run(evil.map(([source, text]) => ({ kind: 'pattern', source, text })))).toBe(evil.length);
});

/** For each of the rules for secrets: what they begin with, again and again, and what they fail at after a long run. */
const units = [
  [
    'password',
    'password:',
    'password=',
    'password="',
    'password:"\\',
    'password \\"',
    '"password',
    'password={',
    'password=[{',
  ],
  [
    'authorization:',
    'cookie ',
    'api-key',
    'pwd',
    'token\t',
    'token:basic ',
    'secret => ',
    'secret="\\"',
    "token:'\\\\",
  ],
  ['-----BEGIN PRIVATE KEY-----', '-----BEGIN ', '-----BEGIN A', '-----', '-----END', '-', 'BEGIN PRIVATE KEY-----'],
  ['Bearer ', 'bearer a', 'basic abcdefgh ', 'Basic aaaaaaa', 'digest a=', 'digest ', 'token /', 'Bearer\t'],
  ['eyJ', 'eyJa', 'eyJaaaaaaaa.', 'eyJaaaaaaaa.eyJ', 'eyJaaaaaaaa-', '.eyJ', 'eyJaaaaaaaa.a.'],
  [
    'sk-',
    'sk-a',
    'sk_live_',
    'ghp_',
    'ghp_a.',
    'github_pat_',
    'xoxb-',
    'AKIA',
    'AIza',
    'npm_',
    'ya29.',
    'SG.',
    'SG.aaaaaaaa.',
  ],
  ['://', '://a', '://a:', '://a:b', '://a:b@', 'a://:', ':', ':@', 'a://a:a://', '@', 'http://a:1/'],
  [
    '1',
    '1 ',
    '1-',
    '4111 ',
    '4111111111111111 ',
    '4111 1111 1111 1112 ',
    '1.',
    '1.1',
    '12a',
    '5',
    '411111111111111',
    'a1',
  ],
  [' ', '\t', '=', '"', "'", '\\', '\n', 'a', 'a ', '{', '[', '.', '_', '\u{1f600}', '\ud800', '*'],
].flat();

test('no text makes the rules for secrets slow', async () => {
  const tasks = units.flatMap((unit) =>
    (['', 'password="', '://a:', '-----BEGIN PRIVATE KEY-----', 'Bearer ', '4'] as const).flatMap((beginning) =>
      ['', '!', '@'].map((end): Task => ({ kind: 'default', source: unit, text: [beginning, unit, end] })),
    ),
  );
  expect(await run(tasks, 3 * RUNNER_MS_MAX)).toBe(tasks.length);
});
