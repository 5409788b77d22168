/** What `import.mjs` and `require.cjs` share: plain JavaScript, run by Node.js as it is. */

/** What loading a module could leave behind in a process. */
exports.snapshot = () => ({
  globals: Reflect.ownKeys(globalThis).map(String).toSorted(),
  openTelemetry: Object.keys(globalThis[Symbol.for('opentelemetry.js.api.1')] ?? {}),
  listeners: Object.fromEntries(process.eventNames().map((name) => [String(name), process.listenerCount(name)])),
  handles: process.getActiveResourcesInfo(),
  environment: Object.keys(process.env).toSorted(),
});

/** Makes one decision through a real SDK, and returns what its processors saw. */
exports.decide = ({ audited }, { trace, logs, TracerProvider, LoggerProvider }) => {
  const seen = { spans: [], events: [], records: [] };
  const settled = { forceFlush: async () => {}, shutdown: async () => {} };
  const onEnd = (span) => seen.spans.push(span.name);
  const onEmit = (log) => {
    seen.events.push(log.eventName);
    seen.records.push(JSON.parse(log.body));
  };
  trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [{ ...settled, onStart() {}, onEnd }] }));
  logs.setGlobalLoggerProvider(new LoggerProvider({ processors: [{ ...settled, onEmit }] }));
  const predict = audited({ model: 'risk' }, (amount) => (amount > 10_000 ? 'deny' : 'approve'));
  return { returned: predict(12_500), ...seen };
};
