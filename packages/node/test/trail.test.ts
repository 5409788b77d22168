/** Real processes, started and ended as service managers and people do, against the embedded receiver. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

/** Inside the package, so that applications in it find the packages by name. */
let dir: string;
let receiver: Server;
let endpoint: string;
/** Requests by path, with the bytes of their bodies. */
let received: { path: string; headers: IncomingMessage['headers']; body: string }[];

beforeEach(async () => {
  dir = mkdtempSync(path.join(import.meta.dirname, 'app-'));
  received = [];
  receiver = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      received.push({ path: request.url!, headers: request.headers, body: Buffer.concat(chunks).toString('latin1') });
      response.writeHead(200, { 'content-type': request.headers['content-type'] ?? '' }).end();
    });
  }).listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  endpoint = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
});

afterEach(() => {
  receiver.closeAllConnections();
  receiver.close();
  rmSync(dir, { recursive: true, force: true });
});

const MODEL = `
import { audited } from '@decision-trail/decisions';
const predict = audited({ model: 'm' })((n) => n * 2);
`;
const REGISTER = ['--import', '@decision-trail/node/register'];

interface Ended {
  code: number | null;
  signal: string | null;
  stderr: string;
}

/** Runs an application; `onLine` sees what it prints, and may send it a signal. */
async function run(
  source: string,
  {
    args = REGISTER,
    env = {},
    onLine,
  }: { args?: string[]; env?: Record<string, string>; onLine?: (kill: (signal: NodeJS.Signals) => void) => void } = {},
): Promise<Ended> {
  const file = path.join(dir, 'app.mjs');
  writeFileSync(file, source);
  const child = spawn(process.execPath, [...args, file], {
    cwd: dir,
    env: { PATH: process.env['PATH'], OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, ...env },
    timeout: 25_000,
  });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  createInterface({ input: child.stdout }).on('line', () => onLine?.((signal) => child.kill(signal)));
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  return { code, signal, stderr };
}

/** How often the name of the decision's event was sent as a log record, and of its span. */
function count(): { logs: number; spans: number } {
  const occurrences = (url: string, text: string): number =>
    received.filter((request) => request.path === url).reduce((sum, { body }) => sum + body.split(text).length - 1, 0);
  return { logs: occurrences('/v1/logs', 'decision.made'), spans: occurrences('/v1/traces', 'decision m') };
}

describe('a process that ends delivers what it has', () => {
  test('when it ends by itself', async () => {
    expect(await run(`${MODEL} for (let n = 0; n < 300; n++) predict(n);`)).toEqual({
      code: 0,
      signal: null,
      stderr: '',
    });
    expect(count()).toEqual({ logs: 300, spans: 300 });
  });

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    test(`when ${signal} ends it, with the outcome that the signal has`, async () => {
      const ended = await run(`${MODEL} predict(1); console.log('ready'); setInterval(() => {}, 1000);`, {
        onLine: (kill) => kill(signal),
      });
      expect(ended).toEqual({ code: null, signal, stderr: '' });
      expect(count()).toEqual({ logs: 1, spans: 1 });
    });
  }

  test('when the application handles SIGTERM itself: it decides when to end, and its last decisions count', async () => {
    const ended = await run(
      `${MODEL}
      predict(1);
      const timer = setInterval(() => {}, 1000);
      process.on('SIGTERM', () => { predict(2); clearInterval(timer); process.exitCode = 7; });
      console.log('ready');`,
      { onLine: (kill) => kill('SIGTERM') },
    );
    expect(ended).toEqual({ code: 7, signal: null, stderr: '' });
    expect(count()).toEqual({ logs: 2, spans: 2 });
  });

  test('with nothing to deliver to, it ends after a while, and says where the records are', async () => {
    const ended = await run(`${MODEL} console.log(predict(21));`, {
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' },
    });
    expect(ended.code).toBe(0);
    expect(ended.stderr).toMatch(/ECONNREFUSED 127\.0\.0\.1:9\); they wait on disk, and delivery is tried again\n/);
    expect(ended.stderr).not.toMatch(/^\s+at /m);
    await run(`import '@decision-trail/node';`);
    expect(count()).toEqual({ logs: 1, spans: 1 });
  });
});

describe('a process that has no time to deliver leaves it to the next start', () => {
  test.for<[string, string, Partial<Ended>]>([
    ['an uncaught error, which stays what it is', `throw new Error('bug of the application');`, { code: 1 }],
    ['process.exit', 'process.exit(3);', { code: 3 }],
    ['SIGKILL', `process.kill(process.pid, 'SIGKILL');`, { signal: 'SIGKILL' }],
  ])('%s', async ([, end, outcome]) => {
    const ended = await run(`${MODEL} for (let n = 0; n < 300; n++) predict(n); ${end}`);
    expect(ended).toMatchObject(outcome);
    expect(ended.stderr).not.toContain('decision-trail');
    expect(count()).toEqual({ logs: 0, spans: 0 });
    expect(await run(MODEL)).toEqual({ code: 0, signal: null, stderr: '' });
    expect(count()).toEqual({ logs: 300, spans: 300 });
  });
});

describe('where records cannot be kept on disk', () => {
  // Root may write everywhere, but not below a file.
  const env = { DECISION_TRAIL_SPOOL_DIR: '/dev/null/spool' };

  test('they are kept in memory, which is told of; what is lost with the process is counted', async () => {
    const ended = await run(`${MODEL} predict(1); predict(2); process.exit(3);`, { env });
    expect(ended.code).toBe(3);
    expect(ended.stderr.split('\n')).toEqual([
      expect.stringMatching(/^decision-trail: warning: .*\/dev\/null\/spool.*records are kept in memory only/),
      'decision-trail: error: the process ended before 2 log records were delivered; ' +
        'await trail.shutdown() before process.exit()',
      '',
    ]);
  });

  test('nothing starts where a record is required', async () => {
    const ended = await run(`${MODEL} predict(1);`, { env: { ...env, DECISION_TRAIL_DELIVERY: 'required' } });
    expect(ended.stderr).toMatch(/^decision-trail: warning: .*\/dev\/null\/spool/);
    expect(ended.stderr).toContain('AuditUnavailableError');
    expect(ended.code).toBe(1);
  });
});

describe('settings', () => {
  test('the standard variables are obeyed', async () => {
    await run(`${MODEL} predict(1);`, {
      env: {
        OTEL_SERVICE_NAME: 'named',
        OTEL_RESOURCE_ATTRIBUTES: 'service.version=9.9',
        OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer t',
        OTEL_EXPORTER_OTLP_LOGS_PROTOCOL: 'http/json',
      },
    });
    const log = received.find((request) => request.path === '/v1/logs')!;
    expect(log.headers).toMatchObject({ 'content-type': 'application/json', authorization: 'Bearer t' });
    const resource = (
      JSON.parse(log.body) as { resourceLogs: { resource: { attributes: { key: string; value: unknown }[] } }[] }
    ).resourceLogs[0]!.resource.attributes;
    const names = new Map(resource.map(({ key, value }) => [key, value]));
    expect(names.get('service.name')).toEqual({ stringValue: 'named' });
    expect(names.get('service.version')).toEqual({ stringValue: '9.9' });
    expect([...names.keys()]).toContain('service.instance.id');
    expect([...names.keys()].join()).not.toContain('command');
  });

  for (const variable of ['OTEL_SDK_DISABLED', 'DECISION_TRAIL_DISABLED']) {
    test(`${variable}=true starts nothing`, async () => {
      const ended = await run(`${MODEL} predict(1);`, { env: { [variable]: 'true' } });
      expect(ended.code).toBe(0);
      expect(received).toEqual([]);
    });
  }

  test('in code: a service name and an endpoint, and flush', async () => {
    const ended = await run(
      `import { startDecisionTrail } from '@decision-trail/node';
      const trail = startDecisionTrail({ serviceName: 'coded', endpoint: process.env.ENDPOINT });
      ${MODEL}
      predict(1);
      await trail.flush();
      predict(2);
      await trail.shutdown();
      process.exit(0);`,
      { args: [], env: { ENDPOINT: `${endpoint}/`, OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' } },
    );
    expect(ended).toEqual({ code: 0, signal: null, stderr: '' });
    expect(count()).toEqual({ logs: 2, spans: 2 });
    expect(received[0]?.body).toContain('coded');
  });

  test('options that are wrong, and a second SDK, are refused with what to do', async () => {
    const ended = await run(
      `import { NodeSDK } from '@opentelemetry/sdk-node';
      import { startDecisionTrail } from '@decision-trail/node';
      const message = (run) => { try { run(); return 'nothing'; } catch (error) { return error.code + ': ' + error.message; } };
      console.error(message(() => startDecisionTrail({ endpiont: 'x' })));
      console.error(message(() => startDecisionTrail({ endpoint: 'localhost:4318' })));
      console.error(message(() => startDecisionTrail({ serviceName: 1 })));
      const sdk = new NodeSDK();
      sdk.start();
      console.error(message(() => startDecisionTrail()));
      await sdk.shutdown();`,
      { args: [] },
    );
    expect(ended.stderr.split('\n')).toEqual([
      expect.stringMatching(/^INVALID_OPTIONS: .*no option "endpiont"; it has serviceName, endpoint/),
      expect.stringMatching(/^INVALID_OPTIONS: .*"endpoint" to be an http/),
      expect.stringMatching(/^INVALID_OPTIONS: .*"serviceName" to be a name/),
      expect.stringMatching(/^SDK_ALREADY_REGISTERED: .*leave this call out/),
      '',
    ]);
  });
});

test('an application with its own NodeSDK only adds the decorator', async () => {
  const ended = await run(
    `import { NodeSDK } from '@opentelemetry/sdk-node';
    const sdk = new NodeSDK();
    sdk.start();
    ${MODEL}
    predict(1);
    await sdk.shutdown();`,
    { args: [] },
  );
  expect(ended).toEqual({ code: 0, signal: null, stderr: '' });
  expect(count()).toEqual({ logs: 1, spans: 1 });
});

test('registering beside an SDK that is there already leaves it alone, and does not end the application', async () => {
  writeFileSync(
    path.join(dir, 'sdk.mjs'),
    `import { NodeSDK } from '@opentelemetry/sdk-node';
    globalThis.sdk = new NodeSDK();
    globalThis.sdk.start();`,
  );
  const ended = await run(`${MODEL} predict(1); await globalThis.sdk.shutdown();`, {
    args: ['--import', path.join(dir, 'sdk.mjs'), ...REGISTER],
  });
  expect(ended.code).toBe(0);
  expect(ended.stderr).toMatch(/^decision-trail: warning: .*already runs an OpenTelemetry SDK.*\n$/);
  expect(count()).toEqual({ logs: 1, spans: 1 });
});

test('the package exports what it promises, and nothing else', async () => {
  const api = await import('@decision-trail/node');
  expect(Object.keys(api).toSorted((a, b) => a.localeCompare(b))).toEqual(['startDecisionTrail', 'StartError']);
});
