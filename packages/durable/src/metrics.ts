import { metrics } from '@opentelemetry/api';
import { VERSION } from './version.js';

/** What is measured of a spool, read when a metric reader asks. */
export interface Gauges {
  /** Records that are not on stable storage yet. */
  pending(): number;
  /** Bytes of all files of the spool. */
  bytes(): number;
  /** Seconds since the oldest record was appended that is not delivered; 0 where there is none. */
  ageSeconds(): number;
}

/** The instruments of `docs/semantic-conventions.md`, on the application's meter provider; without one they cost nothing. */
export class SpoolMetrics {
  readonly #lost;
  readonly #exported;
  readonly #commitDuration;

  constructor(gauges: Gauges) {
    const meter = metrics.getMeter('@decision-trail/durable', VERSION);
    const observe = (name: string, unit: string, description: string, read: () => number): void => {
      meter.createObservableGauge(name, { unit, description }).addCallback((result) => result.observe(read()));
    };
    observe('decision.audit.pending', '{record}', 'Records that are not on stable storage yet', () => gauges.pending());
    observe('decision.audit.spool.bytes', 'By', 'Size of the spool on disk', () => gauges.bytes());
    observe('decision.audit.spool.age', 's', 'Age of the oldest record that is not delivered', () =>
      gauges.ageSeconds(),
    );
    this.#lost = meter.createCounter('decision.audit.lost', {
      unit: '{record}',
      description: 'Records lost or given up',
    });
    this.#exported = meter.createCounter('decision.audit.exported', {
      unit: '{record}',
      description: 'Records that the Collector has acknowledged',
    });
    this.#commitDuration = meter.createHistogram('decision.audit.commit.duration', {
      unit: 's',
      description: 'Time that it takes to bring records to stable storage',
      advice: { explicitBucketBoundaries: [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5] },
    });
  }

  lost(reason: string, count: number): void {
    this.#lost.add(count, { reason });
  }

  exported(signal: 'logs' | 'traces', count: number): void {
    this.#exported.add(count, { signal });
  }

  committed(durationMs: number): void {
    this.#commitDuration.record(durationMs / 1000);
  }
}
