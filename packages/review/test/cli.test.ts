/** The command as people and scripts start it: a process, its exit code, and what it prints. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Store, openSource } from '@decision-trail/review';
import { ProtobufLogsSerializer } from '@opentelemetry/otlp-transformer';
import { beforeEach, describe, expect, test } from 'vitest';
import { recordRow } from '../src/rows.js';
import { BIN, ended, runCommand, startDev, temporaryDirectory } from './command.js';
import type { Dev, Ended } from './command.js';
import { body, logRecord } from './stock.js';

let dir: string;

beforeEach(() => {
  dir = temporaryDirectory();
});

const run = (...args: string[]): Promise<Ended> => runCommand(dir, args);
const dev = (...args: string[]): Promise<Dev> => startDev(dir, ...args);

async function send(url: string, ...bodies: string[]): Promise<number> {
  const response = await fetch(`${url}/v1/logs`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-protobuf' },
    body: Buffer.from(ProtobufLogsSerializer.serializeRequest(bodies.map((text) => logRecord({ body: text })))!),
  });
  await response.arrayBuffer();
  return response.status;
}

function fill(count: number, name = 'decision-trail.db'): void {
  const store = Store.open(join(dir, name));
  const rest = {
    eventName: 'decision.made',
    timeUnixNano: 0n,
    traceId: undefined,
    spanId: undefined,
    attributes: {},
    resource: {},
  };
  store.writeRecords(
    Array.from({ length: count }, (_, n) => recordRow({ ...rest, body: body(`d-${String(n).padStart(6, '0')}`) })),
  );
  store.close();
}

describe('dev', () => {
  test('says where it listens and stores, and what it has stored when it is stopped', async () => {
    const server = await dev('--store', 'my.db');
    expect(await send(server.url, body('a'), body('b'), body('b'))).toBe(200);
    const { code, stdout, stderr } = await server.end('SIGTERM');
    expect(stdout.split('\n')).toEqual([
      `decision-trail dev: listening on ${server.url}, store ${join(dir, 'my.db')}`,
      'decision-trail dev: stopped; stored 2 decision records and 0 spans, 1 duplicate left out',
      '',
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  test('leaves one whole file behind when it is interrupted', async () => {
    const server = await dev();
    await send(server.url, body('a'));
    expect((await server.end('SIGINT')).code).toBe(0);
    const file = readFileSync(join(dir, 'decision-trail.db'));
    expect(() => readFileSync(join(dir, 'decision-trail.db-wal'))).toThrow('ENOENT');
    writeFileSync(join(dir, 'copy.db'), file);
    expect((await run('list', '--source', 'sqlite:copy.db', '--json')).stdout).toBe(`${body('a')}\n`);
  });

  test('killed right after its 200 has stored the record', async () => {
    const server = await dev();
    expect(await send(server.url, body('a'))).toBe(200);
    expect((await server.end('SIGKILL')).code).toBeNull();
    const source = openSource(`sqlite:${join(dir, 'decision-trail.db')}`);
    expect((await source.find('a'))?.body).toBe(body('a'));
    source.close();
  });

  test('goes on when nobody reads what it prints', async () => {
    const child = spawn(process.execPath, [BIN, 'dev', '--port', '0'], { cwd: dir, stdio: ['ignore', 'pipe', 'pipe'] });
    ended(child);
    const [ready] = (await once(child.stdout, 'data')) as [Buffer];
    child.stdout.destroy();
    child.stderr.destroy();
    const url = /http:\S+(?=,)/.exec(ready.toString())![0];
    await send(url, '{');
    expect(await send(url, body('a'))).toBe(200);
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  test('tells of a port in use, and exits with 4', async () => {
    const { url } = await dev();
    const { port } = new URL(url);
    const { code, stdout, stderr } = await run('dev', '--port', port, '--store', 'other.db');
    expect({ code, stdout }).toEqual({ code: 4, stdout: '' });
    expect(stderr).toBe(
      `decision-trail: port ${port} is in use; stop what listens there, or take any free port with --port 0\n`,
    );
  });

  test('tells of a store that cannot be written, and exits with 5', async () => {
    const { code, stderr } = await run('dev', '--port', '0', '--store', join('no', 'such', 'folder.db'));
    expect(code).toBe(5);
    expect(stderr).toMatch(/^decision-trail: cannot write the store: ENOENT: [^\n]*\n$/);
  });

  test('tells of a file that is no store, and exits with 3', async () => {
    writeFileSync(join(dir, 'notes.txt'), 'not a database'.repeat(100));
    const { code, stderr } = await run('dev', '--port', '0', '--store', 'notes.txt');
    expect(code).toBe(3);
    expect(stderr).toMatch(/^decision-trail: cannot read the store [^\n]*: the file is no SQLite database\n$/);
  });
});

describe('list and show', () => {
  test('read while dev writes', async () => {
    const server = await dev();
    await send(server.url, body('a'));
    expect((await run('list', '--json')).stdout).toBe(`${body('a')}\n`);
    await send(server.url, body('b'));
    expect((await run('list', '--json')).stdout).toBe(`${body('a')}\n${body('b')}\n`);
  });

  test('print a table, or the records as they are', async () => {
    fill(3);
    const table = await run('list', '--limit', '2');
    expect(table.stdout).toBe(
      'TIME                      MODEL       DECISION  SCORE  ID\n' +
        '2026-09-21T14:13:20.123Z  loan 2.1.0  approve   0.93   d-000000\n' +
        '2026-09-21T14:13:20.123Z  loan 2.1.0  approve   0.93   d-000001\n',
    );
    expect((await run('list', '--json', '--model', 'loan')).stdout.trimEnd().split('\n')).toHaveLength(3);
    expect((await run('show', 'd-000001', '--json')).stdout).toBe(`${body('d-000001')}\n`);
    expect((await run('show', 'd-000001')).stdout).toMatch(/^id {11}d-000001\n/);
  });

  test('print a record with line breaks on one line', async () => {
    const store = Store.open(join(dir, 'decision-trail.db'));
    const text = JSON.stringify(JSON.parse(body('a')), undefined, 1);
    store.writeRecords([
      recordRow({
        eventName: 'decision.made',
        body: text,
        timeUnixNano: 0n,
        traceId: undefined,
        spanId: undefined,
        attributes: {},
        resource: {},
      }),
    ]);
    store.close();
    const { stdout } = await run('list', '--json');
    expect(stdout.trimEnd()).not.toContain('\n');
    expect(JSON.parse(stdout)).toEqual(JSON.parse(text));
  });

  test('say that there is nothing', async () => {
    fill(0);
    expect(await run('list')).toEqual({ code: 0, stdout: '', stderr: 'decision-trail: no decisions found\n' });
    expect(await run('show', 'a')).toEqual({
      code: 1,
      stdout: '',
      stderr: 'decision-trail: no decision has the id a\n',
    });
  });

  test('end quietly when the reader of their output has gone', async () => {
    fill(20_000);
    for (const json of [[], ['--json']]) {
      const child = spawn(process.execPath, [BIN, 'list', ...json], { cwd: dir, stdio: ['ignore', 'pipe', 'pipe'] });
      ended(child);
      let stderr = '';
      child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
      await once(child.stdout, 'data');
      child.stdout.destroy();
      expect(await once(child, 'close')).toEqual([0, null]);
      expect(stderr).toBe('');
    }
  });
});

describe('wrong use is told in one line', () => {
  test.each([
    [[], 2, 'no command given; use dev, list, show, spool or reconcile (--help tells more)'],
    [['frob'], 2, "unknown command 'frob'; use dev, list, show, spool or reconcile (--help tells more)"],
    [['list', '--frob'], 2, "unknown option '--frob'"],
    [['list', 'extra'], 2, "too many arguments for 'list'. Expected 0 arguments but got 1: extra."],
    [['list', '--limit', '0'], 2, "option '--limit <number>' argument '0' is invalid. It is no positive number."],
    [['list', '--since', '1h', '--until', '2h'], 2, '--since must be before --until'],
    [
      ['dev', '--port', '65536'],
      2,
      "option '--port <number>' argument '65536' is invalid. It is no TCP port (0 to 65535).",
    ],
    [['show'], 2, "missing required argument 'id'"],
    [
      ['list', '--source', 'mysql:x'],
      2,
      "unknown source 'mysql:x': use sqlite:FILE, spool:DIR, loki:URL or jaeger:URL",
    ],
    [['list', '--source', 'loki:x'], 2, 'the source loki: needs a URL, such as loki:http://127.0.0.1:3100'],
  ])('%j', async (args, code, message) => {
    expect(await run(...args)).toEqual({ code, stdout: '', stderr: `decision-trail: ${message}\n` });
  });

  test('with a hint of what time is', async () => {
    const { code, stderr } = await run('list', '--until', 'tomorrow');
    expect(code).toBe(2);
    expect(stderr).toMatch(/^decision-trail: option '--until <time>' argument 'tomorrow' is invalid\. [^\n]*\n$/);
  });
});

test('a source that cannot be read is told in one line, with exit code 3', async () => {
  const missing = await run('list');
  expect(missing).toEqual({
    code: 3,
    stdout: '',
    stderr: `decision-trail: there is no store at ${join(dir, 'decision-trail.db')}\n`,
  });
  const server = await dev();
  const { code, stderr } = await run('show', 'a', '--source', `loki:${server.url}`);
  expect(code).toBe(3);
  expect(stderr).toMatch(/^decision-trail: Loki answered 404 to [^\n]*\n$/);
});

test('help names the commands and the exit codes', async () => {
  const { code, stdout } = await run('--help');
  expect(code).toBe(0);
  for (const text of ['dev', 'list', 'show', 'Exit codes:', '70 ']) expect(stdout).toContain(text);
});
