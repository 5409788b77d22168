/** The Node.js versions of `test/matrix/nodes/package.json`, brought by the npm package `node`. */
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { cacheDirectory } from '../../test/backends/find.ts';
import { run } from './command.ts';

const MANIFEST = path.resolve(import.meta.dirname, '../../test/matrix/nodes/package.json');
const INSTALL_TIMEOUT_MS = 300_000;
const ANSWER_TIMEOUT_MS = 20_000;

/** One Node.js to test on. */
export interface NodeBinary {
  readonly version: string;
  readonly file: string;
}

/** All of them, oldest first; installed on first use into the cache, so that a fresh clone has them at once. */
export async function installNodes(): Promise<NodeBinary[]> {
  const manifest = readFileSync(MANIFEST);
  const { dependencies } = JSON.parse(manifest.toString()) as { dependencies: Record<string, string> };
  const digest = createHash('sha256').update(manifest).digest('hex').slice(0, 12);
  const dir = path.join(path.dirname(cacheDirectory()), `nodes-${process.platform}-${process.arch}-${digest}`);
  if (!existsSync(dir)) await install(dir);
  return Promise.all(
    Object.entries(dependencies).map(async ([name, wanted]) => {
      const file = path.join(dir, 'node_modules', name, 'bin', 'node');
      const version = (await run(file, ['--version'], dir, ANSWER_TIMEOUT_MS)).trim().slice(1);
      if (wanted !== `npm:node@${version}`) throw new Error(`${file} is Node.js ${version}, not ${wanted}`);
      return { version, file };
    }),
  );
}

/** Installs beside the folder and moves it into place in one step, so that an interrupted install is never used. */
async function install(dir: string): Promise<void> {
  mkdirSync(path.dirname(dir), { recursive: true });
  const making = mkdtempSync(`${dir}-making-`);
  try {
    cpSync(MANIFEST, path.join(making, 'package.json'));
    await run('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error'], making, INSTALL_TIMEOUT_MS);
    renameSync(making, dir);
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
}
