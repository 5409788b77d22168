/** The service as its README starts it, against the embedded receiver, and what then stands in the trail. */
import { execFile, spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { DecisionRecord, OutcomeRecord, ReviewRecord } from '@decision-trail/decisions';
import { LoanModel } from '../src/model.js';
import { createService } from '../src/service.js';

const execute = promisify(execFile);
const example = path.resolve(import.meta.dirname, '..');
const CLI = path.join(example, 'node_modules/@decision-trail/review/dist/bin.js');
const HASH_KEY = 'sixteen bytes or more, and secret';
const SSN = '078-05-1120';
const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';

/** A block of the README by its name. */
function block(language: 'sh' | 'text', name: string): string {
  const readme = readFileSync(path.join(example, 'README.md'), 'utf8');
  return new RegExp(`^\`\`\`${language} ${name}\n(.*?)^\`\`\``, 'ms').exec(readme)![1]!;
}

/** What the README shows, with `…` for what differs from run to run. */
function shown(name: string): RegExp {
  const parts = block('text', name).trim().split('…');
  return new RegExp(`^${parts.map((part) => part.replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`)).join('.+')}$`);
}

describe('the routes', () => {
  const app = createService(new LoanModel());
  const post = async (url: string, payload: object, headers = {}): Promise<[status: number, body: unknown]> => {
    const response = await app.inject({ method: 'POST', url, payload, headers });
    return [response.statusCode, response.json()];
  };
  const id = '01a20b35-4a73-7218-9da7-9ae961a6aabb';

  test('decide, and without an SDK tell no id', async () => {
    expect(await post('/decisions', { nationalId: SSN, income: 36_000, amount: 6_000 })).toEqual([
      200,
      { decision: 'approve' },
    ]);
  });

  test.each([
    ['an income that is no number', '/decisions', { nationalId: SSN, income: '36000', amount: 1 }],
    ['a field that there is not', '/decisions', { nationalId: SSN, income: 1, amount: 1, age: 30 }],
    ['an id that is none', '/decisions/17/outcome', { label: 'repaid' }],
    ['an outcome that is none', `/decisions/${id}/outcome`, { label: 'perhaps' }],
    ['a review that is none', `/decisions/${id}/review`, { action: 'delete' }],
  ])('refuse %s', async (_, url, payload) => {
    expect(await post(url, payload)).toEqual([400, { error: expect.any(String) as string }]);
  });

  test('refuse a body that is no JSON, and a route that there is not', async () => {
    const request = {
      method: 'POST',
      url: '/decisions',
      payload: '{',
      headers: { 'content-type': 'application/json' },
    };
    expect((await app.inject(request as object)).statusCode).toBe(400);
    expect((await app.inject({ method: 'GET', url: '/decisions' })).statusCode).toBe(404);
  });

  test('refuse a review by nobody', async () => {
    expect(await post(`/decisions/${id}/review`, { action: 'confirm' })).toEqual([
      401,
      { error: 'a review needs a reviewer' },
    ]);
  });

  test('tell nothing of an error that is no refusal, and do not log its message', async () => {
    const logged = vi.spyOn(console, 'error').mockImplementation(() => {});
    const broken = createService({
      decide: () => {
        throw new TypeError(SSN);
      },
    });
    const payload = { nationalId: SSN, income: 36_000, amount: 6_000 };
    const response = await broken.inject({ method: 'POST', url: '/decisions', payload });
    expect([response.statusCode, response.json()]).toEqual([500, { error: 'internal error' }]);
    expect(logged.mock.calls).toEqual([['internal error: TypeError']]);
    logged.mockRestore();
  });
});

describe('the service, started as the README says', () => {
  let dir: string;
  const processes: ChildProcess[] = [];
  let session: string;
  let ended: unknown;

  beforeAll(async () => {
    dir = mkdtempSync(path.join(tmpdir(), 'decision-trail-service-'));
    const receiver = start([CLI, 'dev', '--port', '0', '--store', path.join(dir, 'decision-trail.db')], {});
    const endpoint = /http:\S+\d/.exec(await firstLine(receiver))![0];
    const { scripts } = JSON.parse(readFileSync(path.join(example, 'package.json'), 'utf8')) as {
      scripts: { start: string };
    };
    const [node, ...args] = scripts.start.split(' ');
    expect(node).toBe('node');
    const service = start(args, { HASH_KEY, PORT: '0', OTEL_EXPORTER_OTLP_ENDPOINT: endpoint });
    const url = /http:\S+\d/.exec(await firstLine(service))![0];

    session = (await execute('sh', ['-ec', block('sh', 'session').replaceAll('localhost:3000', url)], { cwd: dir }))
      .stdout;
    const headers = { 'content-type': 'application/json', traceparent: `00-${TRACE_ID}-b7ad6b7169203331-01` };
    const body = JSON.stringify({ nationalId: SSN, income: 36_000, amount: 6_000 });
    await fetch(`${url}/decisions`, { method: 'POST', headers, body });

    const exited = once(service, 'exit');
    service.kill('SIGTERM');
    ended = await exited;
  });

  afterAll(async () => {
    for (const child of processes.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null)) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    rmSync(dir, { recursive: true, force: true });
  });

  test('answers as the README shows', () => {
    expect(session.trim()).toMatch(shown('session'));
  });

  test('ends by SIGTERM, and has delivered all records by then', () => {
    expect(ended).toEqual([0, null]);
    expect(stored().map(({ schema }) => schema)).toEqual([
      'decision/1',
      'decision-review/1',
      'decision-outcome/1',
      'decision/1',
      'decision/1',
    ]);
  });

  test('records what was decided, about whom, for whom, and why', () => {
    const [denied, , , refused, approved] = stored() as [
      DecisionRecord,
      unknown,
      unknown,
      DecisionRecord,
      DecisionRecord,
    ];
    expect(denied).toMatchObject({
      decision: 'deny',
      threshold: 6,
      reasons: [{ code: 'LOAN_TOO_LARGE' }],
      subject: { id: hashed(SSN), type: 'applicant' },
      actor: { id: 'ada' },
    });
    expect(session).toContain(`"decisionId":"${denied.id}"`);
    expect(refused).toMatchObject({ error: { type: 'RangeError' } });
    expect(session).toContain(`"decisionId":"${refused.id}"`);
    expect(approved).toMatchObject({ decision: 'approve', trace: { traceId: TRACE_ID } });
    expect(approved.subject).toEqual(denied.subject);
  });

  test('records what was told later, by whom, of the decision', () => {
    const [denied, review, outcome] = stored() as [DecisionRecord, ReviewRecord, OutcomeRecord];
    expect(review).toMatchObject({
      decisionId: denied.id,
      reviewer: { id: 'bob', type: 'user' },
      action: 'override',
      decision: 'approve',
      rationale: `${hashed(SSN)} has savings`,
    });
    expect(outcome).toMatchObject({ decisionId: denied.id, label: 'repaid', source: 'collections' });
  });

  test('lets no national id and no free text leave the process', () => {
    const db = open();
    const tables = ['record', 'span'].flatMap((table) => db.prepare(`SELECT * FROM ${table}`).all());
    db.close();
    const all = JSON.stringify(tables, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
    expect(all).toContain(hashed(SSN));
    for (const secret of [SSN, '219-09-9999', 'a boat', HASH_KEY]) expect(all).not.toContain(secret);
  });

  test('shows a decision as the README does', () => {
    const [{ id }] = stored() as [DecisionRecord];
    expect(block('sh', 'show')).toBe('npm run -s decision-trail -- show $id\n');
    const { stdout, stderr } = spawnSync(process.execPath, [CLI, 'show', id], { cwd: dir, encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(stdout.trim()).toMatch(shown('show'));
  });

  function start(args: readonly string[], env: object): ChildProcess {
    const child = spawn(process.execPath, args, {
      cwd: example,
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, ...env },
    });
    processes.push(child);
    return child;
  }

  async function firstLine(child: ChildProcess): Promise<string> {
    const [line] = (await once(createInterface({ input: child.stdout! }), 'line')) as [string];
    return line;
  }

  function open(): DatabaseSync {
    return new DatabaseSync(path.join(dir, 'decision-trail.db'), { readOnly: true, readBigInts: true } as object);
  }

  function stored(): { schema: string }[] {
    const db = open();
    const rows = db.prepare('SELECT body FROM record ORDER BY number').all();
    db.close();
    return rows.map(({ body }) => JSON.parse(String(body)) as { schema: string });
  }

  function hashed(text: string): string {
    return `hmac-sha256:2026:${createHmac('sha256', HASH_KEY).update(text).digest('hex')}`;
  }
});
