import { AuditUnavailableError } from './errors.js';
import { report } from './telemetry.js';
import type { Logger, LogRecord } from './telemetry.js';

/**
 * How safe the record of a decision is before its caller gets the decision:
 *
 * - `best-effort`: it is with the log record processors of the application;
 * - `durable`: it is with the operating system, where a durable processor is installed (`@decision-trail/durable`), so that
 *   no end of the process loses it; otherwise as `best-effort`;
 * - `required`: it is on stable storage. Where it cannot be, the caller gets an {@link AuditUnavailableError} instead of the
 *   decision: no record, no decision.
 */
export type Delivery = 'best-effort' | 'durable' | 'required';

export const DELIVERIES: readonly unknown[] = ['best-effort', 'durable', 'required'] satisfies Delivery[];

/** What a sink did with a record. */
export type Taken =
  /** It is with the operating system. */
  | 'kept'
  /** There is no room now, and whoever can wait shall wait for it. */
  | 'full'
  /** It is lost, counted and told of. */
  | 'refused'
  /** The sink is not part of the application's pipeline: the logger has it. */
  | 'passed-on';

/** The logger of the application's SDK that decisions would go to. */
export interface DecisionLogger {
  emit(record: SinkRecord): void;
}

/**
 * Where decisions are kept before they are delivered. A durable processor registers itself as the sink of its process, under
 * a symbol that all copies of this package know, and gets the parts of each record at once instead of through the Logs API.
 */
export interface DecisionSink {
  /** Never throws. */
  take(record: SinkRecord, logger: DecisionLogger): Taken;
  /** Resolves when all that was taken so far is on stable storage. Rejects where it cannot be. */
  commit(): Promise<void>;
  /** The same at once. @throws where it cannot be. */
  commitSync(): void;
  /** Resolves when there may be room again. */
  room(): Promise<void>;
  /** Counts, and tells of, a record that was not taken and will not be. */
  giveUp(record: SinkRecord): void;
}

/** A log record of a decision, an outcome or a review, as it is given to a logger. */
export type SinkRecord = Readonly<LogRecord>;

const SINK: unique symbol = Symbol.for('@decision-trail/decisions/sink/1');

interface Globals {
  [SINK]?: DecisionSink;
}

/**
 * From now on the records of this process go to this sink. The last one registered counts.
 *
 * @returns Takes it back.
 */
export function registerDecisionSink(sink: DecisionSink): () => void {
  const globals = globalThis as Globals;
  globals[SINK] = sink;
  return () => {
    if (globals[SINK] === sink) delete globals[SINK];
  };
}

/** What keeps a decision from its caller until its record is safe. Both forms throw {@link AuditUnavailableError}. */
export interface Hold {
  /** Makes it safe now. */
  sync(): void;
  /** Resolves when it is safe. */
  async(): Promise<void>;
}

/**
 * Hands a record over, in the way that was asked for.
 *
 * @returns What the decision has to wait for; `undefined` where it may be released.
 */
export function handOver(record: LogRecord, logger: Logger | undefined, delivery: Delivery): Hold | undefined {
  const sink = delivery === 'best-effort' ? undefined : registeredSink();
  const unavailable = delivery === 'required' ? UNRECORDED : undefined;
  if (logger === undefined) return unavailable;
  if (sink === undefined) {
    logger.emit(record);
    return unavailable;
  }
  const taken = sink.take(record, logger);
  if (taken === 'kept') return delivery === 'required' ? commitOf(sink) : undefined;
  return taken === 'full' ? new Room(sink, record, logger, delivery) : unavailable;
}

/** Whether a record could be made safe at all in this process. */
export function canKeep(): boolean {
  return registeredSink() !== undefined;
}

function registeredSink(): DecisionSink | undefined {
  return (globalThis as Globals)[SINK];
}

/** There is no record, and so there is no decision. */
export const UNRECORDED: Hold = {
  sync() {
    throw new AuditUnavailableError('its record could not be made; OpenTelemetry diagnostics say why');
  },
  async async() {
    this.sync();
  },
};

/** The record is with the operating system, and must be on stable storage. */
class Commit implements Hold {
  readonly #sink: DecisionSink;

  constructor(sink: DecisionSink) {
    this.#sink = sink;
  }

  sync(): void {
    try {
      this.#sink.commitSync();
    } catch (cause) {
      throw uncommitted(cause);
    }
  }

  async async(): Promise<void> {
    await this.#sink.commit().catch((cause: unknown) => {
      throw uncommitted(cause);
    });
  }
}

let lastCommit: { sink: DecisionSink; hold: Commit } | undefined;

/** The same for all records of a sink, so that one commit serves all rows of a batch. */
function commitOf(sink: DecisionSink): Commit {
  if (lastCommit?.sink !== sink) lastCommit = { sink, hold: new Commit(sink) };
  return lastCommit.hold;
}

function uncommitted(cause: unknown): AuditUnavailableError {
  return new AuditUnavailableError('its record is not on stable storage', { cause });
}

/** There is no room for the record now. */
class Room implements Hold {
  readonly #sink: DecisionSink;
  readonly #record: LogRecord;
  readonly #logger: Logger;
  readonly #delivery: Delivery;

  constructor(sink: DecisionSink, record: LogRecord, logger: Logger, delivery: Delivery) {
    this.#sink = sink;
    this.#record = record;
    this.#logger = logger;
    this.#delivery = delivery;
  }

  sync(): void {
    this.#sink.giveUp(this.#record);
    throw new AuditUnavailableError('there is no room for its record, and a function that is not async cannot wait');
  }

  async async(): Promise<void> {
    await this.#sink.room();
    await handOver(this.#record, this.#logger, this.#delivery)?.async();
  }
}

/** What several decisions of one call have to wait for. */
export function holdOf(holds: Iterable<Hold | undefined>): Hold | undefined {
  const all = [...new Set(holds)].filter((hold) => hold !== undefined);
  if (all.length <= 1) return all[0];
  return {
    sync() {
      // One that has no room must still be counted, so each is asked.
      const errors = all.flatMap((hold) => thrownBy(() => hold.sync()));
      if (errors.length > 0) throw errors[0];
    },
    async async() {
      await Promise.all(all.map((hold) => hold.async()));
    },
  };
}

function thrownBy(run: () => void): unknown[] {
  try {
    run();
    return [];
  } catch (error) {
    return [error];
  }
}

/** Makes a record safe whose decision is with its consumer already, or has failed: what cannot be done is told of. */
export function afterwards(hold: Hold | undefined): void {
  if (hold === undefined) return;
  try {
    hold.sync();
  } catch (error) {
    report('a decision that was required to be recorded first was not', error);
  }
}
