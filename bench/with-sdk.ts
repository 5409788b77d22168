import { randomUUID } from 'node:crypto';
import { logs, SpanStatusCode, trace } from '@opentelemetry/api';
import { audited } from '@decision-trail/decisions';
import { applicants, risk } from './applicants.ts';
import type { Applicant } from './applicants.ts';
import { compare } from './compare.ts';
import type { Row } from './table.ts';

const BATCH_ROWS = 100;
/** Makes an input of 10 KB. */
const LONG_HISTORY = 270;

/** The SDK is registered: each call makes a span and a log record. */
export async function withSdk(): Promise<Row[]> {
  const small = applicants();
  const large = applicants(LONG_HISTORY);
  const batch = [applicants(0, BATCH_ROWS)];
  const redacting = audited(
    {
      model: 'risk',
      redact: [
        { path: '/id', method: 'mask', keepLast: 2 },
        { key: 'email', method: 'drop' },
        { pattern: /\b\d{3}-\d{2}-\d{4}\b/, method: 'mask' },
      ],
    },
    (applicant: Applicant) => risk(applicant),
  );
  const inBatches = audited({ model: 'risk', batch: true }, (rows: readonly Applicant[]) => rows.map(risk));
  const inBatchesByHand = (rows: readonly Applicant[]): number[] => rows.map(byHand());
  return [
    { name: 'small input', ...(await compare(byHand(), decorated(), small)) },
    { name: 'small input, async', ...(await compare(byHandAsync(), decoratedAsync(), small)) },
    { name: 'small input, 3 rules', ...(await compare(byHand(), redacting, small)) },
    { name: '10 KB input', ...(await compare(byHand(), decorated(), large)) },
    {
      name: 'batch of 100 rows',
      ...(await compare(
        (rows: readonly Applicant[]) => sum(inBatchesByHand(rows)),
        (rows: readonly Applicant[]) => sum(inBatches(rows)),
        batch,
      )),
    },
  ];
}

function decorated(): (applicant: Applicant) => number {
  return audited({ model: 'risk' }, (applicant: Applicant) => risk(applicant));
}

function decoratedAsync(): (applicant: Applicant) => Promise<number> {
  return audited({ model: 'risk' }, async (applicant: Applicant) => risk(applicant));
}

/** What one would write without the decorator; it neither masks nor limits anything, and any input that JSON refuses breaks it. */
function byHand(): (applicant: Applicant) => number {
  return (applicant) =>
    trace.getTracer('by-hand').startActiveSpan('decision risk', (span) => {
      try {
        const input = JSON.stringify(applicant);
        const decision = risk(applicant);
        record(input, decision);
        return decision;
      } catch (error) {
        span.setStatus({ code: SpanStatusCode.ERROR });
        throw error;
      } finally {
        span.end();
      }
    });
}

function byHandAsync(): (applicant: Applicant) => Promise<number> {
  const model = async (applicant: Applicant): Promise<number> => risk(applicant);
  return async (applicant) =>
    trace.getTracer('by-hand').startActiveSpan('decision risk', async (span) => {
      try {
        const input = JSON.stringify(applicant);
        const decision = await model(applicant);
        record(input, decision);
        return decision;
      } catch (error) {
        span.setStatus({ code: SpanStatusCode.ERROR });
        throw error;
      } finally {
        span.end();
      }
    });
}

function record(input: string, decision: number): void {
  const id = randomUUID();
  const timestamp = new Date().toISOString();
  const attributes = { 'decision.id': id, 'decision.input': input, 'decision.value': decision };
  trace.getActiveSpan()?.setAttributes(attributes);
  logs.getLogger('by-hand').emit({
    eventName: 'decision.made',
    body: JSON.stringify({ id, timestamp, model: { name: 'risk' }, input, decision }),
    attributes,
  });
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
