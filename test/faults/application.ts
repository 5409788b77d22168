import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Finish, Report, Settings } from './settings.ts';

const PROGRAM = path.join(import.meta.dirname, 'app.ts');
type Made = Extract<Report, { type: 'made' }>;
type Flushed = Extract<Report, { type: 'flushed' }>;

export class ApplicationError extends Error {
  override readonly name = 'ApplicationError';
}

interface ApplicationOptions {
  readonly logFile: string;
  readonly lifeMaxMs: number;
  readonly env: Readonly<Record<string, string>>;
}

/** One process of the application. */
export class Application extends EventEmitter<{ change: [] }> {
  readonly #child: ChildProcess;
  readonly #settings: Settings;
  #begun = false;
  #progress = 0;
  #hasRoom = true;
  #ended: string | undefined;
  /** Has what it said last about each. */
  made: Made | undefined;
  flushed: Flushed | undefined;

  /**
   * @param options.logFile Takes what it prints.
   * @param options.lifeMaxMs After that time it is killed, whatever it does.
   * @param options.env Besides the harness's own.
   */
  constructor(settings: Settings, { logFile, lifeMaxMs, env }: ApplicationOptions) {
    super();
    this.setMaxListeners(0);
    this.#settings = settings;
    const log = openSync(logFile, 'a');
    const child = spawn(process.execPath, [PROGRAM, JSON.stringify(settings)], {
      env: { ...process.env, ...env },
      stdio: ['ignore', log, log, 'ipc'],
      timeout: lifeMaxMs,
      killSignal: 'SIGKILL',
    });
    closeSync(log);
    this.#child = child;
    child.on('message', (message) => this.#take(message as Report));
    // A process that is killed while it is being written to breaks the channel.
    child.on('error', () => {});
    child.once('close', (code, signal) => {
      this.#ended = signal ?? `exit code ${code}`;
      this.emit('change');
    });
  }

  /** Resolves before its first decision. */
  async begin(): Promise<void> {
    await this.#until(() => this.#begun, 'has not begun');
  }

  /** Resolves when so much of its decisions is made. */
  async reach(part: number): Promise<void> {
    await this.#until(() => this.#progress >= part * this.#settings.decisions, `has not come to ${part * 100} %`);
  }

  async makeAll(): Promise<void> {
    await this.#until(() => this.made !== undefined, 'has not made all decisions');
  }

  /** Resolves when the spool has no room for the first time. */
  async runOutOfRoom(): Promise<void> {
    await this.#until(() => !this.#hasRoom || this.made !== undefined, 'has not run out of room');
  }

  /** Lets it make its decisions, deliver, and end. */
  async finish(): Promise<void> {
    await this.makeAll();
    this.#child.send({ type: 'finish' } satisfies Finish);
    const ended = await this.end();
    if (ended !== 'exit code 0') throw new ApplicationError(`the application was to finish, and has ended by ${ended}`);
  }

  /** Resolves to how it ended, by itself. */
  async end(): Promise<string> {
    await this.#until(() => this.#ended !== undefined, 'has not ended');
    return this.#ended!;
  }

  /** @throws {ApplicationError} where it has not ended by itself after that time. */
  async endWithin(timeoutMs: number): Promise<void> {
    const overdue = new AbortController();
    const isOverdue = await Promise.race([
      this.end().then(() => false),
      delay(timeoutMs, true, { signal: overdue.signal }),
    ]);
    overdue.abort();
    if (isOverdue) throw new ApplicationError(`the application has not ended by itself within ${timeoutMs / 1000} s`);
  }

  /** Ends it, at once where the signal is SIGKILL; no matter whether it has ended by itself. */
  async signal(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    if (this.#ended === undefined) this.#child.kill(signal);
    await this.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.signal('SIGKILL');
  }

  #take(report: Report): void {
    if (report.type === 'begun') this.#begun = true;
    if (report.type === 'progress') this.#progress = report.made;
    if (report.type === 'no-room') this.#hasRoom = false;
    if (report.type === 'flushed') this.flushed = report;
    if (report.type === 'made') {
      this.made = report;
      this.#progress = this.#settings.decisions;
    }
    this.emit('change');
  }

  async #until(holds: () => boolean, otherwise: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const check = (): void => {
        if (!holds() && this.#ended === undefined) return;
        this.off('change', check);
        if (holds()) resolve();
        else reject(new ApplicationError(`the application ${otherwise}, and has ended by ${this.#ended}`));
      };
      this.on('change', check);
      check();
    });
  }
}
