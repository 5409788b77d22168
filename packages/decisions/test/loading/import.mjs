import observe from './observe.cjs';

const before = observe.snapshot();
const decisions = await import('@decision-trail/decisions');
const after = observe.snapshot();

const api = await import('@opentelemetry/api');
const { logs } = api.logs ? api : await import('@opentelemetry/api-logs');
const { TracerProvider } = await import('@opentelemetry/sdk-trace');
const { LoggerProvider } = await import('@opentelemetry/sdk-logs');
const made = observe.decide(decisions, { trace: api.trace, logs, TracerProvider, LoggerProvider });

console.log(JSON.stringify({ before, after, made }));
