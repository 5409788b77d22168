import { context, logs, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { LoggerProvider } from '@opentelemetry/sdk-logs';
import { TracerProvider } from '@opentelemetry/sdk-trace';

/** Registers a real SDK whose processors drop all they get: export is not what is measured. */
export function startSdk(): void {
  const settled = { forceFlush: async () => {}, shutdown: async () => {} };
  const spanProcessor = { ...settled, onStart: () => {}, onEnd: () => {} };
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [spanProcessor] }));
  logs.setGlobalLoggerProvider(new LoggerProvider({ processors: [{ ...settled, onEmit: () => {} }] }));
}
