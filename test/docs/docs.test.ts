/** What the pages say is what the code does: their snippets run, and their names are the code's. */
import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { conventions } from '@decision-trail/decisions';

const execute = promisify(execFile);
const root = path.resolve(import.meta.dirname, '../..');
const CLI = path.join(root, 'packages/review/dist/bin.js');
const TIMEOUT_MS = 60_000;

const page = (file: string): string => readFileSync(path.join(root, file), 'utf8');
const PAGES = [
  'README.md',
  'CONTRIBUTING.md',
  ...markdown('packages'),
  ...markdown('docs'),
  ...markdown('examples'),
  ...markdown('collector-config'),
];

function markdown(dir: string): string[] {
  return readdirSync(path.join(root, dir), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md') && !file.includes('node_modules'))
    .map((file) => path.join(dir, file));
}

describe('the TypeScript snippets', () => {
  /** How many decisions each snippet makes. */
  const SNIPPETS: Record<string, { page: string; decisions: number }> = {
    'loan.ts': { page: 'README.md', decisions: 1 },
    'function.ts': { page: 'README.md', decisions: 1 },
    'own-sdk.ts': { page: 'README.md', decisions: 1 },
    'decisions.ts': { page: 'packages/decisions/README.md', decisions: 2 },
    'node.ts': { page: 'packages/node/README.md', decisions: 0 },
    'review.ts': { page: 'packages/review/README.md', decisions: 0 },
  };
  /** Inside the test package, so that the snippets find the packages by name. */
  let dir: string;
  let receiver: ChildProcess;
  let endpoint: string;

  beforeAll(async () => {
    dir = mkdtempSync(path.join(import.meta.dirname, 'snippets-'));
    for (const [name, { page: file }] of Object.entries(SNIPPETS)) {
      const code = new RegExp(`\`\`\`ts ${name}\n(.*?)\`\`\``, 's').exec(page(file))?.[1];
      writeFileSync(path.join(dir, name), code ?? `no snippet ${name} in ${file}`);
    }
    const compilerOptions = {
      outDir: 'out',
      noEmit: false,
      types: ['node'],
      strict: true,
      module: 'nodenext',
      target: 'es2022',
    };
    writeFileSync(
      path.join(dir, 'tsconfig.json'),
      JSON.stringify({ compilerOptions: { ...compilerOptions, skipLibCheck: true } }),
    );

    receiver = spawn(process.execPath, [CLI, 'dev', '--port', '0', '--store', path.join(dir, 'store.db')]);
    const [line] = (await once(createInterface({ input: receiver.stdout! }), 'line')) as [string];
    endpoint = /http:\S+\d/.exec(line)![0];
  }, TIMEOUT_MS);

  afterAll(() => {
    receiver?.kill();
    rmSync(dir, { recursive: true, force: true });
  });

  test('are all tried here', () => {
    const found = PAGES.flatMap((file) => [...page(file).matchAll(/^```ts (\S+)$/gm)].map((match) => match[1]));
    expect(new Set(found)).toEqual(new Set(Object.keys(SNIPPETS)));
    for (const file of PAGES) expect(page(file), file).not.toMatch(/^```(ts|typescript|js|javascript)$/m);
  });

  test('compile under strict, run, and their decisions arrive', { timeout: TIMEOUT_MS }, async () => {
    await execute(path.join(root, 'node_modules/.bin/tsc'), ['-p', dir]);
    for (const [name, { decisions }] of Object.entries(SNIPPETS)) {
      const file = path.join(dir, 'out', name.replace(/ts$/, 'js'));
      const startsItself = /startDecisionTrail|NodeSDK/.test(readFileSync(file, 'utf8'));
      const args = startsItself ? [file] : ['--import', '@decision-trail/node/register', file];
      const before = await stored();
      await execute(process.execPath, args, {
        cwd: dir,
        env: { ...process.env, OTEL_EXPORTER_OTLP_ENDPOINT: endpoint },
      });
      expect([name, (await stored()) - before]).toEqual([name, decisions]);
    }
  });

  async function stored(): Promise<number> {
    const { stdout } = await execute(process.execPath, [
      CLI,
      'list',
      '--source',
      `sqlite:${path.join(dir, 'store.db')}`,
      '--json',
    ]);
    return stdout.split('\n').length - 1;
  }
});

describe('the semantic conventions', () => {
  const text = page('docs/semantic-conventions.md');

  test('name the attributes that the code has, and no others', () => {
    const documented = [...text.matchAll(/^\| `((?:decision|audit|error)\.[a-z._]+)`/gm)].map((match) => match[1]);
    const coded = Object.entries(conventions).flatMap(([name, value]) =>
      name.startsWith('ATTR_') ? [String(value)] : [],
    );
    expect(new Set(documented)).toEqual(new Set(coded));
  });

  test('name schema, event and limits as the code has them', () => {
    expect(text).toContain(`\`${conventions.SCHEMA}\``);
    expect(text).toContain(`EventName \`${conventions.EVENT_DECISION_MADE}\``);
    expect(text).toContain(`| record | ${conventions.RECORD_BYTES_MAX / 1024} KiB of UTF-8 |`);
    expect(text).toContain(`at most ${conventions.ATTRIBUTE_JSON_BYTES_MAX / 1024} KiB |`);
  });
});

test('links between the pages lead somewhere', () => {
  for (const file of PAGES) {
    for (const [, target] of page(file).matchAll(/\]\(((?!https?:)[^)#]+)[^)]*\)/g)) {
      expect(existsSync(path.resolve(root, path.dirname(file), target!)), `${file}: ${target}`).toBe(true);
    }
  }
});

test('every package has its version in the code', () => {
  for (const name of ['decisions', 'review']) {
    const { version } = JSON.parse(page(`packages/${name}/package.json`)) as { version: string };
    expect(page(`packages/${name}/src/version.ts`)).toContain(`'${version}'`);
  }
});
