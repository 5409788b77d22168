import { closeSync, openSync, writeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import { logs } from '@opentelemetry/api';
import { audited, AuditUnavailableError, currentDecision } from '@decision-trail/decisions';
import { POISONS } from './poison.ts';
import type { Settings } from './settings.ts';

/** What is decided about. The checksum lets the receiving end tell whether the text is still the same. */
interface Applicant {
  readonly n: number;
  readonly text: string;
  readonly crc: number;
}

interface Decided {
  readonly approved: boolean;
  readonly id: string;
}

/** Makes a record of about 1 KB, with some of what encoders get wrong. */
const FILLER = `äöü€😀 "quoted" \\\n${'abcdefghijklmnopqrstuvwxyz '.repeat(24)}`;
const TICK_MS = 10;
const PROGRESS_STEPS = 50;
/** A decision that takes longer is waiting for room. */
const WAITING_MS = 300;

export interface Observer {
  progress(made: number): void;
  noRoom(): void;
}

/**
 * Makes the decisions, and writes down the id of each as soon as it has returned, in a file: what the operating system has
 * survives any end of the process.
 */
export class Decisions {
  readonly #settings: Settings;
  readonly #observer: Observer;
  readonly #predict: (input: unknown) => Decided | Promise<Decided>;
  readonly #returned: number;
  #made = 0;
  #finished = 0;
  #refused = 0;
  #toldNoRoom = false;

  constructor(settings: Settings, observer: Observer) {
    this.#settings = settings;
    this.#observer = observer;
    const options = { model: 'faults', span: settings.spans, delivery: settings.delivery };
    // Inside, the id costs next to nothing to learn.
    const decide = (): Decided => ({ approved: this.#made % 2 === 0, id: currentDecision()?.id ?? '' });
    this.#predict = settings.isAsync
      ? audited(options, async (_input: unknown) => decide())
      : audited(options, (_input: unknown) => decide());
    this.#returned = openSync(settings.returnedFile, 'a');
  }

  /** Decisions that are finished, withheld or not. */
  get handedOver(): number {
    return this.#finished;
  }

  /** @returns How many were withheld because their record could not be kept. */
  async make(): Promise<number> {
    const { decisions, ratePerS } = this.#settings;
    if (ratePerS === undefined) this.#burst(decisions);
    else await this.#atRate(decisions, ratePerS);
    closeSync(this.#returned);
    return this.#refused;
  }

  #burst(count: number): void {
    while (this.#made < count) void this.#next();
  }

  async #atRate(count: number, ratePerS: number): Promise<void> {
    const step = Math.max(1, Math.floor(count / PROGRESS_STEPS));
    const begun = performance.now();
    while (this.#made < count) {
      const due = Math.min(count, Math.ceil(((performance.now() - begun) / 1000) * ratePerS));
      const waiting: Promise<void>[] = [];
      while (this.#made < due) {
        const next = this.#next();
        if (next !== undefined) waiting.push(next);
        if (this.#made % step === 0) this.#observer.progress(this.#made);
      }
      if (waiting.length > 0) await this.#all(waiting);
      await delay(TICK_MS);
    }
  }

  async #all(waiting: readonly Promise<void>[]): Promise<void> {
    const overdue = setTimeout(() => this.#noRoom(), WAITING_MS);
    await Promise.all(waiting);
    clearTimeout(overdue);
  }

  #next(): Promise<void> | undefined {
    const n = this.#made;
    this.#made += 1;
    try {
      const decided = this.#predict(this.#input(n));
      if (decided instanceof Promise) {
        return decided.then(
          ({ id }) => this.#writeDown(id),
          (error: unknown) => this.#withheld(error),
        );
      }
      this.#writeDown(decided.id);
    } catch (error) {
      this.#withheld(error);
    }
    return undefined;
  }

  #input(n: number): unknown {
    const every = this.#settings.poisonEvery;
    if (every === undefined || n % every !== every - 1) return applicant(n);
    const poison = POISONS[Math.floor(n / every) % POISONS.length]!;
    // Beside the decisions, an application logs other things, through the same processor.
    logs.getLogger('application').emit({ eventName: 'application.event', body: poison() as string });
    return poison();
  }

  #writeDown(id: string): void {
    this.#finished += 1;
    writeSync(this.#returned, Buffer.from(id.replaceAll('-', ''), 'hex'));
  }

  #withheld(error: unknown): void {
    if (!(error instanceof AuditUnavailableError)) throw error;
    this.#finished += 1;
    this.#refused += 1;
    this.#noRoom();
  }

  #noRoom(): void {
    if (this.#toldNoRoom) return;
    this.#toldNoRoom = true;
    this.#observer.noRoom();
  }
}

function applicant(n: number): Applicant {
  const text = `${n} ${FILLER}`;
  return { n, text, crc: crc32(text) };
}
