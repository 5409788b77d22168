const observe = require('./observe.cjs');

const before = observe.snapshot();
const decisions = require('@decision-trail/decisions');
const after = observe.snapshot();

const api = require('@opentelemetry/api');
const { logs } = api.logs ? api : require('@opentelemetry/api-logs');
const { TracerProvider } = require('@opentelemetry/sdk-trace');
const { LoggerProvider } = require('@opentelemetry/sdk-logs');
const made = observe.decide(decisions, { trace: api.trace, logs, TracerProvider, LoggerProvider });

console.log(JSON.stringify({ before, after, made }));
