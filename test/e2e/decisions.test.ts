/**
 * One decision, end to end: a real application, Collector, Jaeger and Loki, started on free ports with the shipped
 * configurations, and the real command that reads them.
 */
import { execFile, fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DecisionRecord } from '@decision-trail/decisions';
import { missingBackends, startCollector, startJaeger, startLoki } from '../backends/run.ts';
import type { RunningCollector, RunningJaeger, RunningLoki } from '../backends/run.ts';

const CLI = path.resolve(import.meta.dirname, '../../packages/review/dist/bin.js');
const TIMEOUT_MS = 300_000;
const ARRIVED_TIMEOUT_MS = 120_000;
const POLL_MS = 500;
const OUTPUT_BYTES_MAX = 256 * 1024 * 1024;

const missing = await missingBackends();
const skipped = missing.length > 0 && process.env['CI'] !== 'true';
const reason = skipped ? ` (skipped: no ${missing.join(', ')}; npm run backends gets them)` : '';

async function decisionTrail(...args: string[]): Promise<string[]> {
  const { stdout } = await promisify(execFile)(process.execPath, [CLI, ...args], { maxBuffer: OUTPUT_BYTES_MAX });
  return stdout.split('\n').slice(0, -1);
}

/** Lists a source until it has so many decisions. */
async function arrived(source: string, count: number, ...filter: string[]): Promise<string[]> {
  const deadline = performance.now() + ARRIVED_TIMEOUT_MS;
  for (;;) {
    const bodies = await decisionTrail('list', '--source', source, '--json', ...filter);
    if (bodies.length >= count || performance.now() > deadline) return bodies;
    await delay(POLL_MS);
  }
}

describe.skipIf(skipped)(`decisions end to end${reason}`, { timeout: TIMEOUT_MS }, () => {
  let dir: string;
  let jaeger: RunningJaeger;
  let loki: RunningLoki;
  let collector: RunningCollector;
  let app: ChildProcess;
  /** The bodies of all log records, as the application emitted them. */
  const emitted: string[] = [];

  async function decide(count: number): Promise<void> {
    app.send({ from: emitted.length, count });
    const [bodies] = (await once(app, 'message')) as [string[]];
    emitted.push(...bodies);
  }

  beforeAll(async () => {
    dir = mkdtempSync(path.join(tmpdir(), 'decision-trail-e2e-'));
    [jaeger, loki] = await Promise.all([startJaeger({ dir }), startLoki({ dir })]);
    collector = await startCollector({ dir, jaeger, loki });
    app = fork(path.join(import.meta.dirname, 'app.mjs'), {
      env: { ...process.env, OTEL_SERVICE_NAME: 'e2e', OTEL_EXPORTER_OTLP_ENDPOINT: collector.url },
    });
  }, TIMEOUT_MS);

  afterAll(async () => {
    app?.kill();
    await Promise.all([collector?.kill(), jaeger?.kill(), loki?.kill()]);
    rmSync(dir, { recursive: true, force: true });
  });

  test('1,000 decisions are all found in Loki, byte for byte, though Loki was away and the Collector was killed', async () => {
    await decide(400);

    await loki.stop();
    await decide(300);
    await loki.start();

    await loki.stop();
    await decide(300);
    await collector.kill();
    await collector.start();
    await loki.start();

    expect(emitted).toHaveLength(1000);
    const inLoki = await arrived(`loki:${loki.url}`, 1000);
    expect(inLoki.toSorted()).toEqual(emitted.toSorted());
  });

  test('and in Jaeger, by id, with input, decision and timestamp of the original', async () => {
    const inJaeger = await arrived(`jaeger:${jaeger.url}`, 1000);
    const essence = ({ id, timestamp, input, decision, error, score, threshold }: DecisionRecord) => ({
      id,
      timestamp,
      input,
      decision,
      errorType: error?.type,
      score,
      threshold,
    });
    const originals = new Map(
      emitted.map((body) => JSON.parse(body) as DecisionRecord).map((record) => [record.id, record]),
    );
    expect(new Set(inJaeger.map((body) => (JSON.parse(body) as DecisionRecord).id)).size).toBe(1000);
    for (const body of inJaeger) {
      const record = JSON.parse(body) as DecisionRecord;
      expect(essence(record)).toEqual(essence(originals.get(record.id)!));
    }
  });

  test('a log record leads to its trace, and the trace back to the log record', async () => {
    const original = JSON.parse(emitted[123]!) as DecisionRecord;
    const { id, trace } = original;
    const [fromLoki] = await decisionTrail('show', id, '--source', `loki:${loki.url}`, '--json');
    expect(fromLoki).toBe(emitted[123]);

    const response = await fetch(`${jaeger.url}/api/traces/${trace!.traceId}`);
    const { data } = (await response.json()) as {
      data: { spans: { spanID: string; tags: { key: string; value: unknown }[] }[] }[];
    };
    const span = data[0]!.spans.find(({ spanID }) => spanID === trace!.spanId)!;
    expect(span.tags.find(({ key }) => key === 'decision.id')?.value).toBe(id);

    const query = `{service_name="e2e"} | trace_id="${trace!.traceId}"`;
    const start = `${(Date.parse(original.timestamp) - 60_000) * 1e6}`;
    const found = await fetch(
      `${loki.url}/loki/api/v1/query_range?${new URLSearchParams({ query, start }).toString()}`,
    );
    const { data: logs } = (await found.json()) as { data: { result: { values: [string, string][] }[] } };
    expect(logs.result.flatMap(({ values }) => values.map(([, line]) => line))).toEqual([emitted[123]]);
  });

  test('5,000 decisions in one burst, made while the Collector is dead by a process that is then killed: all in both', async () => {
    const start = (): ChildProcess =>
      fork(path.join(import.meta.dirname, 'burst.mjs'), {
        execArgv: ['--import', '@decision-trail/node/register'],
        cwd: import.meta.dirname,
        env: {
          ...process.env,
          OTEL_SERVICE_NAME: 'burst',
          OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
          DECISION_TRAIL_SPOOL_DIR: path.join(dir, 'spool'),
        },
      });
    await collector.kill();
    const first = start();
    first.send({ count: 5_000 });
    const [ids] = (await once(first, 'message')) as [string[]];
    first.kill('SIGKILL');
    await once(first, 'exit');
    await collector.start();

    const second = start();
    try {
      for (const source of [`loki:${loki.url}`, `jaeger:${jaeger.url}`]) {
        const bodies = await arrived(source, 5_000, '--model', 'burst');
        expect(bodies.map((body) => (JSON.parse(body) as DecisionRecord).id).toSorted()).toEqual(ids.toSorted());
      }
    } finally {
      second.kill();
    }
  });

  test('the embedded store lists the same bytes as Loki, in the same order', async () => {
    const { startReceiver, Store } = await import('@decision-trail/review');
    const file = path.join(dir, 'same.db');
    const store = Store.open(file);
    const receiver = await startReceiver({ store, port: 0 });
    try {
      const logRecords = emitted.map((body) => {
        const { id, timestamp } = JSON.parse(body) as DecisionRecord;
        return {
          timeUnixNano: `${Date.parse(timestamp)}000000`,
          eventName: 'decision.made',
          body: { stringValue: body },
          attributes: [{ key: 'decision.id', value: { stringValue: id } }],
        };
      });
      const response = await fetch(`${receiver.url}/v1/logs`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords }] }] }),
      });
      expect([response.status, await response.text()]).toEqual([200, '{}']);
    } finally {
      await receiver.close();
      store.close();
    }
    const inStore = await decisionTrail('list', '--source', `sqlite:${file}`, '--json');
    expect(inStore).toHaveLength(1000);
    expect(inStore).toEqual(await decisionTrail('list', '--source', `loki:${loki.url}`, '--json', '--model', 'e2e'));
  });
});
