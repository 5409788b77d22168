import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Application } from './application.ts';
import { selfSigned } from './certificate.ts';
import type { Certificate } from './certificate.ts';
import { deadLettersOf } from './dead-letters.ts';
import type { DeadLetters } from './dead-letters.ts';
import { mountSmallDisk } from './disk.ts';
import type { SmallDisk } from './disk.ts';
import { returnedIds } from './oracle.ts';
import { behindCollector, directTo } from './receiving.ts';
import type { CollectorQueue, ReceivingEnd } from './receiving.ts';
import type { Scale } from './scale.ts';
import type { Pipeline, Settings } from './settings.ts';
import { Sink } from './sink.ts';

const LOG_TAIL_CHARS = 600;

export interface StageOptions {
  readonly pipeline: Pipeline;
  readonly scale: Scale;
  /** A real Collector before the sink. */
  readonly collector?: CollectorQueue | undefined;
  readonly isTls?: boolean | undefined;
  /** The spool is on a disk that is too small. */
  readonly isDiskSmall?: boolean | undefined;
  /** What all applications of the scenario have in common. */
  readonly settings?: Partial<Settings> | undefined;
}

interface Certificates {
  readonly trusted: Certificate;
  readonly untrusted: Certificate;
}

/** What one run of one scenario plays on: a receiving end, a directory, and the applications that it starts. */
export class Stage {
  readonly pipeline: Pipeline;
  readonly scale: Scale;
  readonly sink: Sink;
  readonly receiver: ReceivingEnd;
  readonly certificates: Certificates | undefined;
  readonly disk: SmallDisk | undefined;
  /** In the order of their start. */
  readonly applications: Application[] = [];
  /** What the scenario has seen and is worth knowing. */
  readonly notes: string[] = [];
  readonly #dir: string;
  readonly #options: StageOptions;

  private constructor(
    options: StageOptions,
    dir: string,
    sink: Sink,
    receiver: ReceivingEnd,
    certificates: Certificates | undefined,
  ) {
    this.pipeline = options.pipeline;
    this.scale = options.scale;
    this.#options = options;
    this.#dir = dir;
    this.sink = sink;
    this.receiver = receiver;
    this.certificates = certificates;
    if (options.isDiskSmall === true) this.disk = mountSmallDisk(path.join(dir, 'disk'), options.scale.diskBytes);
  }

  static async open(options: StageOptions): Promise<Stage> {
    const dir = mkdtempSync(path.join(tmpdir(), 'decision-trail-faults-'));
    const certificates = options.isTls === true ? { trusted: selfSigned(), untrusted: selfSigned() } : undefined;
    if (certificates !== undefined) writeFileSync(path.join(dir, 'trusted.pem'), certificates.trusted.cert);
    const sink = await Sink.start(certificates?.trusted);
    const receiver =
      options.collector === undefined ? directTo(sink) : await behindCollector(sink, dir, options.collector);
    return new Stage(options, dir, sink, receiver, certificates);
  }

  /** Starts one more process of the application, on the same spool. */
  start(settings: Partial<Settings> = {}): Application {
    const { scale, pipeline, certificates } = this;
    const application = new Application(
      {
        pipeline,
        endpoint: this.receiver.url,
        directory: this.spoolDirectory,
        spool: {},
        returnedFile: this.#returnedFile,
        decisions: scale.decisions,
        ratePerS: scale.ratePerS,
        isAsync: false,
        delivery: 'durable',
        spans: false,
        warmUpDecisions: 0,
        ending: 'told',
        timeoutMs: scale.timeoutMs,
        flushTimeoutMs: scale.flushTimeoutMs,
        ...this.#options.settings,
        ...settings,
        // The stock pipeline cannot keep a record, so that every decision would be withheld.
        ...(pipeline === 'stock' && { delivery: 'durable' as const }),
      },
      {
        logFile: this.#logFile,
        lifeMaxMs: scale.lifeMaxMs,
        env: certificates === undefined ? {} : { NODE_EXTRA_CA_CERTS: path.join(this.#dir, 'trusted.pem') },
      },
    );
    this.applications.push(application);
    return application;
  }

  returned(): Set<string> {
    return returnedIds(this.#returnedFile);
  }

  deadLetters(): DeadLetters {
    return deadLettersOf(this.spoolDirectory);
  }

  /** The end of what the applications printed. */
  log(): string {
    return readFileSync(this.#logFile, 'utf8').trim().slice(-LOG_TAIL_CHARS);
  }

  async close(): Promise<void> {
    await Promise.all(this.applications.map((application) => application.signal('SIGKILL')));
    await this.receiver.close();
    await this.sink.down();
    this.disk?.remove();
    rmSync(this.#dir, { recursive: true, force: true });
  }

  get spoolDirectory(): string {
    const directory = path.join(this.disk?.directory ?? this.#dir, 'spool');
    mkdirSync(path.dirname(directory), { recursive: true });
    return directory;
  }

  get #returnedFile(): string {
    return path.join(this.#dir, 'returned');
  }

  get #logFile(): string {
    return path.join(this.#dir, 'application.log');
  }
}
