import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { BackendName } from './catalogue.ts';
import { tailOf } from './command.ts';
import { BackendError } from './errors.ts';

const READY_TIMEOUT_MS = 60_000;
const READY_POLL_MS = 50;
const READY_ANSWER_TIMEOUT_MS = 5_000;
const STOP_TIMEOUT_MS = 20_000;

export interface ServerPlan {
  readonly name: BackendName;
  readonly path: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Answers 200 once the server does its work. */
  readonly readyUrl: string;
  readonly logFile: string;
}

/** One server process, started and ended at will, with the same ports and directory each time. */
export class Server {
  readonly logFile: string;
  readonly #plan: ServerPlan;
  #child: ChildProcess | undefined;

  constructor(plan: ServerPlan) {
    this.#plan = plan;
    this.logFile = plan.logFile;
  }

  /** Resolves when the server is ready. Rejects with `NOT_READY`, and the end of its log, when it ends or takes a minute. */
  async start(): Promise<void> {
    if (this.#child !== undefined) throw new BackendError('NOT_READY', `${this.#plan.name} is running already`);
    const { name, path, args, env, logFile } = this.#plan;
    mkdirSync(dirname(logFile), { recursive: true });
    const log = openSync(logFile, 'a');
    const child = spawn(path, args, { env: { ...process.env, ...env }, stdio: ['ignore', log, log] });
    closeSync(log);
    this.#child = child;
    let failure: string | undefined;
    child.once('error', (error) => (failure = error.message));
    child.once('exit', (code, signal) => {
      failure = `ended by ${signal ?? `exit code ${code}`}`;
      if (this.#child === child) this.#child = undefined;
    });
    endWithThisProcess(child);
    const deadline = performance.now() + READY_TIMEOUT_MS;
    while (!(await isReady(this.#plan.readyUrl))) {
      if (performance.now() > deadline) failure ??= `not ready after ${READY_TIMEOUT_MS / 1000} s`;
      if (failure !== undefined) {
        await this.kill();
        throw new BackendError('NOT_READY', `${name}: ${failure}; the end of ${logFile}:\n${tailOf(logFile)}`);
      }
      await delay(READY_POLL_MS);
    }
  }

  /** Asks the server to end; SIGKILL if it has not within 20 s. Nothing to do when it is not running. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  /** Ends the server as a crash would. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#child;
    if (child?.pid === undefined) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill(signal);
    const overdue = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await ended;
    clearTimeout(overdue);
  }
}

/**
 * A shell that waits at the other end of a pipe ends the server when this process is gone, however it went. It leads
 * its own process group, so that Ctrl-C in a terminal does not take it away first.
 */
function endWithThisProcess(child: ChildProcess): void {
  if (child.pid === undefined || process.platform === 'win32') return;
  const watch = spawn('sh', ['-c', `read -r _ || kill -9 ${child.pid}`], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  // Neither the shell nor its pipe keeps this process alive.
  watch.unref();
  (watch.stdin as unknown as { unref(): void }).unref();
  child.once('exit', () => watch.kill('SIGKILL'));
}

async function isReady(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(READY_ANSWER_TIMEOUT_MS) });
    await response.arrayBuffer();
    return response.status === 200;
  } catch {
    return false;
  }
}
