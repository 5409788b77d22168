/**
 * Runs the test suite of `@decision-trail/decisions` in the other line of OpenTelemetry (`@opentelemetry/api` 1.9 with
 * `@opentelemetry/api-logs` and SDK 2.x), as an application of that line has it: the packed package, installed by npm
 * beside that line's API, on the Node.js that the developer's machine has.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '..');
const decisions = path.join(root, 'packages/decisions');
/** The Node.js that started the task; this script itself runs on the one that the workspace installs. */
const hostNode = process.env['DECISION_TRAIL_HOST_NODE'] ?? process.execPath;

const { packageManager } = readJson<{ packageManager: string }>(path.join(root, 'package.json'));

const dir = mkdtempSync(path.join(tmpdir(), 'decision-trail-legacy-'));
process.on('exit', () => rmSync(dir, { recursive: true, force: true }));

say('packing @decision-trail/decisions');
run('npx', ['-y', packageManager, '--dir', decisions, 'pack', '--pack-destination', dir], root);
cpSync(path.join(root, 'test/legacy'), dir, { recursive: true });
for (const file of ['decorators.ts', 'properties.ts']) cpSync(path.join(root, 'test', file), path.join(dir, file));
cpSync(path.join(decisions, 'test'), path.join(dir, 'test'), { recursive: true });

const manifest = readJson<{ dependencies: Record<string, string> }>(path.join(dir, 'package.json'));
const { version } = readJson<{ version: string }>(path.join(decisions, 'package.json'));
manifest.dependencies['@decision-trail/decisions'] = `file:./decision-trail-decisions-${version}.tgz`;
writeFileSync(path.join(dir, 'package.json'), JSON.stringify(manifest));

say('installing it beside @opentelemetry/api 1.9 and SDK 2.x');
run('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error'], dir);
say(`running its tests on ${spawnSync(hostNode, ['--version'], { encoding: 'utf8' }).stdout.trim()}`);
run(hostNode, ['node_modules/vitest/vitest.mjs', 'run'], dir);

function run(command: string, args: string[], cwd: string): void {
  const { status, error } = spawnSync(command, args, { cwd, stdio: 'inherit' });
  if (status === 0) return;
  console.error(
    `decision-trail: ${path.basename(command)} ${args.join(' ')} failed${error ? `: ${error.message}` : ''}`,
  );
  process.exit(1);
}

function readJson<T>(file: string): T {
  return JSON.parse(readFileSync(file, 'utf8')) as T;
}

function say(message: string): void {
  console.log(`> ${message}`);
}
