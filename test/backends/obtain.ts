import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { execFile } from 'node:child_process';
import { basename, join } from 'node:path';
import { BACKENDS, type Backend, type BackendName } from './catalogue.ts';
import { runLogged } from './command.ts';
import { BackendError } from './errors.ts';
import { cacheDirectory, cachePath, findBackend, type FoundBackend } from './find.ts';

const ANSWER_TIMEOUT_MS = 15_000;
const DOCKER_STEP_TIMEOUT_MS = 10 * 60_000;
/** Loki takes eight minutes on two cores with nothing cached. */
const BUILD_STEP_TIMEOUT_MS = 45 * 60_000;

/** A build adds what its manifest leaves open to go.mod, and gives one static file without local paths. */
const GO_ENVIRONMENT: NodeJS.ProcessEnv = { GOFLAGS: '-mod=mod', CGO_ENABLED: '0' };
const GO_BUILD: readonly string[] = ['build', '-trimpath', '-buildvcs=false', '-ldflags=-s -w'];

export type Say = (line: string) => void;

/**
 * A backend's binary: found, or else brought into the cache, from the official image where a Docker engine answers,
 * else by a Go build. An interrupted run leaves nothing half in the cache.
 *
 * @param say takes one line for each step that takes time.
 * @throws BackendError `UNOBTAINABLE` where there is neither Docker nor Go, `STEP_FAILED` with the end of the log when a
 *   step fails, `UNUSABLE` as in {@link findBackend}.
 */
export async function obtainBackend(name: BackendName, say: Say): Promise<FoundBackend> {
  const found = await findBackend(name);
  if (found !== undefined) return found;
  const backend = BACKENDS[name];
  const docker = await dockerAnswers();
  const go = await answer('go', ['version']);
  if (docker) {
    try {
      return await fromImage(backend, say);
    } catch (error) {
      if (go === undefined || !(error instanceof BackendError)) throw error;
      say(`${name}: no luck with Docker, so from source instead`);
    }
  }
  if (go === undefined) {
    throw new BackendError(
      'UNOBTAINABLE',
      `start Docker, or install Go (https://go.dev/dl), or set ${backend.variable} to the path of a binary`,
    );
  }
  return fromSource(backend, say);
}

async function fromImage(backend: Backend, say: Say): Promise<FoundBackend> {
  const { repository, version, path } = backend.image;
  const image = `${repository}:${version}`;
  return intoCache(backend, version, `copied from the image ${image}`, async (workshop) => {
    const docker = (args: readonly string[]): Promise<void> =>
      runLogged({ command: 'docker', args, logFile: workshop.logFile, timeoutMs: DOCKER_STEP_TIMEOUT_MS });
    const container = basename(workshop.directory);
    await step(say, `${backend.name}: docker pull ${image}`, () => docker(['pull', '--quiet', image]));
    await docker(['create', '--name', container, image]);
    try {
      await docker(['cp', `${container}:${path}`, workshop.binary]);
    } finally {
      await docker(['rm', '--force', container]);
    }
  });
}

async function fromSource(backend: Backend, say: Say): Promise<FoundBackend> {
  const { version, manifest, target } = backend.source;
  return intoCache(backend, version, 'built from source', async ({ directory, binary, logFile }) => {
    const go = (args: readonly string[], cwd: string): Promise<void> =>
      runLogged({ command: 'go', args, cwd, env: GO_ENVIRONMENT, logFile, timeoutMs: BUILD_STEP_TIMEOUT_MS });
    if (backend.name === 'collector') {
      copyFileSync(manifest, join(directory, 'builder.yaml'));
      const generate = ['run', target, '--config', 'builder.yaml', '--skip-compilation'];
      await step(say, `${backend.name}: generate its sources`, () => go(generate, directory));
      await step(say, `${backend.name}: go build`, () => go([...GO_BUILD, '-o', binary, '.'], join(directory, 'dist')));
      return;
    }
    copyFileSync(manifest, join(directory, 'go.mod'));
    await step(say, `${backend.name}: go build ${target}`, () => go([...GO_BUILD, '-o', binary, target], directory));
  });
}

interface Workshop {
  /** Temporary, beside the cached binaries. */
  readonly directory: string;
  /** Where the binary has to be put. */
  readonly binary: string;
  readonly logFile: string;
}

/** Lets `make` put a binary into a temporary directory, then moves it into the cache in one step. */
async function intoCache(
  backend: Backend,
  version: string,
  origin: string,
  make: (workshop: Workshop) => Promise<void>,
): Promise<FoundBackend> {
  const cache = cacheDirectory();
  mkdirSync(cache, { recursive: true });
  const directory = mkdtempSync(join(cache, `making-${backend.name}-`));
  const binary = join(directory, 'binary');
  const logFile = join(cache, `${backend.name}.log`);
  writeFileSync(logFile, '');
  try {
    await make({ directory, binary, logFile });
    chmodSync(binary, 0o755);
    const path = cachePath(backend, version);
    renameSync(binary, path);
    return { path, origin, version };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function step(say: Say, title: string, work: () => Promise<void>): Promise<void> {
  const start = performance.now();
  say(`${title} ...`);
  await work();
  say(`${title}: ${((performance.now() - start) / 1000).toFixed(1)} s`);
}

/** The images hold Linux binaries, of use only where Linux runs outside the containers too. */
async function dockerAnswers(): Promise<boolean> {
  if (process.platform !== 'linux') return false;
  return (await answer('docker', ['version', '--format', '{{.Server.Os}}'])) === 'linux';
}

/** What a program prints, or undefined when it is missing, fails or hangs. */
function answer(command: string, args: readonly string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(command, args, { timeout: ANSWER_TIMEOUT_MS }, (error, stdout) => {
      resolve(error === null ? stdout.trim() : undefined);
    });
  });
}
