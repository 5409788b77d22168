import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { BACKENDS, type Backend, type BackendName } from './catalogue.ts';
import { BackendError } from './errors.ts';

const PROBE_TIMEOUT_MS = 30_000;
const PROBE_OUTPUT_BYTES_MAX = 1024 * 1024;

export interface FoundBackend {
  /** Absolute path of the binary. */
  readonly path: string;
  /** Where it was found or how it was obtained, in words: `found in the cache`. */
  readonly origin: string;
  /** Absent when the binary does not tell. */
  readonly version?: string;
}

/**
 * Looks for a backend's binary, in this order: its environment variable, PATH, the cache. Nothing is downloaded or built.
 *
 * @throws BackendError `UNUSABLE` when the environment variable names something that cannot be used; a variable that is
 *   set is an order, so nothing else is tried.
 */
export async function findBackend(name: BackendName): Promise<FoundBackend | undefined> {
  const backend = BACKENDS[name];
  const ordered = process.env[backend.variable];
  if (ordered !== undefined && ordered !== '') return namedExplicitly(backend, resolve(ordered));
  return (await onPath(backend)) ?? inCache(backend);
}

/** Where binaries are kept: outside the repository, so that they survive a fresh clone. */
export function cacheDirectory(): string {
  const own = process.env['DECISION_TRAIL_CACHE'];
  if (own !== undefined && own !== '') return join(resolve(own), 'backends');
  const caches = process.env['XDG_CACHE_HOME'] ?? '';
  return join(caches === '' ? join(homedir(), '.cache') : caches, 'decision-trail', 'backends');
}

/** Path of a cached binary. Another manifest makes another path, so a changed recipe is never served from the cache. */
export function cachePath(backend: Backend, version: string): string {
  const digest = createHash('sha256').update(readFileSync(backend.source.manifest)).digest('hex').slice(0, 12);
  return join(cacheDirectory(), `${backend.name}-${version}-${digest}`);
}

async function namedExplicitly(backend: Backend, path: string): Promise<FoundBackend> {
  const origin = `named by ${backend.variable}`;
  if (!isExecutable(path)) throw new BackendError('UNUSABLE', `${backend.variable}: ${path} is not an executable file`);
  const probe = await probeOf(backend, path);
  if (probe === undefined) {
    throw new BackendError(
      'UNUSABLE',
      `${backend.variable}: ${path} does not run or lacks a component that the tests need`,
    );
  }
  return { path, origin, ...probe };
}

async function onPath(backend: Backend): Promise<FoundBackend | undefined> {
  const directories = (process.env['PATH'] ?? '').split(delimiter).filter((directory) => directory !== '');
  for (const command of backend.commands) {
    for (const directory of directories) {
      const path = resolve(directory, command);
      if (!isExecutable(path)) continue;
      const probe = await probeOf(backend, path);
      if (probe !== undefined) return { path, origin: 'found on PATH', ...probe };
    }
  }
  return undefined;
}

function inCache(backend: Backend): FoundBackend | undefined {
  for (const version of new Set([backend.image.version, backend.source.version])) {
    const path = cachePath(backend, version);
    if (isExecutable(path)) return { path, origin: 'found in the cache', version };
  }
  return undefined;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** What the binary tells about itself, or undefined when it is not what the tests need. */
function probeOf(backend: Backend, path: string): Promise<{ version?: string } | undefined> {
  const { args, says } = backend.probe;
  return new Promise((settle) => {
    execFile(path, args, { timeout: PROBE_TIMEOUT_MS, maxBuffer: PROBE_OUTPUT_BYTES_MAX }, (error, stdout) => {
      if (error !== null || !says.every((expected) => expected.test(stdout))) return settle(undefined);
      const version = /\bversion[:=]? ?v?(\d+\.\d+\.\d+)/.exec(stdout)?.[1];
      settle(version === undefined ? {} : { version });
    });
  });
}
