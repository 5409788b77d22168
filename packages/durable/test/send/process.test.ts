import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, expect, test } from 'vitest';
import { Authority } from './certificates.ts';
import { HttpProxy } from './http-proxy.ts';
import { assemble, frames } from './otlp.ts';
import { OtlpSink } from './otlp-sink.ts';

const dir = mkdtempSync(join(tmpdir(), 'decision-trail-send-'));
afterAll(() => rmSync(dir, { recursive: true }));

const closing: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const open of closing.splice(0)) await open.close();
});

const dist = (file: string): string =>
  JSON.stringify(pathToFileURL(join(import.meta.dirname, '../../dist/send', file)).href);

/** Sends one request of three records, by the settings of its environment, as the built package does. */
const PROGRAM = `
  import { OtlpClient } from ${dist('client.js')};
  import { Sender } from ${dist('sender.js')};
  import { otlpSettings } from ${dist('settings.js')};

  const body = Buffer.from(process.env.BODY, 'base64');
  let waits = [{ kind: 1, origin: {}, sequence: 1, payload: body }];
  const sender = new Sender({
    signal: 'logs',
    queue: {
      next: async () => (waits.length === 0 ? undefined : { frames: waits }),
      acknowledge: async () => { waits = []; },
      bury: async () => {},
    },
    client: new OtlpClient(otlpSettings('logs'), { readResponse: () => ({ rejected: 0, message: '' }), userAgent: 'tests' }),
    assemble: () => body,
    limits: { lingerMs: 1 },
    random: () => 0,
  });
`;

function run(program: string, env: Record<string, string>): { stdin: NodeJS.WritableStream; output: Promise<string> } {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', PROGRAM + program], {
    env: { BODY: Buffer.concat(assemble(frames(3))).toString('base64'), ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  // Where a test has failed because the process goes on.
  closing.push({ close: async () => void child.kill('SIGKILL') });
  const output = async (): Promise<string> => {
    const [said, [code]] = await Promise.all([text(child.stdout), once(child, 'exit') as Promise<[number | null]>]);
    return `${said.trim()} ${code}`.trim();
  };
  return { stdin: child.stdin, output: output() };
}

/** Delivers in the background as long as its standard input is open. */
const BACKGROUND = `
  sender.wake();
  process.stdin.resume();
`;

async function collector(secure: boolean): Promise<{ sink: OtlpSink; env: Record<string, string> }> {
  const authority = new Authority('tests');
  const sink = await OtlpSink.start(secure ? { tls: authority.issue('collector') } : {});
  closing.push(sink);
  const env: Record<string, string> = {
    OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint,
    OTEL_EXPORTER_OTLP_TIMEOUT: '3600000',
  };
  if (secure) {
    env['OTEL_EXPORTER_OTLP_CERTIFICATE'] = join(dir, 'ca.pem');
    writeFileSync(join(dir, 'ca.pem'), authority.certificate);
  }
  return { sink, env };
}

test.each([
  ['plain', false, false],
  ['TLS', true, false],
  ['plain, through a proxy', false, true],
  ['TLS, through a proxy', true, true],
])('a process ends by itself while the Collector does not answer: %s', async (_, secure, proxied) => {
  const { sink, env } = await collector(secure);
  if (proxied) {
    const proxy = await HttpProxy.start();
    closing.push(proxy);
    env[secure ? 'HTTPS_PROXY' : 'HTTP_PROXY'] = proxy.host;
  }
  // The second request finds a connection that undici has kept, and would have hold the process again.
  sink.play({ kind: 'status', status: 503 }, { kind: 'hang' });
  const { stdin, output } = run(BACKGROUND, env);
  await sink.until(({ requests }) => requests.length === 2);
  stdin.end();
  expect(await output).toBe('0');
  expect(sink.violations).toEqual([]);
});

test('a process ends by itself while delivery pauses', async () => {
  const { sink, env } = await collector(false);
  sink.play({ kind: 'status', status: 503, headers: { 'retry-after': '300' } });
  const { stdin, output } = run(BACKGROUND, env);
  await sink.until(({ requests }) => requests.length === 1);
  stdin.end();
  expect(await output).toBe('0');
});

test('drain keeps the process until everything was delivered', async () => {
  const { sink, env } = await collector(true);
  sink.play({ kind: 'status', status: 503 }, { kind: 'reset-before-reading' }, { kind: 'slow' });
  const { stdin, output } = run('console.log(await sender.drain(60_000));', env);
  stdin.end();
  expect(await output).toBe('true 0');
  expect(sink.kept).toEqual(['d1', 'd2', 'd3']);
});
