/**
 * The two lines of OpenTelemetry, each as a project of its own in which the packed `@decision-trail/decisions` and
 * `@decision-trail/durable` are installed by npm, as a stranger would, beside their tests.
 */
import { cpSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import satisfies from 'semver/functions/satisfies.js';
import { run } from './command.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const DECISIONS = path.join(ROOT, 'packages/decisions');
const DURABLE = path.join(ROOT, 'packages/durable');
/** The tests of `durable` that need an SDK, and what they are made of. */
const DURABLE_TESTS = ['durable.test.ts', 'providers.ts', 'receiver.ts', 'otlp/decoded.ts', 'otlp/otlp.proto'];
const INSTALL_TIMEOUT_MS = 300_000;

interface Manifest {
  packageManager?: string;
  engines?: { node?: string };
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
}

/** One line of OpenTelemetry, installed. */
export interface Line {
  readonly name: string;
  /** The project. */
  readonly dir: string;
  /** What is installed, in words. */
  readonly versions: string;
  /** Why the line is not to be had on a version of Node.js; `undefined` where it is. */
  refuses(nodeVersion: string): string | undefined;
}

/** Dependencies on the packed packages, by name. */
type Packed = Record<string, string>;

/** Packs the packages, which must be built. */
export async function pack(dir: string): Promise<Packed> {
  const packed: Packed = {};
  for (const name of ['decisions', 'durable']) {
    const source = path.join(ROOT, 'packages', name);
    const args = ['-y', `${manifestOf(ROOT).packageManager}`, '--dir', source, 'pack', '--pack-destination', dir];
    await run('npx', args, ROOT, INSTALL_TIMEOUT_MS);
    const tarball = readdirSync(dir).find((file) => file.includes(`-${name}-`) && file.endsWith('.tgz'));
    if (tarball === undefined) throw new Error(`pnpm pack left no tarball of ${name} in ${dir}`);
    packed[`@decision-trail/${name}`] = `file:${path.join(dir, tarball)}`;
  }
  return packed;
}

export async function installLines(dir: string, packed: Packed): Promise<Line[]> {
  return Promise.all([
    installLine('legacy', dir, packed, manifestOf(path.join(ROOT, 'test/matrix/legacy')).dependencies),
    installLine('modern', dir, packed, modern()),
  ]);
}

/** What the workspace itself has. */
function modern(): Record<string, string> {
  const { esbuild = '', 'fast-check': fastCheck = '', vitest = '' } = manifestOf(ROOT).devDependencies ?? {};
  const { devDependencies = {} } = manifestOf(DURABLE);
  const openTelemetry = Object.entries({ ...devDependencies, ...manifestOf(DECISIONS).devDependencies }).filter(
    isOpenTelemetry,
  );
  const { protobufjs = '' } = devDependencies;
  return { ...Object.fromEntries(openTelemetry), protobufjs, esbuild, 'fast-check': fastCheck, vitest };
}

async function installLine(
  name: string,
  parent: string,
  packed: Packed,
  dependencies: Record<string, string> = {},
): Promise<Line> {
  const dir = path.join(parent, name);
  mkdirSync(dir);
  cpSync(path.join(ROOT, 'test/matrix/vitest.config.mjs'), path.join(dir, 'vitest.config.mjs'));
  for (const file of ['decorators.ts', 'properties.ts']) cpSync(path.join(ROOT, 'test', file), path.join(dir, file));
  cpSync(path.join(DECISIONS, 'test'), path.join(dir, 'test'), { recursive: true });
  for (const file of DURABLE_TESTS) cpSync(path.join(DURABLE, 'test', file), path.join(dir, 'test/durable', file));
  const project = {
    private: true,
    type: 'module',
    dependencies: { ...dependencies, ...packed },
    allowScripts: { esbuild: true, protobufjs: false },
  };
  writeFileSync(path.join(dir, 'package.json'), JSON.stringify(project, null, 2));
  await run('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error'], dir, INSTALL_TIMEOUT_MS);

  const { '@opentelemetry/api': api, '@opentelemetry/sdk-trace': sdk } = dependencies;
  const parts = Object.entries(dependencies).filter(isOpenTelemetry);
  const refuses = (nodeVersion: string): string | undefined => {
    for (const [part, version] of parts) {
      const range = manifestOf(path.join(dir, 'node_modules', part)).engines?.node ?? '*';
      if (!satisfies(nodeVersion, range)) return `${part} ${version} needs Node.js ${range}`;
    }
    return undefined;
  };
  return { name, dir, versions: `api ${api}, SDK ${sdk}`, refuses };
}

function isOpenTelemetry([name]: [string, string]): boolean {
  return name.startsWith('@opentelemetry/');
}

function manifestOf(dir: string): Manifest {
  return JSON.parse(readFileSync(path.join(dir, 'package.json'), 'utf8')) as Manifest;
}
