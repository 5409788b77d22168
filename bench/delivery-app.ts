/**
 * One process that makes decisions and delivers them: `node delivery-app.ts PIPELINE SPANS ENDPOINT`. Prints what a decision cost.
 *
 * `plain`: a span and a log record written by hand, through the stock batch processors; they keep nothing safe, but here lose
 * nothing either, for their queues are made large enough. `durable`: the decorator and the durable processors.
 */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { context, logs, SeverityNumber, trace } from '@opentelemetry/api';
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-proto';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { BatchLogRecordProcessor, LoggerProvider } from '@opentelemetry/sdk-logs';
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { audited } from '@decision-trail/decisions';
import { DurableLogRecordProcessor, DurableSpanProcessor, openSpool } from '@decision-trail/durable';
import { applicants, risk } from './applicants.ts';
import type { Applicant } from './applicants.ts';

const WARMUP_CALLS = 20_000;
const CALLS = 40_000;
/** Calls between two turns of the event loop, so that delivery goes on beside them. */
const CALLS_A_TURN = 20;
const QUEUE_MAX = 1_000_000;
/** Makes an input of about 1 KB. */
const HISTORY = 20;

/** What a decision cost, in microseconds. */
export interface Cost {
  /** CPU time of the process, export included. */
  cpuUs: number;
  /** Time inside the call. */
  callP50Us: number;
  callP999Us: number;
}

const [pipeline = '', spans = '', endpoint = ''] = process.argv.slice(2);
const withSpan = spans === 'spans';
const directory = mkdtempSync(path.join(tmpdir(), 'bench-'));
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
const { predict, flush } = pipeline === 'durable' ? durable() : plain();

const inputs = applicants(HISTORY);
await run(WARMUP_CALLS);
await flush();
const cpu = process.cpuUsage();
const callsUs = await run(CALLS);
await flush();
const { user, system } = process.cpuUsage(cpu);
const sorted = callsUs.toSorted();
const cost: Cost = {
  cpuUs: (user + system) / CALLS,
  callP50Us: sorted[Math.floor(CALLS * 0.5)]!,
  callP999Us: sorted[Math.floor(CALLS * 0.999)]!,
};
console.log(JSON.stringify(cost));
rmSync(directory, { recursive: true, force: true });
process.exit();

async function run(calls: number): Promise<Float64Array> {
  const tookUs = new Float64Array(calls);
  for (let call = 0; call < calls; call++) {
    const input = inputs[call % inputs.length]!;
    const start = performance.now();
    predict(input);
    tookUs[call] = (performance.now() - start) * 1000;
    if (call % CALLS_A_TURN === 0) await setImmediate();
  }
  return tookUs;
}

interface Pipeline {
  predict: (applicant: Applicant) => number;
  flush: () => Promise<void>;
}

function durable(): Pipeline {
  const spool = openSpool({ directory, endpoint, flushTimeoutMs: 60_000 });
  logs.setGlobalLoggerProvider(new LoggerProvider({ processors: [new DurableLogRecordProcessor({ spool })] }));
  if (withSpan) {
    trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [new DurableSpanProcessor({ spool })] }));
  }
  const flush = async (): Promise<void> => {
    if (!(await spool.flush())) throw new Error('not everything was delivered');
  };
  return { predict: audited({ model: 'risk', span: withSpan }, (applicant: Applicant) => risk(applicant)), flush };
}

function plain(): Pipeline {
  const exporter = new OTLPLogExporter({ url: `${endpoint}/v1/logs` });
  const logProcessor = new BatchLogRecordProcessor({ exporter, maxQueueSize: QUEUE_MAX });
  const logProvider = new LoggerProvider({ processors: [logProcessor] });
  logs.setGlobalLoggerProvider(logProvider);
  const spanExporter = new OTLPTraceExporter({ url: `${endpoint}/v1/traces` });
  const spanProcessor = new BatchSpanProcessor({ exporter: spanExporter, maxQueueSize: QUEUE_MAX });
  if (withSpan) trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [spanProcessor] }));
  const flush = async (): Promise<void> => {
    await Promise.all([logProvider.forceFlush(), spanProcessor.forceFlush()]);
  };
  return { predict: withSpan ? byHandWithSpan : byHand, flush };
}

/** What one would write by hand; it neither masks nor limits anything. */
function byHand(applicant: Applicant): number {
  const decision = risk(applicant);
  emit(applicant, decision);
  return decision;
}

function byHandWithSpan(applicant: Applicant): number {
  return trace.getTracer('by-hand').startActiveSpan('decision risk', (span) => {
    const decision = risk(applicant);
    span.setAttributes(emit(applicant, decision));
    span.end();
    return decision;
  });
}

function emit(input: Applicant, decision: number): Record<string, string | number> {
  const id = randomUUID();
  const timestamp = new Date().toISOString();
  const attributes = {
    'decision.id': id,
    'decision.input': JSON.stringify(input),
    'decision.value': decision,
    'decision.timestamp': timestamp,
    'decision.model.name': 'risk',
  };
  const body = JSON.stringify({ schema: 'decision/1', id, timestamp, model: { name: 'risk' }, input, decision });
  logs
    .getLogger('by-hand')
    .emit({ eventName: 'decision.made', severityNumber: SeverityNumber.INFO, severityText: 'INFO', body, attributes });
  return attributes;
}
