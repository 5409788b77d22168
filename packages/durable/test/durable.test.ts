/** The processors in a real SDK, with real decisions, a real directory and a real HTTP receiver. */
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { diag, trace } from '@opentelemetry/api';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { LoggerProvider } from '@opentelemetry/sdk-logs';
import { TracerProvider } from '@opentelemetry/sdk-trace';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { audited, AuditUnavailableError, recordReview } from '@decision-trail/decisions';
import {
  DurableLogRecordProcessor,
  DurableSpanProcessor,
  openSpool,
  SpoolError,
  withoutDecisions,
} from '@decision-trail/durable';
import type { LogRecordOptions, Spool, SpoolOptions } from '@decision-trail/durable';
import { logsApi } from './providers.ts';
import { Receiver } from './receiver.ts';

const logs = await logsApi();

/** What both lines call a LogRecordProcessor. */
interface LogRecordProcessor {
  onEmit(record: { eventName?: string | undefined }): void;
  forceFlush(): Promise<void>;
  shutdown(): Promise<void>;
}

let directory: string;
let receiver: Receiver;
let said: string[];
const spools: Spool[] = [];

beforeEach(async () => {
  directory = mkdtempSync(path.join(tmpdir(), 'spool-'));
  receiver = await Receiver.start();
  said = [];
  const say = (message: string): void => void said.push(message);
  diag.setLogger({ error: say, warn: say, info: () => {}, debug: () => {}, verbose: () => {} });
});

afterEach(async () => {
  trace.disable();
  logs.disable();
  await Promise.all(spools.splice(0).map((spool) => spool.shutdown(0)));
  diag.disable();
  receiver.close();
  rmSync(directory, { recursive: true, force: true });
});

interface Started {
  spool: Spool;
  /** Ends as the SDK does. */
  stop(): Promise<void>;
}

const resource = resourceFromAttributes({ 'service.name': 'risk' });

function start(options: SpoolOptions & LogRecordOptions & { processors?: LogRecordProcessor[] } = {}): Started {
  const { records = 'decisions', forward = false, processors = [], ...settings } = options;
  const spool = openSpool({ directory, endpoint: receiver.endpoint, flushTimeoutMs: 10_000, ...settings });
  spools.push(spool);
  const logProvider = new LoggerProvider({
    resource,
    processors: [new DurableLogRecordProcessor({ spool, records, forward }), ...processors],
  });
  const traceProvider = new TracerProvider({ resource, spanProcessors: [new DurableSpanProcessor({ spool })] });
  logs.setGlobalLoggerProvider(logProvider);
  trace.setGlobalTracerProvider(traceProvider);
  return {
    spool,
    stop: async () => {
      await Promise.all([logProvider.shutdown(), traceProvider.shutdown()]);
      logs.disable();
      trace.disable();
    },
  };
}

const predict = audited({ model: 'm' }, (n: number) => ({ label: n % 2 === 0 ? 'approve' : 'deny', n }));
const many = (count: number): void => {
  for (let n = 0; n < count; n++) predict(n);
};
const made = () => receiver.logs.filter(({ name }) => name === 'decision.made');
const losses = () => receiver.logs.filter(({ name }) => name === 'decision.loss').map(({ body }) => body);

/** What was handed over is accounted for. */
function expectConservation(spool: Spool): void {
  const { logs: log, traces } = spool.status();
  for (const { emitted, acknowledged, spooled, deadLettered, refused } of [log, traces]) {
    expect(acknowledged + spooled + deadLettered + refused).toBe(emitted);
  }
}

test('decisions arrive once, in order, with number, leaf hash and resource; their spans as well', async () => {
  const { spool } = start();
  many(1_500);
  expect(await spool.flush()).toBe(true);
  expect(made().map(({ body }) => (body['decision'] as { n: number }).n)).toEqual(
    Array.from({ length: 1_500 }, (_, n) => n),
  );
  expect(made().map(({ attributes }) => Number(attributes['audit.sequence.number']))).toEqual(
    Array.from({ length: 1_500 }, (_, n) => n + 1),
  );
  expect(new Set(receiver.logs.map(({ attributes }) => attributes['audit.sequence.stream_id']))).toEqual(
    new Set([spool.status().streamId]),
  );
  expect(made()[0]).toMatchObject({
    service: 'risk',
    attributes: { 'decision.leaf_hash': expect.stringMatching(/^[0-9a-f]{64}$/) },
  });
  expect(receiver.spans.map(({ attributes }) => attributes['decision.id'])).toEqual(
    made().map(({ body }) => body['id']),
  );
  expect(spool.status().logs).toEqual({ emitted: 1_500, acknowledged: 1_500, spooled: 0, deadLettered: 0, refused: 0 });
  expectConservation(spool);
});

test('reviews are records of the same stream', async () => {
  const { spool } = start();
  predict(1);
  recordReview('01a20b35-4a73-7218-9da7-9ae961a6aabb', { reviewer: { id: 'ann' }, action: 'confirm' });
  await spool.flush();
  expect(receiver.logs.map(({ name, attributes }) => [name, Number(attributes['audit.sequence.number'])])).toEqual([
    ['decision.made', 1],
    ['decision.review', 2],
  ]);
});

test('what one start could not deliver, the next one does', async () => {
  receiver.answer = () => 503;
  const first = start({ flushTimeoutMs: 0 });
  many(200);
  await first.stop();
  receiver.answer = () => 200;
  const second = start();
  expect(await second.spool.flush()).toBe(true);
  expect(made()).toHaveLength(200);
  expect(receiver.spans).toHaveLength(200);
  expect(second.spool.status().logs.emitted).toBe(0);
});

test('delivery goes on while the process makes other decisions, without being asked', async () => {
  start();
  predict(1);
  await receiver.until(() => made().length === 1 && receiver.spans.length === 1);
  predict(2);
  await receiver.until(() => made().length === 2);
});

test('the directory is for its owner alone', () => {
  start();
  predict(1);
  const [stream = ''] = readdirSync(directory);
  expect(statSync(path.join(directory, stream)).mode & 0o777).toBe(0o700);
  for (const file of readdirSync(path.join(directory, stream))) {
    expect(statSync(path.join(directory, stream, file)).mode & 0o777).toBe(0o600);
  }
});

describe('beside other processors', () => {
  class List implements LogRecordProcessor {
    readonly seen: (string | undefined)[] = [];
    onEmit({ eventName }: { eventName?: string | undefined }): void {
      this.seen.push(eventName);
    }
    async forceFlush(): Promise<void> {}
    async shutdown(): Promise<void> {}
  }
  const speak = (): void => logs.getLogger('app').emit({ eventName: 'app.started', body: 'hello' });

  test('one that is wrapped sees everything but decisions, and those go out once', async () => {
    const list = new List();
    const { spool } = start({ processors: [withoutDecisions(list)] });
    many(3);
    speak();
    await spool.flush();
    expect(list.seen).toEqual(['app.started']);
    expect(receiver.logs.map(({ name }) => name)).toEqual(['decision.made', 'decision.made', 'decision.made']);
  });

  test('with `forward` it sees them all, and each still goes out once', async () => {
    const list = new List();
    const { spool } = start({ processors: [list], forward: true });
    many(3);
    await spool.flush();
    expect(list.seen).toHaveLength(3);
    expect(made()).toHaveLength(3);
  });

  test('with `records: all` other log records are kept as well', async () => {
    const { spool } = start({ records: 'all' });
    predict(1);
    speak();
    await spool.flush();
    expect(receiver.logs.map(({ name, body }) => [name, body['text']])).toEqual([
      ['decision.made', undefined],
      ['app.started', 'hello'],
    ]);
  });
});

describe('required', () => {
  const required = audited({ model: 'm', delivery: 'required' }, async (n: number) => n);

  test('a decision is released with its record on stable storage', async () => {
    receiver.answer = () => 503;
    const { spool } = start();
    await Promise.all([required(1), required(2)]);
    expect(spool.status().pending).toBe(0);
  });

  test('no decision where the directory has vanished', async () => {
    const { spool } = start({ segmentBytesMax: 64 * 1024 });
    await required(1);
    await spool.flush();
    rmSync(directory, { recursive: true });
    writeFileSync(directory, '');
    const outcomes = await Promise.allSettled(Array.from({ length: 200 }, (_, n) => required(n)));
    const failed = outcomes.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
    expect(failed.length).toBeGreaterThan(0);
    for (const { reason } of failed) expect(reason).toBeInstanceOf(AuditUnavailableError);
  });
});

describe('what the Collector refuses for good', () => {
  test('goes to the dead letters and is told of in the trail; its neighbours are delivered', async () => {
    receiver.answer = (records) =>
      records.some(({ body }) => (body['decision'] as { n?: number })?.n === 77) ? 400 : 200;
    const { spool } = start();
    many(100);
    expect(await spool.flush()).toBe(true);
    expect(await spool.flush()).toBe(true);
    expect(made().map(({ body }) => (body['decision'] as { n: number }).n)).toEqual(
      Array.from({ length: 100 }, (_, n) => n).filter((n) => n !== 77),
    );
    expect(losses()).toEqual([
      expect.objectContaining({
        schema: 'decision-loss/1',
        reason: 'dead-letter',
        count: 1,
        from: 77,
        to: 79,
        detail: expect.stringContaining('400'),
      }),
    ]);
    expect(spool.status().logs).toMatchObject({ emitted: 101, acknowledged: 100, deadLettered: 1, spooled: 0 });
    expect(readdirSync(path.join(directory, spool.status().streamId, 'dead-letters'))).toEqual(['0000000001.segment']);
    expect(said.join('\n')).toContain('refused by the Collector');
  });

  test('a Collector that refuses everything gets no endless tale of it', async () => {
    receiver.answer = () => 400;
    const { spool } = start();
    many(3);
    expect(await spool.flush()).toBe(true);
    expect(await spool.flush()).toBe(true);
    const { emitted, deadLettered } = spool.status().logs;
    expect(deadLettered).toBe(emitted);
    // One for each dead letter at most: three log records, three spans.
    expect(emitted).toBeLessThanOrEqual(9);
    expectConservation(spool);
  });
});

describe('when it is full', () => {
  const full = { bytesMax: 1024 * 1024, segmentBytesMax: 64 * 1024 } as const;
  const large = audited({ model: 'm' }, (n: number) => ({ n, text: 'x'.repeat(10_000) }));
  const largeAsync = audited({ model: 'm' }, async (n: number) => ({ n, text: 'x'.repeat(10_000) }));
  const numbers = () => made().map(({ body }) => (body['decision'] as { n: number }).n);

  beforeEach(() => {
    receiver.answer = () => 503;
  });

  test('refuse: decisions go on, the oldest records stay, and the trail tells how many are missing', async () => {
    const { spool } = start(full);
    for (let n = 0; n < 300; n++) expect(large(n)).toMatchObject({ n });
    const { refused, spooled } = spool.status().logs;
    expect(refused).toBeGreaterThan(100);
    expect(spooled + refused).toBe(300);
    receiver.answer = () => 200;
    while (losses().length === 0) await spool.flush();
    expect(numbers()).toEqual(Array.from({ length: spooled }, (_, n) => n));
    const told = losses().reduce((sum, { count }) => sum + Number(count), 0);
    const { logs: log, traces } = spool.status();
    expect(told).toBe(log.refused + traces.refused);
    expectConservation(spool);
    expect(said.join('\n')).toContain('the spool is full');
  });

  test('block: async functions wait for room and lose nothing, others are told', async () => {
    const { spool } = start({ ...full, whenFull: 'block' });
    const decisions = Array.from({ length: 300 }, (_, n) => largeAsync(n));
    await new Promise(setImmediate);
    expect(() => large(-1)).toThrow(AuditUnavailableError);
    receiver.answer = () => 200;
    await Promise.all([...decisions, spool.flush()]);
    expect(await spool.flush()).toBe(true);
    expect(numbers().toSorted((a, b) => a - b)).toEqual(Array.from({ length: 300 }, (_, n) => n));
    expect(spool.status().logs.refused).toBe(1);
    expectConservation(spool);
  });

  test('drop-oldest: the newest records stay, and the trail tells what is missing', async () => {
    const { spool } = start({ ...full, whenFull: 'drop-oldest' });
    for (let n = 0; n < 300; n++) large(n);
    receiver.answer = () => 200;
    while (losses().length === 0) await spool.flush();
    const kept = numbers();
    expect(kept.at(-1)).toBe(299);
    expect(kept.length).toBeLessThan(150);
    const missing = losses().reduce((sum, { count }) => sum + Number(count), 0);
    const { logs: log, traces } = spool.status();
    expect(missing).toBe(log.refused + traces.refused);
    expect(kept.length + log.refused).toBe(300);
    expectConservation(spool);
  });
});

test('spans that are not sampled are not kept; the log record is', async () => {
  const spool = openSpool({ directory, endpoint: receiver.endpoint });
  spools.push(spool);
  logs.setGlobalLoggerProvider(new LoggerProvider({ processors: [new DurableLogRecordProcessor({ spool })] }));
  const sampler = { shouldSample: () => ({ decision: 1 }), toString: () => 'record only' };
  trace.setGlobalTracerProvider(new TracerProvider({ sampler, spanProcessors: [new DurableSpanProcessor({ spool })] }));
  predict(1);
  await spool.flush();
  expect([made().length, receiver.spans.length]).toEqual([1, 0]);
});

test.for<[string, SpoolOptions, RegExp]>([
  ['an unknown option', { dir: 'x' } as SpoolOptions, /no option "dir"; it has directory/],
  ['a limit that is none', { bytesMax: 0 }, /"bytesMax" to be a number of bytes, 1 MiB or more/],
  ['a policy that is none', { whenFull: 'wait' as 'block' }, /"whenFull" to be 'refuse', 'block' or 'drop-oldest'/],
  ['an endpoint that is none', { endpoint: 'localhost:4318' }, /endpoint/],
  ['a directory below a file', { directory: '/dev/null/spool' }, /\/dev\/null\/spool.*Give the spool a directory/],
])('%s is refused with what to do', ([, options, message]) => {
  expect(() => openSpool({ directory, ...options })).toThrow(message);
  expect(() => openSpool({ directory, ...options })).toThrow(SpoolError);
});

test.for<[string, () => unknown, RegExp]>([
  [
    'a spool in place of options',
    () => new DurableSpanProcessor(openSpool({ directory }) as object),
    /with spool, spans, not "Spool"/,
  ],
  [
    'an option that it has not',
    () => new DurableLogRecordProcessor({ all: true } as object),
    /with spool, records, forward, not "all"/,
  ],
  [
    'a value that is none',
    () => new DurableLogRecordProcessor({ records: 'logs' as 'all' }),
    /"records" to be one of decisions, all/,
  ],
])('a processor refuses %s', ([, make, message]) => {
  expect(make).toThrow(message);
  expect(make).toThrow(SpoolError);
});

test('the package exports what it promises, and nothing else', async () => {
  const api = await import('@decision-trail/durable');
  expect(Object.keys(api).toSorted((a, b) => a.localeCompare(b))).toEqual([
    'DurableLogRecordProcessor',
    'DurableSpanProcessor',
    'openSpool',
    'SpoolError',
    'withoutDecisions',
  ]);
});
