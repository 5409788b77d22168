import { diag } from '@opentelemetry/api';
import type { ExportResult } from '@opentelemetry/core';
import { ExportResultCode, getNumberFromEnv } from '@opentelemetry/core';
import { BatchLogRecordProcessor } from '@opentelemetry/sdk-logs';
import type {
  LogRecordExporter,
  LogRecordProcessor,
  ReadableLogRecord,
  ReadWriteLogRecord,
} from '@opentelemetry/sdk-logs';

/** Records that wait for delivery at most, unless `OTEL_BLRP_MAX_QUEUE_SIZE` says otherwise. */
const QUEUE_RECORDS_MAX = 50_000;

/**
 * Records in one request at most, unless `OTEL_BLRP_MAX_EXPORT_BATCH_SIZE` says otherwise. The largest record has 64 KiB
 * of body and 16 KiB of attributes, and a Collector refuses a request of more than 20 MiB.
 */
const BATCH_RECORDS_MAX = 128;

/**
 * The standard batch processor, with a count of every record: what could not be delivered is told of, where the standard
 * one drops it without a word.
 */
export class CountedLogRecordProcessor implements LogRecordProcessor {
  readonly #batch: BatchLogRecordProcessor;
  readonly #waitingMax: number;
  #emitted = 0;
  #delivered = 0;
  #lost = 0;
  #overflowTold = false;

  constructor(exporter: LogRecordExporter) {
    this.#waitingMax = getNumberFromEnv('OTEL_BLRP_MAX_QUEUE_SIZE') ?? QUEUE_RECORDS_MAX;
    this.#batch = new BatchLogRecordProcessor({
      exporter: this.#counted(exporter),
      maxQueueSize: this.#waitingMax,
      maxExportBatchSize: getNumberFromEnv('OTEL_BLRP_MAX_EXPORT_BATCH_SIZE') ?? BATCH_RECORDS_MAX,
      ...defined({
        scheduledDelayMillis: getNumberFromEnv('OTEL_BLRP_SCHEDULE_DELAY'),
        exportTimeoutMillis: getNumberFromEnv('OTEL_BLRP_EXPORT_TIMEOUT'),
      }),
    });
  }

  /** Records that were neither delivered nor given up by now. */
  get waiting(): number {
    return this.#emitted - this.#delivered - this.#lost;
  }

  onEmit(record: ReadWriteLogRecord): void {
    this.#emitted += 1;
    if (this.waiting > this.#waitingMax) {
      if (!this.#overflowTold) {
        this.#overflowTold = true;
        diag.error(
          `more than ${this.#waitingMax} log records wait for delivery: further ones are lost until some are delivered ` +
            '(OTEL_BLRP_MAX_QUEUE_SIZE)',
        );
      }
      this.#lost += 1;
      return;
    }
    this.#batch.onEmit(record);
  }

  async forceFlush(): Promise<void> {
    await this.#batch.forceFlush();
  }

  async shutdown(): Promise<void> {
    await this.#batch.shutdown();
    if (this.#lost > 0) {
      diag.error(`${this.#lost} of ${this.#emitted} log records were lost: they could not be delivered`);
    }
  }

  #counted(exporter: LogRecordExporter): LogRecordExporter {
    return {
      export: (records: ReadableLogRecord[], done: (result: ExportResult) => void) => {
        exporter.export(records, (result) => {
          if (result.code === ExportResultCode.SUCCESS) this.#delivered += records.length;
          else this.#lost += records.length;
          done(result);
        });
      },
      forceFlush: () => exporter.forceFlush(),
      shutdown: () => exporter.shutdown(),
    };
  }
}

function defined<T extends Record<string, number | undefined>>(options: T): { [K in keyof T]?: number } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: number;
  };
}
