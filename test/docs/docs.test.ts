/** What the pages say is what the code does: their snippets run, and their names are the code's. */
import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { conventions } from '@decision-trail/decisions';
import { startModelServer } from './model-server.js';

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

/** A snippet of a page: where it stands, how many records it makes, and what it needs. */
interface Snippet {
  page: string;
  records: number;
  experimentalDecorators?: true;
}

const RECIPES = 'docs/decorate-your-model.md';
const SNIPPETS: Record<string, Snippet> = {
  'loan.ts': { page: 'README.md', records: 1 },
  'function.ts': { page: 'README.md', records: 1 },
  'own-sdk.ts': { page: 'README.md', records: 1 },
  'decisions.ts': { page: 'packages/decisions/README.md', records: 2 },
  'node.ts': { page: 'packages/node/README.md', records: 0 },
  'durable.ts': { page: 'packages/durable/README.md', records: 0 },
  'durable-sdk.ts': { page: 'docs/durable-delivery.md', records: 1 },
  'review.ts': { page: 'packages/review/README.md', records: 0 },
  'method.ts': { page: RECIPES, records: 1 },
  'required.ts': { page: RECIPES, records: 1 },
  'a-function.ts': { page: RECIPES, records: 1 },
  'remote-call.ts': { page: RECIPES, records: 2 },
  'nest.ts': { page: RECIPES, records: 1, experimentalDecorators: true },
  'fastify.ts': { page: RECIPES, records: 1 },
  'batch.ts': { page: RECIPES, records: 2 },
  'tensors.ts': { page: RECIPES, records: 2 },
  'llm.ts': { page: RECIPES, records: 3 },
  'open-inference.ts': { page: RECIPES, records: 2 },
  'tf-serving.ts': { page: RECIPES, records: 1 },
  'callbacks.ts': { page: RECIPES, records: 2 },
  'elsewhere.ts': { page: RECIPES, records: 1 },
  'inside.ts': { page: RECIPES, records: 1 },
  'later.ts': { page: RECIPES, records: 3 },
  'who.ts': { page: RECIPES, records: 1 },
  'privacy.ts': { page: RECIPES, records: 1 },
  'fail-closed.ts': { page: RECIPES, records: 1 },
};

/** The block of a page in some language for a snippet: `ts` is its code, `text` what it prints, `json` its records. */
function blockOf(name: string, language: 'ts' | 'text' | 'json'): string | undefined {
  return new RegExp(`^\`\`\`${language} ${name}\n(.*?)^\`\`\``, 'ms').exec(page(SNIPPETS[name]!.page))?.[1];
}

/** What a page says, as an expectation: `…` stands for what differs from run to run. */
function expectationOf(said: unknown): unknown {
  if (typeof said === 'string') {
    if (said === '…') return expect.anything();
    return said.includes('…') ? expect.stringMatching(patternOf(said)) : said;
  }
  if (Array.isArray(said)) return said.map(expectationOf);
  if (typeof said !== 'object' || said === null) return said;
  return Object.fromEntries(Object.entries(said).map(([name, value]) => [name, expectationOf(value)]));
}

function patternOf(text: string): RegExp {
  const parts = text.split('…').map((part) => part.replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`));
  return new RegExp(`^${parts.join('.+')}$`);
}

describe('the TypeScript snippets', () => {
  /** Inside the test package, so that the snippets find the packages by name. */
  let dir: string;
  let receiver: ChildProcess;
  let endpoint: string;
  let models: Awaited<ReturnType<typeof startModelServer>>;

  beforeAll(async () => {
    dir = mkdtempSync(path.join(import.meta.dirname, 'snippets-'));
    for (const name of Object.keys(SNIPPETS)) {
      writeFileSync(path.join(dir, name), blockOf(name, 'ts') ?? `no snippet ${name} in ${SNIPPETS[name]!.page}`);
    }
    const legacy = Object.keys(SNIPPETS).filter((name) => SNIPPETS[name]!.experimentalDecorators);
    await Promise.all([
      compile('tsconfig.json', { exclude: legacy }),
      compile('tsconfig.legacy.json', { files: legacy }, { experimentalDecorators: true, emitDecoratorMetadata: true }),
    ]);

    models = await startModelServer();
    receiver = spawn(process.execPath, [CLI, 'dev', '--port', '0', '--store', path.join(dir, 'store.db')]);
    const [line] = (await once(createInterface({ input: receiver.stdout! }), 'line')) as [string];
    endpoint = /http:\S+\d/.exec(line)![0];
  }, TIMEOUT_MS);

  afterAll(() => {
    models?.server.close();
    receiver?.kill();
    rmSync(dir, { recursive: true, force: true });
  });

  test('are all tried here', () => {
    const found = PAGES.flatMap((file) => [...page(file).matchAll(/^```ts (\S+)$/gm)].map((match) => match[1]));
    expect(new Set(found)).toEqual(new Set(Object.keys(SNIPPETS)));
    expect(found).toHaveLength(new Set(found).size);
    for (const file of PAGES) expect(page(file), file).not.toMatch(/^```(ts|typescript|js|javascript)$/m);
    const told = [...page(RECIPES).matchAll(/^```(?:text|json) (\S+)$/gm)].map((match) => match[1]);
    expect(told.filter((name) => !found.includes(name))).toEqual([]);
    const recipes = Object.keys(SNIPPETS).filter((name) => SNIPPETS[name]!.page === RECIPES);
    expect(recipes.filter((name) => blockOf(name, 'json') === undefined)).toEqual([]);
  });

  test.each(Object.entries(SNIPPETS))('%s runs, and what the page says comes of it', async (name, { records }) => {
    const file = path.join(dir, 'out', name.replace(/ts$/, 'js'));
    const startsItself = /startDecisionTrail|NodeSDK/.test(readFileSync(file, 'utf8'));
    const args = startsItself ? [file] : ['--import', '@decision-trail/node/register', file];
    const servers = { FRAUD_SERVER: models.url, INFERENCE_SERVER: models.url, TF_SERVING: models.url };
    const before = stored().length;

    const { stdout } = await execute(process.execPath, args, {
      cwd: dir,
      env: { ...process.env, ...servers, OTEL_EXPORTER_OTLP_ENDPOINT: endpoint },
    });

    const made = stored().slice(before);
    expect(made).toHaveLength(records);
    const printed = blockOf(name, 'text');
    if (printed !== undefined) expect(stdout.trim()).toMatch(patternOf(printed.trim()));
    const excerpt = blockOf(name, 'json');
    if (excerpt === undefined) return;
    const said = JSON.parse(excerpt) as unknown;
    expect(made).toMatchObject(expectationOf(Array.isArray(said) ? said : [said]) as object);
  });

  async function compile(config: string, files: object, options: object = {}): Promise<void> {
    const compilerOptions = {
      outDir: 'out',
      noEmit: false,
      types: ['node'],
      strict: true,
      module: 'nodenext',
      target: 'es2022',
      skipLibCheck: true,
      ...options,
    };
    writeFileSync(path.join(dir, config), JSON.stringify({ compilerOptions, ...files }));
    await execute(path.join(root, 'node_modules/.bin/tsc'), ['-p', path.join(dir, config)]);
  }

  /** The bodies of all records in the store, outcomes and reviews among them, in the order of the trail. */
  function stored(): unknown[] {
    const db = new DatabaseSync(path.join(dir, 'store.db'), { readOnly: true });
    try {
      const rows = db.prepare('SELECT body FROM record ORDER BY number').all();
      return rows.map(({ body }) => JSON.parse(String(body)) as unknown);
    } finally {
      db.close();
    }
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

  test('name schemas, events and limits as the code has them', () => {
    const coded = (prefix: string): string[] =>
      Object.entries(conventions).flatMap(([name, value]) => (name.startsWith(prefix) ? [String(value)] : []));
    expect([...text.matchAll(/^\| EventName `(\S+)`/gm)].map((match) => match[1])).toEqual(coded('EVENT_'));
    expect([...text.matchAll(/^\| `schema` \| string \| `(\S+)`/gm)].map((match) => match[1])).toEqual(coded('SCHEMA'));
    expect(text).toContain(`| record | ${conventions.RECORD_BYTES_MAX / 1024} KiB of UTF-8 |`);
    expect(text).toContain(`at most ${conventions.ATTRIBUTE_JSON_BYTES_MAX / 1024} KiB |`);
  });
});

test('links between the pages lead somewhere', () => {
  for (const file of PAGES) {
    for (const [, target] of page(file).matchAll(/\]\(((?!https?:)[^)#]+)[^)]*\)/g)) {
      expect(existsSync(path.resolve(root, path.dirname(file), target!)), `${file}: ${target}`).toBe(true);
    }
    for (const [, anchor] of page(file).matchAll(/\]\(#([^)]+)\)/g)) {
      expect(anchorsOf(page(file)), `${file}: #${anchor}`).toContain(anchor);
    }
  }
});

/** As GitHub makes them of headings. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, '')
      .replaceAll(' ', '-'),
  );
}

test('every package has its version in the code', () => {
  for (const name of ['decisions', 'durable', 'review']) {
    const { version } = JSON.parse(page(`packages/${name}/package.json`)) as { version: string };
    expect(page(`packages/${name}/src/version.ts`)).toContain(`'${version}'`);
  }
});
