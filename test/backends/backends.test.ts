import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BACKENDS, BACKEND_NAMES } from './catalogue.ts';
import { bodiesInLoki, decision, postLogs, postSpans, traceInJaeger } from './otlp.ts';
import {
  missingBackends,
  startCollector,
  startJaeger,
  startLoki,
  type RunningCollector,
  type RunningJaeger,
  type RunningLoki,
} from './run.ts';

const KIB = 1024;
const HOUR_MS = 3_600_000;
const TEST_TIMEOUT_MS = 180_000;

const missing = await missingBackends();
const skipped = missing.length > 0 && process.env['CI'] !== 'true';
const reason = skipped ? ` (skipped: no ${missing.join(', ')}; npm run backends gets them)` : '';

test('compose.yaml runs the images that npm run backends takes binaries from', async () => {
  const compose = await readFile(new URL('../../collector-config/compose.yaml', import.meta.url), 'utf8');
  for (const name of BACKEND_NAMES) {
    const { repository, version } = BACKENDS[name].image;
    expect(compose).toContain(`image: ${repository}:${version}\n`);
  }
});

describe.skipIf(skipped)(`the shipped configurations${reason}`, { timeout: TEST_TIMEOUT_MS }, () => {
  let dir: string;
  let jaeger: RunningJaeger;
  let loki: RunningLoki;
  let collector: RunningCollector;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'decision-trail-backends-'));
    [jaeger, loki] = await Promise.all([startJaeger({ dir }), startLoki({ dir })]);
    collector = await startCollector({ dir, jaeger, loki });
  }, TEST_TIMEOUT_MS);

  afterAll(async () => {
    await Promise.all([collector?.kill(), jaeger?.kill(), loki?.kill()]);
    await rm(dir, { recursive: true, force: true });
  });

  test('a log record reaches Loki with its body unchanged, its span reaches Jaeger', async () => {
    const made = decision('first', { body: '{"schema":"decision/1","text":"\\u0000 \\"ü\\" \\ud83d\\ude00","n":1e3}' });
    await postLogs(collector.url, [made]);
    await postSpans(collector.url, [made]);
    expect(await bodiesInLoki(loki.url, ['first'])).toEqual(new Map([['first', made.body]]));
    expect(await traceInJaeger(jaeger.url, 'first')).toBe(made.traceId);
  });

  test('what was sent while Loki is down arrives once it is up again', async () => {
    await loki.stop();
    await postLogs(collector.url, [decision('during-outage')]);
    await loki.start();
    await bodiesInLoki(loki.url, ['during-outage']);
  });

  test('a Collector killed right after its 200 OK still delivers, with Loki and Jaeger down at the time', async () => {
    await Promise.all([loki.kill(), jaeger.kill()]);
    const burst = Array.from({ length: 100 }, (_, index) => decision(`before-crash-${index}`));
    await Promise.all(burst.map((each) => postLogs(collector.url, [each])));
    await postSpans(collector.url, burst);
    await collector.kill();
    await Promise.all([loki.start(), jaeger.start(), collector.start()]);
    await bodiesInLoki(
      loki.url,
      burst.map(({ id }) => id),
    );
    expect(await traceInJaeger(jaeger.url, 'before-crash-99')).toBe(burst[99]?.traceId);
  });

  test('a Collector killed while it is sending still delivers', async () => {
    const burst = Array.from({ length: 200 }, (_, index) =>
      decision(`while-sending-${index}`, { body: 'x'.repeat(32 * KIB) }),
    );
    await postLogs(collector.url, burst);
    await collector.kill();
    await collector.start();
    await bodiesInLoki(
      loki.url,
      burst.map(({ id }) => id),
    );
  });

  test('512 records of 64 KiB body and 16 KiB attributes in one request all arrive, in one stream', async () => {
    const large = { body: 'y'.repeat(64 * KIB), input: 'x'.repeat(16 * KIB), instance: 'large' };
    const burst = Array.from({ length: 512 }, (_, index) => decision(`large-${index}`, large));
    await postLogs(collector.url, burst);
    const bodies = await bodiesInLoki(
      loki.url,
      burst.map(({ id }) => id),
    );
    expect(new Set(bodies.values())).toEqual(new Set([large.body]));
  });

  test('records far behind the newest of their stream, or ahead of the clock, are accepted', async () => {
    const hours = [0, -2, -8 * 24, 12, -1, -28 * 24];
    const late = hours.map((hour) =>
      decision(`late-${hour}`, { timeMs: Date.now() + hour * HOUR_MS, instance: 'late' }),
    );
    for (const each of late) await postLogs(collector.url, [each]);
    const ids = late.map(({ id }) => id);
    await bodiesInLoki(loki.url, ids);
    // From memory above, from its files here.
    await fetch(`${loki.url}/flush`, { method: 'POST' });
    await loki.stop();
    await loki.start();
    await bodiesInLoki(loki.url, ids);
  });

  test('a record at the limits of body and attributes is accepted', async () => {
    const body = 'z'.repeat(256 * KIB);
    await postLogs(collector.url, [decision('largest', { body, input: 'x'.repeat(16 * KIB) })]);
    expect((await bodiesInLoki(loki.url, ['largest'])).get('largest')).toBe(body);
  });

  test('a refused record takes none of its neighbours with it, and is counted', async () => {
    const refused = decision('refused', { body: 'w'.repeat(600 * KIB) });
    await postLogs(collector.url, [decision('before-refused'), refused, decision('after-refused')]);
    await bodiesInLoki(loki.url, ['before-refused', 'after-refused']);
    const metrics = await (await fetch(collector.metricsUrl)).text();
    expect(metrics).toMatch(/^otelcol_exporter_send_failed_log_records\S* [1-9]/m);
  });

  test('a full queue holds clients back until the backend takes from it, and refuses nothing', async () => {
    const queueBytes = 1024 * KIB;
    const small = await startCollector({ dir: join(dir, 'small'), jaeger, loki, queueBytes });
    try {
      await loki.stop();
      const burst = Array.from({ length: 8 }, (_, index) => decision(`full-${index}`, { body: 'v'.repeat(200 * KIB) }));
      const posts = burst.map((each) => postLogs(small.url, [each]));
      // The first settled answer tells that the Collector is at work; eight do not fit.
      await Promise.race(posts);
      await loki.start();
      await Promise.all(posts);
      await bodiesInLoki(
        loki.url,
        burst.map(({ id }) => id),
      );
    } finally {
      await small.kill();
    }
  });

  test('a server that cannot start tells the end of its log', async () => {
    const taken = Number(new URL(loki.url).port);
    const start = startCollector({ dir: join(dir, 'second'), jaeger, loki, port: taken });
    await expect(start).rejects.toThrow(/^collector: ended by exit code 1; the end of [^]*address already in use/);
  });
});
