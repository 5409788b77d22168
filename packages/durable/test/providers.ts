import * as api from '@opentelemetry/api';

interface Logger {
  emit(record: { eventName: string; body: string }): void;
}

interface LogsApi {
  setGlobalLoggerProvider(provider: unknown): unknown;
  getLogger(name: string): Logger;
  disable(): void;
}

/** The logs API of the installed line: in `@opentelemetry/api` since 1.10, in `@opentelemetry/api-logs` before. */
export async function logsApi(): Promise<LogsApi> {
  if ('logs' in api) return api.logs as LogsApi;
  const legacy = '@opentelemetry/api-logs';
  return ((await import(/* @vite-ignore */ legacy)) as { logs: LogsApi }).logs;
}
