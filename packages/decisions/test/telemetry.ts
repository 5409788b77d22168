import * as api from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { LoggerProvider } from '@opentelemetry/sdk-logs';
import { TracerProvider } from '@opentelemetry/sdk-trace';
import type { DecisionRecord } from '@decision-trail/decisions';

/** A log record as a processor sees it; the same in both lines of OpenTelemetry. */
export interface SeenLog {
  eventName?: string;
  body?: unknown;
  severityText?: string;
  hrTime: [number, number];
  attributes: Record<string, unknown>;
  spanContext?: { traceId: string; spanId: string };
}

/** A span as a processor sees it. */
export interface SeenSpan {
  name: string;
  kind: number;
  status: { code: number; message?: string };
  attributes: Record<string, unknown>;
  events: unknown[];
  parentSpanContext?: { spanId: string };
  spanContext(): { traceId: string; spanId: string };
}

export interface Seen {
  readonly logs: SeenLog[];
  readonly spans: SeenSpan[];
  /** The bodies of the log records, parsed. */
  readonly records: DecisionRecord[];
}

interface LogsApi {
  setGlobalLoggerProvider(provider: unknown): unknown;
  disable(): void;
}

/** The logs API of the installed line: in `@opentelemetry/api` since 1.10, in `@opentelemetry/api-logs` before. */
async function logsApi(): Promise<LogsApi> {
  if ('logs' in api) return api.logs as LogsApi;
  const legacy = '@opentelemetry/api-logs';
  return ((await import(/* @vite-ignore */ legacy)) as { logs: LogsApi }).logs;
}

/** Registers a real SDK, of the line that is installed, whose processors keep what they see. */
export async function startSdk({ logs = true, traces = true, sampled = true } = {}): Promise<Seen> {
  await stopSdk();
  const seen = {
    logs: [] as SeenLog[],
    spans: [] as SeenSpan[],
    get records(): DecisionRecord[] {
      return this.logs.map((log) => JSON.parse(String(log.body)) as DecisionRecord);
    },
  };
  const settled = { forceFlush: async () => {}, shutdown: async () => {} };
  if (traces) {
    api.context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    const spanProcessor = {
      ...settled,
      onStart: () => {},
      onEnd: (span: unknown) => void seen.spans.push(span as SeenSpan),
    };
    const sampler = { shouldSample: () => ({ decision: sampled ? 2 : 0 }), toString: () => 'fixed' };
    api.trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [spanProcessor], sampler }));
  }
  if (logs) {
    const processor = { ...settled, onEmit: (log: unknown) => void seen.logs.push(log as SeenLog) };
    (await logsApi()).setGlobalLoggerProvider(new LoggerProvider({ processors: [processor] }));
  }
  return seen;
}

/** Registers something in place of the logger provider, in the line that is installed. */
export async function useLoggerProvider(provider: { getLogger: () => unknown }): Promise<void> {
  const logs = await logsApi();
  logs.disable();
  logs.setGlobalLoggerProvider(provider);
}

export async function stopSdk(): Promise<void> {
  api.trace.disable();
  api.context.disable();
  api.diag.disable();
  (await logsApi()).disable();
}

/** What this package says through `diag` from now on. */
export function listenToDiag(): string[] {
  const said: string[] = [];
  const say = (...parts: unknown[]) => void said.push(parts.map(String).join(' '));
  api.diag.setLogger({ error: say, warn: say, info: () => {}, debug: () => {}, verbose: () => {} });
  return said;
}
