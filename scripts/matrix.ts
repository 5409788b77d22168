/**
 * Runs the tests of `@decision-trail/decisions`, and those of `@decision-trail/durable` that need an SDK, on each supported
 * Node.js in both lines of OpenTelemetry, with the packed packages installed as applications install them. With `--write`,
 * the table of a run in which all passed becomes `docs/compatibility.md`; where `TEST_REPORT_DIR` is set, Vitest's JSON
 * reports are left there.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { attempt } from './matrix/command.ts';
import { installLines, pack } from './matrix/lines.ts';
import type { Line } from './matrix/lines.ts';
import { installNodes } from './matrix/nodes.ts';
import type { NodeBinary } from './matrix/nodes.ts';
import { asMarkdown, asText, tableOf } from './matrix/table.ts';
import type { Outcome } from './matrix/table.ts';

/** Test runs at a time: each takes a core. */
const RUNS_MAX = 2;
const RUN_TIMEOUT_MS = 300_000;
const PAGE = path.resolve(import.meta.dirname, '../docs/compatibility.md');

const { write } = parseArgs({ options: { write: { type: 'boolean', default: false } } }).values;

const dir = mkdtempSync(path.join(tmpdir(), 'decision-trail-matrix-'));
process.on('exit', () => rmSync(dir, { recursive: true, force: true }));
const reportDir = path.resolve(process.env['TEST_REPORT_DIR'] ?? path.join(dir, 'reports'));
mkdirSync(reportDir, { recursive: true });

say('packing decisions and durable; installing them in both lines of OpenTelemetry, and each Node.js');
const [lines, nodes] = await Promise.all([pack(dir).then((packed) => installLines(dir, packed)), installNodes()]);

say('running their tests');
const cells = nodes.flatMap((node) => lines.map((line) => ({ node, line })));
const outcomes: Outcome[] = [];
const waiting = cells.values();
await Promise.all(
  Array.from({ length: RUNS_MAX }, async () => {
    for (const { node, line } of waiting) outcomes.push(await outcomeOf(node, line));
  }),
);
outcomes.sort((a, b) => order(a) - order(b));

const table = tableOf(outcomes, new Map(lines.map(({ name, versions }) => [name, `${name}: ${versions}`])));
console.log(`\n${asText(table)}`);
const ok = outcomes.every((outcome) => outcome.ok);
if (write && ok) {
  writeFileSync(PAGE, page(asMarkdown(table)));
  say(`wrote ${path.relative(process.cwd(), PAGE)}`);
}
process.exitCode = ok ? 0 : 1;

async function outcomeOf(node: NodeBinary, line: Line): Promise<Outcome> {
  const begunMs = performance.now();
  const refusal = line.refuses(node.version);
  const { ok, text } = refusal === undefined ? await test(node, line) : { ok: true, text: `not run: ${refusal}` };
  const seconds = refusal === undefined ? ` (${((performance.now() - begunMs) / 1000).toFixed(0)} s)` : '';
  say(`Node.js ${node.version}, ${line.name}: ${text}${seconds}`);
  return { node: node.version, line: line.name, ok, text };
}

async function test(node: NodeBinary, line: Line): Promise<{ ok: boolean; text: string }> {
  const report = path.join(reportDir, `matrix-${line.name}-node-${node.version}.json`);
  const args = ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const ending = await attempt(node.file, ['node_modules/vitest/vitest.mjs', ...args], line.dir, RUN_TIMEOUT_MS);
  const { numPassedTests: passed = 0, numFailedTests: failed = 0 } = existsSync(report)
    ? (JSON.parse(readFileSync(report, 'utf8')) as { numPassedTests?: number; numFailedTests?: number })
    : {};
  if (ending.ok && passed > 0) return { ok: true, text: `passed ${passed}` };
  console.log(ending.printed);
  // A file that cannot be loaded fails without a failed test.
  return { ok: false, text: `failed ${failed > 0 ? failed : 'to run all'}, passed ${passed}` };
}

function order({ node, line }: Outcome): number {
  return cells.findIndex((cell) => cell.node.version === node && cell.line.name === line);
}

function page(markdown: string): string {
  return `# Compatibility

\`@decision-trail/decisions\` in its whole test suite, and \`@decision-trail/durable\` in that of its processors, packed and installed
by npm, on each supported Node.js in both lines of OpenTelemetry JS. In each cell the decorator is loaded by \`import\` and by
\`require()\` in plain Node.js as well, leaves nothing behind in the process by that, and records a decision through that line's
SDK.

${markdown}

Written by \`npm run test:matrix -- --write\`, from a run in which all passed.
`;
}

function say(message: string): void {
  console.log(`> ${message}`);
}
