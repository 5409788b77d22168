/**
 * The two lines of OpenTelemetry, each as a project of its own in which the packed `@decision-trail/decisions` is
 * installed by npm, as a stranger would, beside the package's tests.
 */
import { cpSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import satisfies from 'semver/functions/satisfies.js';
import { run } from './command.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const DECISIONS = path.join(ROOT, 'packages/decisions');
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

/** Packs the package, which must be built; returns the path of the tarball. */
export async function pack(dir: string): Promise<string> {
  const args = ['-y', `${manifestOf(ROOT).packageManager}`, '--dir', DECISIONS, 'pack', '--pack-destination', dir];
  await run('npx', args, ROOT, INSTALL_TIMEOUT_MS);
  const tarball = readdirSync(dir).find((name) => name.endsWith('.tgz'));
  if (tarball === undefined) throw new Error(`pnpm pack left no tarball in ${dir}`);
  return path.join(dir, tarball);
}

export async function installLines(dir: string, tarball: string): Promise<Line[]> {
  return Promise.all([
    installLine('legacy', dir, tarball, manifestOf(path.join(ROOT, 'test/matrix/legacy')).dependencies),
    installLine('modern', dir, tarball, modern()),
  ]);
}

/** What the workspace itself has. */
function modern(): Record<string, string> {
  const { esbuild = '', 'fast-check': fastCheck = '', vitest = '' } = manifestOf(ROOT).devDependencies ?? {};
  const openTelemetry = Object.entries(manifestOf(DECISIONS).devDependencies ?? {}).filter(isOpenTelemetry);
  return { ...Object.fromEntries(openTelemetry), esbuild, 'fast-check': fastCheck, vitest };
}

async function installLine(
  name: string,
  parent: string,
  tarball: string,
  dependencies: Record<string, string> = {},
): Promise<Line> {
  const dir = path.join(parent, name);
  mkdirSync(dir);
  cpSync(path.join(ROOT, 'test/matrix/vitest.config.mjs'), path.join(dir, 'vitest.config.mjs'));
  for (const file of ['decorators.ts', 'properties.ts']) cpSync(path.join(ROOT, 'test', file), path.join(dir, file));
  cpSync(path.join(DECISIONS, 'test'), path.join(dir, 'test'), { recursive: true });
  const project = {
    private: true,
    type: 'module',
    dependencies: { ...dependencies, '@decision-trail/decisions': `file:${tarball}` },
    allowScripts: { esbuild: true },
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
