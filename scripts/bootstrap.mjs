// Makes a fresh clone ready, with nothing but Node.js and npm, and runs one of the tasks: `node scripts/bootstrap.mjs TASK`.
// Installs the locked dependencies, a recent Node.js among them, builds, and goes on with that Node.js.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const bin = path.join(root, 'node_modules', '.bin');
const { packageManager } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));

/** What a task runs after install and build; the arguments of the command line follow. */
const TASKS = {
  start: [['node', 'scripts/start.ts']],
  test: [['vitest', 'run']],
  'test:matrix': [['node', 'scripts/matrix.ts']],
  backends: [['node', 'test/backends/main.ts']],
  bench: [['node', 'bench/main.ts']],
  faults: [['node', 'test/faults/main.ts']],
  check: [
    ['oxlint', '--type-aware', '--deny-warnings'],
    ['oxfmt', '--check'],
    ['tsc', '-p', 'test'],
    ['tsc', '-p', 'test/tsconfig.legacy.json'],
    ['knip'],
    ['publint', 'packages/decisions', '--strict', '--pack', 'npm'],
    ['publint', 'packages/durable', '--strict', '--pack', 'npm'],
    ['publint', 'packages/node', '--strict', '--pack', 'npm'],
    ['publint', 'packages/review', '--strict', '--pack', 'npm'],
  ],
};

const [task = '', ...args] = process.argv.slice(2);
if (!Object.hasOwn(TASKS, task)) fail(`no task "${task}"; there are ${Object.keys(TASKS).join(', ')}`);

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19))
  fail(`Node.js 20.19 or newer is needed, this is ${process.versions.node}`);

say('installing the locked dependencies');
run(
  'npx',
  ['-y', packageManager, 'install', '--frozen-lockfile', '--reporter=append-only', '--silent'],
  'is the npm registry within reach?',
);
say('building');
run(path.join(bin, 'tsc'), ['-b'], 'the messages above say where');
for (const [command = '', ...rest] of TASKS[task]) {
  say(`running ${[command, ...rest].join(' ')}`);
  run(path.join(bin, command), [...rest, ...args]);
}

function run(command, commandArgs, hint) {
  const env = { ...process.env, PATH: `${bin}${path.delimiter}${process.env.PATH}` };
  const { status, signal, error } = spawnSync(command, commandArgs, { cwd: root, env, stdio: 'inherit' });
  if (status === 0) return;
  const outcome = error?.message ?? (signal === null ? `exit code ${status}` : signal);
  const name = path.basename(command);
  if (hint !== undefined) fail(`${name} ${commandArgs.join(' ')} failed (${outcome}): ${hint}`);
  process.exit(status ?? 1);
}

function say(message) {
  console.log(`> ${message}`);
}

function fail(message) {
  console.error(`decision-trail: ${message}`);
  process.exit(1);
}
