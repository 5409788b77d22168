/** The command as people and scripts start it: a process, its exit code, and what it prints. */
import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

export const BIN: string = join(import.meta.dirname, '../dist/bin.js');

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** A directory that is gone after the test. */
export function temporaryDirectory(): string {
  const dir = mkdtempSync(join(tmpdir(), 'decision-trail-cli-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** Ends a process with the test, where it has not ended itself. */
export function ended(child: ChildProcess): void {
  onTestFinished(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
}

/** Runs the command to its end. */
export function runCommand(cwd: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return new Promise((resolve) => {
    const options = { cwd, env: { ...process.env, COLUMNS: undefined, ...env }, timeout: 20_000 };
    const child = execFile(process.execPath, [BIN, ...args], options, (_, stdout, stderr) => {
      resolve({ code: child.exitCode, stdout, stderr });
    });
  });
}

export interface Dev {
  url: string;
  pid: number;
  end: (signal: NodeJS.Signals) => Promise<Ended>;
}

/** Starts `dev` on a free port and waits until it listens. */
export async function startDev(cwd: string, ...args: string[]): Promise<Dev> {
  const child = spawn(process.execPath, [BIN, 'dev', '--port', '0', ...args], {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  ended(child);
  let stdout = '';
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  while (!stdout.includes('\n')) await Promise.race([once(child.stdout, 'data'), once(child, 'exit').then(fail)]);
  function fail(): never {
    throw new Error(`dev ended: ${stderr}`);
  }
  const end = async (signal: NodeJS.Signals): Promise<Ended> => {
    const closed = once(child, 'close');
    child.kill(signal);
    const [code] = (await closed) as [number | null];
    return { code, stdout, stderr };
  };
  return { url: /http:\S+(?=,)/.exec(stdout)![0], pid: child.pid!, end };
}
