import { registerDecisionSink } from '@decision-trail/decisions';
import type { DecisionLogger, DecisionSink, SinkRecord, Taken } from '@decision-trail/decisions';
import { trace } from '@opentelemetry/api';
import { checkProcessorOptions, isDecisionScope } from './filter.js';
import type { LogRecordLike } from './otlp/log-record.js';
import type { ResourceLike, ScopeLike } from './otlp/origin.js';
import { defaultSpool } from './spool.js';
import type { Spool } from './spool.js';
import { hrTime } from './time.js';

/** A log record as the SDK of either line hands it to its processors. */
export interface EmittedLogRecord extends LogRecordLike {
  readonly resource: ResourceLike;
  readonly instrumentationScope: ScopeLike;
}

export interface LogRecordOptions {
  /** Default: the spool of this process, opened with the settings of the environment. */
  spool?: Spool;
  /** Which log records are kept: those of decisions, or all. Default: `decisions`. */
  records?: 'decisions' | 'all';
  /**
   * Whether other log record processors of the same SDK see decisions too. Default: false, so that nothing is delivered
   * twice; decisions then come here without the detour through the SDK.
   */
  forward?: boolean;
}

/**
 * Hands log records to the operating system before `emit` returns, and so before a decision is returned to its caller; the
 * spool delivers them. Works in both lines of OpenTelemetry.
 *
 * The first record of a logger comes through the SDK and tells resource and scope; those after it come directly.
 */
export class DurableLogRecordProcessor implements DecisionSink {
  readonly #spool: Spool;
  readonly #all: boolean;
  readonly #forward: boolean;
  /** The logger that decisions come from, and what the SDK makes of it. */
  #from: { logger: DecisionLogger; resource: ResourceLike; scope: ScopeLike } | undefined;
  /** What became of the record that is being emitted through the SDK. */
  #emitted: { taken: Taken; record: EmittedLogRecord } | undefined;
  /** Whether a decision is being emitted through the SDK, whose caller can wait where there is no room. */
  #isTaking = false;
  readonly #unregister: () => void;
  #isShutdown = false;

  /** @throws SpoolError `INVALID_OPTIONS`, and as `openSpool` where no spool is given. */
  constructor(options: LogRecordOptions = {}) {
    checkProcessorOptions(options, { spool: undefined, records: ['decisions', 'all'], forward: [true, false] });
    const { spool = defaultSpool(), records = 'decisions', forward = false } = options;
    this.#spool = spool;
    this.#all = records === 'all';
    this.#forward = forward;
    spool.addUser();
    this.#unregister = registerDecisionSink(this);
  }

  onEmit(record: EmittedLogRecord): void {
    if (this.#isShutdown) return;
    if (!this.#all && !isDecisionScope(record.instrumentationScope)) return;
    const taken = this.#spool.keepLogRecord(record, record.resource, record.instrumentationScope);
    this.#emitted = { taken, record };
    // Nobody waits for a record that comes from elsewhere than a decision.
    if (taken === 'full' && !this.#isTaking) this.#spool.giveUp(record);
  }

  take(record: SinkRecord, logger: DecisionLogger): Taken {
    if (this.#from?.logger === logger && !this.#forward) {
      return this.#spool.keepLogRecord(asEmitted(record), this.#from.resource, this.#from.scope);
    }
    this.#emitted = undefined;
    this.#isTaking = true;
    try {
      logger.emit(record);
    } finally {
      this.#isTaking = false;
    }
    const emitted = this.#emitted as { taken: Taken; record: EmittedLogRecord } | undefined;
    if (emitted === undefined) return 'passed-on';
    this.#from = { logger, resource: emitted.record.resource, scope: emitted.record.instrumentationScope };
    return emitted.taken;
  }

  commit(): Promise<void> {
    return this.#spool.commit();
  }

  commitSync(): void {
    this.#spool.commitSync();
  }

  room(): Promise<void> {
    return this.#spool.room();
  }

  giveUp(record: SinkRecord): void {
    this.#spool.giveUp(record);
  }

  /** Brings records to stable storage, and delivers what can be delivered within the time that the spool allows. */
  async forceFlush(): Promise<void> {
    await this.#spool.flush();
  }

  /** Like `forceFlush`; what is not delivered by then stays on disk, and the next start delivers it. */
  async shutdown(): Promise<void> {
    if (this.#isShutdown) return;
    this.#isShutdown = true;
    this.#unregister();
    await this.#spool.removeUser();
  }
}

/** The parts of a decision's record in the form in which the SDK would hand them over. */
function asEmitted(record: SinkRecord): LogRecordLike {
  return {
    hrTime: record.timestamp,
    hrTimeObserved: hrTime(Date.now()),
    spanContext: trace.getSpanContext(record.context),
    severityNumber: record.severityNumber,
    severityText: record.severityText,
    body: record.body,
    attributes: record.attributes,
    droppedAttributesCount: 0,
    eventName: record.eventName,
  };
}
