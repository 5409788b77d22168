import { TraceFlags } from '@opentelemetry/api';
import { checkProcessorOptions, isDecisionScope } from './filter.js';
import type { ResourceLike, ScopeLike } from './otlp/origin.js';
import type { SpanLike } from './otlp/span.js';
import { defaultSpool } from './spool.js';
import type { Spool } from './spool.js';

/** A span as the SDK of either line hands it to its processors when it has ended. */
export interface EndedSpan extends SpanLike {
  readonly resource: ResourceLike;
  readonly instrumentationScope: ScopeLike;
}

export interface SpanOptions {
  /** Default: the spool of this process, opened with the settings of the environment. */
  spool?: Spool;
  /** Which spans are kept: those of decisions, or all. Default: `decisions`. */
  spans?: 'decisions' | 'all';
}

/** Hands sampled spans to the operating system when they end; the spool delivers them. Works in both lines of OpenTelemetry. */
export class DurableSpanProcessor {
  readonly #spool: Spool;
  readonly #all: boolean;
  #isShutdown = false;

  /** @throws SpoolError `INVALID_OPTIONS`, and as `openSpool` where no spool is given. */
  constructor(options: SpanOptions = {}) {
    checkProcessorOptions(options, { spool: undefined, spans: ['decisions', 'all'] });
    const { spool = defaultSpool(), spans = 'decisions' } = options;
    this.#spool = spool;
    this.#all = spans === 'all';
    spool.addUser();
  }

  onStart(): void {}

  onEnd(span: EndedSpan): void {
    if (this.#isShutdown || (span.spanContext().traceFlags & TraceFlags.SAMPLED) === 0) return;
    if (this.#all || isDecisionScope(span.instrumentationScope)) {
      this.#spool.keepSpan(span, span.resource, span.instrumentationScope);
    }
  }

  /** As that of {@link DurableLogRecordProcessor}. */
  async forceFlush(): Promise<void> {
    await this.#spool.flush();
  }

  /** As that of {@link DurableLogRecordProcessor}. */
  async shutdown(): Promise<void> {
    if (this.#isShutdown) return;
    this.#isShutdown = true;
    await this.#spool.removeUser();
  }
}
