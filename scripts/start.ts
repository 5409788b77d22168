/**
 * The main job in one command: starts the embedded receiver, lets both examples make their decisions against it, reads
 * the decisions back from its store, and tells where to look next.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';

const OTLP_PORT = 4318;
const READY_TIMEOUT_MS = 30_000;
const EXAMPLE_TIMEOUT_MS = 120_000;

const root = path.resolve(import.meta.dirname, '..');
const cli = path.join(root, 'packages/review/dist/bin.js');
const dataDir = path.join(root, '.decision-trail');
const store = path.join(dataDir, 'decisions.db');
const spool = path.join(dataDir, 'spool');

/** The examples, and how each is started; the decorator is all that the first one has of Decision Trail. */
const EXAMPLES = [
  { name: 'loan-approval', args: ['--import', '@decision-trail/node/register', 'dist/main.js'] },
  { name: 'clinical-triage', args: ['dist/main.js'] },
];

/** Ends the program with one line on standard error. */
class StartFailure extends Error {}

/** What runs in the background, to be stopped whatever happens. */
const children: ChildProcess[] = [];

try {
  await main();
} catch (error) {
  if (!(error instanceof StartFailure)) throw error;
  console.error(`decision-trail: ${error.message}`);
  process.exitCode = 1;
} finally {
  for (const child of children) child.kill('SIGTERM');
}

async function main(): Promise<void> {
  // Each run shows the decisions of this run.
  for (const suffix of ['', '-wal', '-shm']) rmSync(store + suffix, { force: true });
  rmSync(spool, { recursive: true, force: true });
  mkdirSync(dataDir, { recursive: true });

  const free = await isFree(OTLP_PORT);
  if (!free) console.log(`> port ${OTLP_PORT} is taken (by a Collector?), so a free one is used`);
  const endpoint = await startReceiver(free ? OTLP_PORT : 0);

  let sent = 0;
  for (const { name, args } of EXAMPLES) {
    console.log(`\n> examples/${name}`);
    sent += await runExample(name, args, endpoint);
  }

  const bodies = await list(['--json']);
  console.log('\n> decision-trail list (read back from the store, the newest 12)');
  const table = await list([]);
  for (const line of [table[0] ?? '', ...table.slice(1).slice(-12)]) console.log(line);

  const stored = new Set(bodies.map((body) => (JSON.parse(body) as { id: string }).id)).size;
  console.log(`\n${sent} decisions sent, ${stored} stored`);
  if (sent !== stored) throw new StartFailure('not every decision that was sent is in the store');

  const oneId = (JSON.parse(bodies.at(-1)!) as { id: string }).id;
  // As an npm script the command runs on the workspace's Node.js, whatever the machine has.
  const command = 'npm run -s decision-trail --';
  const source = `--source sqlite:${path.relative(root, store)}`;
  console.log(`
One decision in full:   ${command} show ${oneId} ${source}
All as NDJSON:          ${command} list ${source} --json
Your own application:   OTEL_EXPORTER_OTLP_ENDPOINT=${endpoint} node --import @decision-trail/node/register app.js
Jaeger and Loki:        docker compose -f collector-config/compose.yaml up -d    (README.md, "See it in Jaeger and Loki")`);

  if (process.stdout.isTTY && !process.env['CI']) {
    console.log(`\nThe receiver stays at ${endpoint} until Ctrl-C.`);
    await new Promise<void>((resolve) => process.once('SIGINT', () => resolve()));
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** Starts `decision-trail dev` and returns its address once it says that it listens. */
function startReceiver(port: number): Promise<string> {
  const child = spawn(process.execPath, [cli, 'dev', '--port', String(port), '--store', store], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new StartFailure('the embedded receiver did not start in 30 s')),
      READY_TIMEOUT_MS,
    );
    child.once('exit', (code) => reject(new StartFailure(`the embedded receiver ended with exit code ${code}`)));
    createInterface({ input: child.stdout }).on('line', (line) => {
      console.log(`> ${line}`);
      const endpoint = /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0];
      if (endpoint === undefined) return;
      clearTimeout(timer);
      resolve(endpoint);
    });
  });
}

/** Runs an example and returns how many decisions it says to have made. */
async function runExample(name: string, args: string[], endpoint: string): Promise<number> {
  const lines = await output(args, path.join(root, 'examples', name), {
    OTEL_SERVICE_NAME: name,
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
    DECISION_TRAIL_SPOOL_DIR: spool,
  });
  for (const line of lines) console.log(`  ${line}`);
  const made = /^(\d+) decisions made$/.exec(lines.at(-1) ?? '')?.[1];
  if (made === undefined) throw new StartFailure(`examples/${name} did not say how many decisions it made`);
  return Number(made);
}

function list(args: string[]): Promise<string[]> {
  return output([cli, 'list', '--source', `sqlite:${store}`, ...args], root, {});
}

/** The lines that a Node.js program prints; its standard error is shown as it comes. */
function output(args: string[], cwd: string, env: Record<string, string>): Promise<string[]> {
  const child = spawn(process.execPath, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: EXAMPLE_TIMEOUT_MS,
  });
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  return new Promise((resolve, reject) => {
    child.once('close', (code, signal) => {
      if (code === 0) resolve(lines);
      else reject(new StartFailure(`node ${args.join(' ')} in ${cwd} ended with ${signal ?? `exit code ${code}`}`));
    });
  });
}
