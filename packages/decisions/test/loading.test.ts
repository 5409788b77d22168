/** The package in plain Node.js, by ES module and by CommonJS: no test runner has a hand in loading it. */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import type { DecisionRecord } from '@decision-trail/decisions';

/** A program that something keeps alive is killed then. */
const TIMEOUT_MS = 20_000;

/** What a program in `loading/` prints. */
interface Seen {
  before: Record<string, unknown>;
  after: Record<string, unknown>;
  made: { returned: string; spans: string[]; events: string[]; records: DecisionRecord[] };
}

describe.each([
  { form: 'import', file: 'import.mjs' },
  { form: 'require()', file: 'require.cjs' },
])('loaded by $form in plain Node.js', ({ file }) => {
  let seen: Seen;
  let warnings: string;

  beforeAll(async () => {
    const { stdout, stderr } = await run([path.join(import.meta.dirname, 'loading', file)]);
    seen = JSON.parse(stdout) as Seen;
    warnings = stderr;
  });

  test('Node.js has nothing to warn of', () => {
    expect(warnings).toBe('');
  });

  test('it leaves no global, listener, handle or variable behind', () => {
    expect(seen.before).toHaveProperty('globals', expect.arrayContaining(['process']));
    expect(seen.after).toEqual(seen.before);
  });

  test('a decision is recorded through the SDK', () => {
    const { returned, spans, events, records } = seen.made;
    expect({ returned, spans, events }).toEqual({
      returned: 'deny',
      spans: ['decision risk'],
      events: ['decision.made'],
    });
    expect(records).toMatchObject([{ schema: 'decision/1', model: { name: 'risk' }, input: 12_500, decision: 'deny' }]);
  });
});

test('import and require() give one and the same module', async () => {
  const program = `
    const required = require('@decision-trail/decisions');
    import('@decision-trail/decisions').then(({ audited }) => console.log(audited === required.audited));
  `;
  expect(await run(['--input-type=commonjs', '--eval', program])).toEqual({ stdout: 'true\n', stderr: '' });
});

/** Runs a program on the Node.js that runs the tests. */
function run(args: string[]): Promise<{ stdout: string; stderr: string }> {
  const { NODE_OPTIONS: _, ...env } = process.env;
  return promisify(execFile)(process.execPath, args, { cwd: import.meta.dirname, env, timeout: TIMEOUT_MS });
}
