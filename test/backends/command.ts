import { spawn } from 'node:child_process';
import { appendFileSync, closeSync, openSync, readFileSync } from 'node:fs';
import { BackendError } from './errors.ts';

const TAIL_LINES = 20;

export interface Invocation {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Takes everything the program prints, after what is in it already. */
  readonly logFile: string;
  readonly timeoutMs: number;
}

/** Runs a program to its end. Rejects with `STEP_FAILED` and the last lines of its log unless it exits with 0. */
export async function runLogged(invocation: Invocation): Promise<void> {
  const { command, args, logFile, timeoutMs } = invocation;
  appendFileSync(logFile, `$ ${command} ${args.join(' ')}\n`);
  const log = openSync(logFile, 'a');
  const child = spawn(command, args, {
    cwd: invocation.cwd,
    env: { ...process.env, ...invocation.env },
    stdio: ['ignore', log, log],
    timeout: timeoutMs,
  });
  closeSync(log);
  const ending = await new Promise<string | undefined>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => {
      if (signal !== null) resolve(`ended by ${signal} (limit ${timeoutMs / 1000} s)`);
      else resolve(code === 0 ? undefined : `exit code ${code}`);
    });
  });
  if (ending === undefined) return;
  throw new BackendError(
    'STEP_FAILED',
    `${command} ${args[0] ?? ''}: ${ending}; the end of ${logFile}:\n${tailOf(logFile)}`,
  );
}

/** The last lines of a log, indented, for an error message. */
export function tailOf(logFile: string): string {
  const lines = readFileSync(logFile, 'utf8').trimEnd().split('\n');
  return lines
    .slice(-TAIL_LINES)
    .map((line) => `  ${line}`)
    .join('\n');
}
