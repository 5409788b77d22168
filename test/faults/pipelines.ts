import { randomUUID } from 'node:crypto';
import { context, logs, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-proto';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchLogRecordProcessor, LoggerProvider } from '@opentelemetry/sdk-logs';
import type { LogRecordProcessor } from '@opentelemetry/sdk-logs';
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import type { SpanProcessor } from '@opentelemetry/sdk-trace';
import type { Account, Settings } from './settings.ts';

export interface RunningPipeline {
  /** Tells whether everything was delivered, where it is known. */
  flush(): Promise<boolean | undefined>;
  shutdown(): Promise<void>;
  account(): Account | undefined;
}

interface Parts extends RunningPipeline {
  readonly log: LogRecordProcessor;
  readonly span: SpanProcessor;
}

/** Sets OpenTelemetry up as an application does that has no fault harness in mind. */
export async function startPipeline(settings: Settings): Promise<RunningPipeline> {
  const parts = settings.pipeline === 'stock' ? stock(settings) : await durable(settings);
  const resource = resourceFromAttributes({ 'service.name': 'faults', 'service.instance.id': randomUUID() });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  logs.setGlobalLoggerProvider(new LoggerProvider({ resource, processors: [parts.log] }));
  if (settings.spans) {
    trace.setGlobalTracerProvider(new TracerProvider({ resource, spanProcessors: [parts.span] }));
  }
  return parts;
}

/** Runs with processors that drop all they get, and leaves OpenTelemetry as it was. */
export async function withoutPipeline(run: () => Promise<unknown>): Promise<void> {
  const settled = { forceFlush: async () => {}, shutdown: async () => {} };
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  logs.setGlobalLoggerProvider(new LoggerProvider({ processors: [{ ...settled, onEmit: () => {} }] }));
  const spanProcessor = { ...settled, onStart: () => {}, onEnd: () => {} };
  trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [spanProcessor] }));
  await run();
  for (const api of [context, logs, trace]) api.disable();
}

function stock({ endpoint, timeoutMs }: Settings): Parts {
  const log = new BatchLogRecordProcessor({
    exporter: new OTLPLogExporter({ url: `${endpoint}/v1/logs`, timeoutMillis: timeoutMs }),
  });
  const span = new BatchSpanProcessor({
    exporter: new OTLPTraceExporter({ url: `${endpoint}/v1/traces`, timeoutMillis: timeoutMs }),
  });
  return {
    log,
    span,
    flush: async () => {
      await Promise.allSettled([log.forceFlush(), span.forceFlush()]);
      return undefined;
    },
    shutdown: async () => void (await Promise.allSettled([log.shutdown(), span.shutdown()])),
    account: () => undefined,
  };
}

async function durable({ endpoint, timeoutMs, directory, spool: limits, flushTimeoutMs }: Settings): Promise<Parts> {
  // The stock pipeline does without it, so it is not loaded there.
  const { openSpool, DurableLogRecordProcessor, DurableSpanProcessor } = await import('@decision-trail/durable');
  const spool = openSpool({ directory, endpoint, timeoutMs, flushTimeoutMs, ...limits });
  return {
    log: new DurableLogRecordProcessor({ spool, records: 'all' }),
    span: new DurableSpanProcessor({ spool }),
    flush: () => spool.flush(),
    shutdown: () => spool.shutdown(),
    account: () => spool.status().logs,
  };
}
