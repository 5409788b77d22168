/**
 * An empty folder somewhere, in which a stranger installs the packed packages with npm, as they would from the registry.
 *
 *     const scratch = await Scratch.create();
 *     scratch.tarballs;                                   // what `pnpm publish` would upload
 *     await scratch.run('npx', ['--no', '--', 'tsc']);    // in the stranger's project
 *     scratch.remove();
 */
import { execFile, type ExecFileException } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const ROOT = path.resolve(import.meta.dirname, '../..');
const RUN_TIMEOUT_MS = 60_000;
const INSTALL_TIMEOUT_MS = 180_000;
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;

export interface Manifest {
  name: string;
  version: string;
  packageManager?: string;
  bin?: Record<string, string>;
  exports?: Record<string, string | Record<string, string>>;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
}

/** A packed package. */
export interface Tarball {
  readonly file: string;
  readonly manifest: Manifest;
  /** What is in it, sorted, without the leading `package/`. */
  readonly paths: readonly string[];
}

export class Scratch {
  /** The stranger's project. */
  readonly dir: string;
  readonly tarballs: readonly Tarball[];
  readonly #root: string;

  private constructor(root: string, dir: string, tarballs: readonly Tarball[]) {
    this.#root = root;
    this.dir = dir;
    this.tarballs = tarballs;
  }

  /** Packs the packages, which must be built, and installs them beside the programs in `stranger/`. */
  static async create(): Promise<Scratch> {
    const root = mkdtempSync(path.join(tmpdir(), 'decision-trail-packaging-'));
    try {
      const tarballs = await packed(path.join(root, 'tarballs'));
      const dir = path.join(root, 'project');
      cpSync(path.join(import.meta.dirname, 'stranger'), dir, { recursive: true });
      await run(dir, 'npm', ['init', '-y', '--loglevel=error']);
      await run(dir, 'npm', ['pkg', 'set', 'type=module', '--loglevel=error']);
      const wanted = [...tarballs.map(({ file }) => file), ...companions()];
      await run(dir, 'npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', ...wanted], INSTALL_TIMEOUT_MS);
      return new Scratch(root, dir, tarballs);
    } catch (error) {
      rmSync(root, { recursive: true, force: true });
      throw error;
    }
  }

  /** Runs a program in the stranger's project; see {@link run}. */
  async run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
    return run(this.dir, command, args, RUN_TIMEOUT_MS, env);
  }

  path(...names: string[]): string {
    return path.join(this.dir, ...names);
  }

  remove(): void {
    rmSync(this.#root, { recursive: true, force: true });
  }
}

/** The environment of a stranger: this Node.js, and no OpenTelemetry settings but those given. */
export function strangersEnv(settings: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('OTEL_'));
  const PATH = [path.dirname(process.execPath), process.env['PATH']].join(path.delimiter);
  return { ...Object.fromEntries(inherited), PATH, ...settings };
}

async function packed(dir: string): Promise<Tarball[]> {
  mkdirSync(dir);
  const { packageManager } = workspaceManifest('.');
  const args = ['-y', `${packageManager}`, '--filter', './packages/*', 'pack', '--pack-destination', dir];
  await run(ROOT, 'npx', args, INSTALL_TIMEOUT_MS);
  return Promise.all(readdirSync(dir).map(async (name) => unpacked(path.join(dir, name))));
}

async function unpacked(file: string): Promise<Tarball> {
  const dir = path.dirname(file);
  const listing = await run(dir, 'tar', ['-tzf', file]);
  const manifest = JSON.parse(await run(dir, 'tar', ['-xzOf', file, 'package/package.json'])) as Manifest;
  const paths = listing.trimEnd().split('\n');
  return { file, manifest, paths: paths.map((name) => name.replace(/^package\//, '')).toSorted() };
}

/** What a stranger installs beside our packages, in the versions that the workspace has. */
function companions(): string[] {
  const versions = { ...workspaceManifest('.').devDependencies, ...workspaceManifest('test').dependencies };
  return ['@opentelemetry/api', 'typescript', '@types/node'].map((name) => `${name}@${versions[name]}`);
}

function workspaceManifest(member: string): Manifest {
  return JSON.parse(readFileSync(path.join(ROOT, member, 'package.json'), 'utf8')) as Manifest;
}

/** Runs a program to its end and returns what it printed. Rejects with all it printed unless it exits with 0 in time. */
async function run(
  cwd: string,
  command: string,
  args: readonly string[],
  timeout: number = RUN_TIMEOUT_MS,
  settings: NodeJS.ProcessEnv = {},
): Promise<string> {
  const options = { cwd, env: strangersEnv(settings), timeout, maxBuffer: OUTPUT_BYTES_MAX };
  return new Promise((resolve, reject) => {
    execFile(command, args, options, (error: ExecFileException | null, stdout, stderr) => {
      if (error === null) return resolve(stdout);
      const ending = error.killed ? `not done after ${timeout / 1000} s` : `exit code ${error.code}`;
      reject(new Error(`${command} ${args.join(' ')}: ${ending}\n${stdout}${stderr}`));
    });
  });
}
