/** Readers of Loki and Jaeger, against small fakes; the real ones are in the tests of the whole. */
import { openSource } from '@decision-trail/review';
import type { DecisionQuery, Entry, Source } from '@decision-trail/review';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { greaterThan } from '../src/sources/id-filter.js';
import { inOrder } from '../src/sources/order.js';
import type { Positioned } from '../src/sources/order.js';
import { parseEntry } from '../src/entry.js';
import { TroubleLog } from '../src/trouble.js';
import { FakeBackend, jaegerAnswer, json, lokiAnswer } from './fake-backend.js';
import type { FakeAnswer, FakeRequest, JaegerFakeSpan, LokiLine } from './fake-backend.js';
import { body } from './stock.js';

const HOUR_MS = 3_600_000;
const MS = 1_000_000n;

let backend: FakeBackend | undefined;
let warnings: string[];

afterEach(async () => {
  await backend?.stop();
  backend = undefined;
});

async function open(scheme: 'loki' | 'jaeger', answer: (request: FakeRequest) => FakeAnswer): Promise<Source> {
  warnings = [];
  backend = await FakeBackend.start(answer);
  return openSource(`${scheme}:${backend.url}`, { onWarning: (line) => warnings.push(line) });
}

async function idsOf(source: Source, query: DecisionQuery = {}): Promise<string[]> {
  const ids: string[] = [];
  for await (const entry of source.list(query)) ids.push(entry.record.id);
  return ids;
}

function sinceMs(ms: number): DecisionQuery {
  return { sinceUnixNano: BigInt(ms) * MS };
}

/** A UUIDv7 of a time, the n-th of it. */
function uuid(ms: number, n: number): string {
  const time = ms.toString(16).padStart(12, '0');
  const count = n.toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${count}`;
}

function line(id: string, ms: number, fields: { labels?: Record<string, string>; body?: string } = {}): LokiLine {
  return {
    nanos: BigInt(ms) * MS,
    labels: {
      service_name: 'loans',
      decision_id: id,
      audit_action: 'DECIDE',
      decision_model_name: 'loan',
      ...fields.labels,
    },
    body: fields.body ?? body(id, { timestamp: new Date(ms).toISOString() }),
  };
}

describe('Loki', () => {
  const ENOUGH_BYTES = 4 * 1024 * 1024;
  const now = Date.now();

  test('gives every decision once, oldest first, over many pages and windows', async () => {
    const times = Array.from({ length: 900 }, (_, n) => now - 100 * 24 * HOUR_MS + n * 2.5 * HOUR_MS);
    const lines = times.map((ms, n) => line(uuid(ms, n), ms));
    const source = await open('loki', lokiAnswer([...lines, ...lines.slice(0, 50)].toReversed(), ENOUGH_BYTES));
    const ids = await idsOf(source, sinceMs(now - 101 * 24 * HOUR_MS));
    expect(ids).toEqual(lines.map(({ labels }) => labels['decision_id']));
    expect(warnings).toEqual([]);
  });

  test('gives all of more decisions than a page holds within one nanosecond', async () => {
    const before = Array.from({ length: 60 }, (_, n) => line(uuid(now - 5, n), now - 5));
    const same = Array.from({ length: 13_000 }, (_, n) => line(uuid(now, n * 7), now));
    const after = [line('after', now + 1)];
    const source = await open('loki', lokiAnswer([...after, ...same.toReversed(), ...before], ENOUGH_BYTES));
    const ids = await idsOf(source, sinceMs(now - HOUR_MS));
    expect(ids).toEqual([...before, ...same, ...after].map(({ labels }) => labels['decision_id']));
  });

  test('gives all where one nanosecond holds thousands of copies of one decision', async () => {
    const copies = Array.from({ length: 6_000 }, () => line('b', now));
    const source = await open('loki', lokiAnswer([line('c', now), ...copies, line('a', now)], ENOUGH_BYTES));
    expect(await idsOf(source, sinceMs(now - HOUR_MS))).toEqual(['a', 'b', 'c']);
  });

  test('is asked for less where it cannot send what was asked for', async () => {
    const lines = Array.from({ length: 30 }, (_, n) => {
      const timestamp = new Date(now + n).toISOString();
      return line(`d-${n + 10}`, now + n, { body: body(`d-${n + 10}`, { timestamp, input: 'x'.repeat(60_000) }) });
    });
    const source = await open('loki', lokiAnswer(lines, 300_000));
    expect(await idsOf(source, sinceMs(now - HOUR_MS))).toHaveLength(30);
  });

  test('gives bodies byte for byte', async () => {
    const text = `{"id":"a",  "timestamp":"${new Date(now).toISOString()}","x":"\\u00fc ü \u2028"}`;
    const source = await open('loki', lokiAnswer([line('a', now, { body: text })], ENOUGH_BYTES));
    expect((await source.find('a'))?.body).toBe(text);
  });

  test('leaves out what is no decision, and says so of a decision record that is broken', async () => {
    const lines = [
      line('a', now),
      line('a', now + 1, { labels: { audit_action: 'OUTCOME' }, body: '{"decisionId":"a"}' }),
      line('a', now + 2, { labels: { event_name: 'decision.review', audit_action: '' }, body: '{"decisionId":"a"}' }),
      line('b', now + 3, { body: '{"id":"b"' }),
      line('', now + 4, { labels: { decision_id: '' }, body: 'GET / 200' }),
    ];
    const source = await open('loki', lokiAnswer(lines, ENOUGH_BYTES));
    expect(await idsOf(source)).toEqual(['a']);
    expect(warnings).toEqual([expect.stringContaining('that is no decision record: not valid JSON')]);
  });

  test('shows the first of two bodies of one decision, and says so', async () => {
    const second = body('a', { timestamp: new Date(now + 1).toISOString(), decision: 'deny' });
    const source = await open('loki', lokiAnswer([line('a', now + 1, { body: second }), line('a', now)], ENOUGH_BYTES));
    expect((await collect(source)).map((entry) => entry.record.decision)).toEqual(['approve']);
    expect(warnings).toEqual(['decision a is there with more than one body; the first one is shown']);
  });

  test('narrows by model and by time', async () => {
    const lines = ['a', 'b', 'c'].map((id, n) => line(id, now + n));
    const other = { timestamp: new Date(now).toISOString(), model: { name: 'a "model"\\' } };
    lines.push(line('d', now, { labels: { decision_model_name: 'a "model"\\' }, body: body('d', other) }));
    const source = await open('loki', lokiAnswer(lines, ENOUGH_BYTES));
    expect(await idsOf(source, { sinceUnixNano: BigInt(now + 1) * MS, untilUnixNano: BigInt(now + 2) * MS })).toEqual([
      'b',
    ]);
    expect(await idsOf(source, { model: 'a "model"\\' })).toEqual(['d']);
  });

  test('finds one decision without listing all, and not one that is not there', async () => {
    const made = now - 20 * 24 * HOUR_MS;
    const lines = Array.from({ length: 1_000 }, (_, n) => line(uuid(made + n, n), made + n));
    const source = await open('loki', lokiAnswer(lines, ENOUGH_BYTES));
    expect((await source.find(uuid(made + 7, 7)))?.record.id).toBe(uuid(made + 7, 7));
    expect(backend!.requests).toHaveLength(1);
    expect(await source.find('no" | such')).toBeUndefined();
  });

  test('is sent a user and a password, which no message shows', async () => {
    backend = await FakeBackend.start(() => ({ status: 401, text: 'no' }));
    const source = openSource(`loki:${backend.url.replace('//', '//ada:s%40cret@')}/prefix/`);
    const failure = await source.find('a').catch((error: Error) => error.message);
    expect(failure).toContain('answered 401');
    expect(failure).not.toMatch(/ada|cret/);
    expect(backend.requests[0]).toMatchObject({
      path: '/prefix/loki/api/v1/query_range',
      headers: { authorization: `Basic ${Buffer.from('ada:s@cret').toString('base64')}` },
    });
  });
});

describe('Jaeger', () => {
  const nowMicro = Date.now() * 1_000;

  function span(n: number, startMicro: number, fields: Partial<JaegerFakeSpan> & { id?: string } = {}): JaegerFakeSpan {
    const { id = `d-${String(n).padStart(6, '0')}`, tags, ...rest } = fields;
    return {
      traceId: n.toString(16).padStart(32, '0'),
      startMicro,
      service: 'loans',
      operation: 'decision loan',
      tags: {
        'decision.id': id,
        'decision.timestamp': new Date(startMicro / 1_000).toISOString(),
        'decision.input': '{"age":30}',
        'decision.value': 'approve',
        'decision.model.name': 'loan',
        ...tags,
      },
      ...rest,
    };
  }

  test('gives every decision once, oldest first, over full answers and several services', async () => {
    const spans = Array.from({ length: 1_700 }, (_, n) =>
      span(n, nowMicro - 10_000_000 + n * 1_000, {
        service: n % 3 === 0 ? 'loans' : 'a/b c',
        operation: `decision m${n % 2}`,
      }),
    );
    const source = await open('jaeger', jaegerAnswer(spans.toReversed()));
    expect(await idsOf(source)).toEqual(spans.map(({ tags }) => tags['decision.id']));
  });

  test('gives all of more traces than an answer holds within one microsecond', async () => {
    const spans = Array.from({ length: 1_200 }, (_, n) => span(n, nowMicro));
    const source = await open('jaeger', jaegerAnswer(spans.toReversed()));
    expect(await idsOf(source)).toEqual(spans.map(({ tags }) => tags['decision.id']));
  });

  test('gives each decision of a trace that lasts long', async () => {
    const traceId = 'abc'.padStart(32, '0');
    const spans = [0, 1, 2].map((n) => span(n, nowMicro - n * 20 * 24 * HOUR_MS * 1_000, { traceId }));
    spans.push(span(9, nowMicro, { traceId, operation: 'GET /', tags: { 'decision.id': undefined } }));
    const source = await open('jaeger', jaegerAnswer(spans));
    expect(await idsOf(source)).toEqual(['d-000001', 'd-000000']);
  });

  test('rebuilds a record from the attributes of its span', async () => {
    const tags = {
      'decision.model.version': '2.1.0',
      'decision.score': 0.93,
      'decision.threshold': 0.5,
      'decision.reasons': '["LOW_INCOME","AGE"]',
      'decision.value': '{"limit":5}',
    };
    const source = await open('jaeger', jaegerAnswer([span(1, nowMicro, { tags })]));
    const entry = await source.find('d-000001');
    expect(entry?.body).toBe(
      JSON.stringify({
        schema: 'decision/1',
        id: 'd-000001',
        timestamp: new Date(nowMicro / 1_000).toISOString(),
        durationMs: 1.5,
        model: { name: 'loan', version: '2.1.0' },
        input: { age: 30 },
        decision: { limit: 5 },
        score: 0.93,
        threshold: 0.5,
        reasons: [{ code: 'LOW_INCOME' }, { code: 'AGE' }],
        trace: { traceId: '1'.padStart(32, '0'), spanId: '0000000000000000' },
      }),
    );
  });

  test('tells of a failure, and of each kind of scalar decision', async () => {
    const failed = { 'decision.value': undefined, 'error.type': 'RangeError', 'otel.status_description': 'too old' };
    const values = [3.5, true, 'null', '[1', '"quoted"'];
    const spans = [
      span(0, nowMicro, { tags: failed }),
      ...values.map((value, n) => span(n + 1, nowMicro + 1_000 * (n + 1), { tags: { 'decision.value': value } })),
    ];
    const source = await open('jaeger', jaegerAnswer(spans));
    const records = (await collect(source)).map(({ record }) => record);
    expect(records[0]).toMatchObject({ error: { type: 'RangeError', message: 'too old' } });
    expect(records.slice(1).map(({ decision }) => decision)).toEqual([3.5, true, null, '[1', '"quoted"']);
  });

  test('says once that long inputs are cut', async () => {
    const tags = { 'decision.input': JSON.stringify('x'.repeat(4_000)) };
    const source = await open('jaeger', jaegerAnswer([1, 2, 3].map((n) => span(n, nowMicro + n, { tags }))));
    expect(await idsOf(source)).toHaveLength(3);
    expect(warnings).toEqual([expect.stringContaining('has only the beginning')]);
  });

  test('narrows by model, and finds nothing where there is nothing', async () => {
    const source = await open(
      'jaeger',
      jaegerAnswer([
        span(1, nowMicro),
        span(2, nowMicro, { operation: 'decision x', tags: { 'decision.model.name': 'x' } }),
      ]),
    );
    expect(await idsOf(source, { model: 'x' })).toEqual(['d-000002']);
    expect(await source.find('nope')).toBeUndefined();
  });
});

describe.each(['loki', 'jaeger'] as const)('%s that does not answer as it should', (scheme) => {
  test.each([
    ['an error', { status: 404, text: 'no such page' }, /answered 404 to http:\/\/127[^ ]*: no such page; check/],
    ['a failure', { status: 500, text: '' }, /answered 500 to http:\/\/127[^ ]*; try again later$/],
    ['a web page', { status: 200, text: '<html>' }, /is no JSON: check that this is the URL of/],
    ['other JSON', json({ data: 7 }), /holds no .*: check that this is the URL of/],
    ['null', json(null), /holds no/],
    ['a closed connection', 'broken' as const, /broke off/],
  ])('but with %s is told in one line', async (_, answer, message) => {
    const source = await open(scheme, () => answer);
    const failure = await collect(source).catch((error: Error) => error);
    expect(failure).toMatchObject({ name: 'ReviewError', message: expect.stringMatching(message) as string });
    expect((failure as Error).message).not.toContain('\n');
  });

  test('because it is not there is told in one line', async () => {
    const gone = await FakeBackend.start(() => 'broken');
    const { url } = gone;
    await gone.stop();
    await expect(collect(openSource(`${scheme}:${url}`))).rejects.toThrow(
      new RegExp(`^cannot reach ${scheme} at ${url}/: connection refused; check the URL and that it is running$`, 'i'),
    );
  });
});

test.each(['', 'file.db', 'mysql:x', 'sqlite:', 'loki:', 'loki:localhost:3100', 'jaeger:ftp://x', 'LOKI:http://x'])(
  'the source %s is a wrong use',
  (name) => {
    expect(() => openSource(name)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  },
);

describe('the order of every source', () => {
  const at = (id: string, ms: number, positionMs = ms): Positioned => ({
    entry: parseEntry(body(id, { timestamp: new Date(ms).toISOString() })),
    positionUnixNano: BigInt(positionMs) * MS,
  });

  test('is by time, then by id, though backends order by a time of their own', async () => {
    const moments = fc.array(
      fc.record({ id: fc.uuid(), ms: fc.nat(60_000), lateMs: fc.integer({ min: -4_000, max: 90_000 }) }),
    );
    await fc.assert(
      fc.asyncProperty(moments, async (all) => {
        const entries = all
          .map(({ id, ms, lateMs }) => at(id, 1_000_000 + ms + lateMs, 1_000_000 + ms))
          .toSorted((a, b) => Number(a.positionUnixNano - b.positionUnixNano));
        const ids: string[] = [];
        for await (const { record } of inOrder(from(entries), {}, new TroubleLog(() => {}))) ids.push(record.id);
        const sorted = entries
          .map(({ entry }) => entry)
          .toSorted((a, b) => Number(a.timeUnixNano - b.timeUnixNano) || (a.record.id < b.record.id ? -1 : 1));
        expect(ids).toEqual([...new Set(sorted.map(({ record }) => record.id))]);
      }),
    );
  });

  async function* from(entries: Positioned[]): AsyncGenerator<Positioned> {
    yield* entries;
  }
});

test('the pattern for ids after another matches those, and no other', () => {
  const text = fc.string({
    unit: fc.constantFrom('a', 'b', 'Z', '0', '9', '-', '.', '"', '\\', '\n', 'é', '\u{1f600}'),
    maxLength: 6,
  });
  fc.assert(
    fc.property(text, text, (one, other) => {
      const pattern = greaterThan(one)
        .replace(/^\(\?s\)/, '')
        .replaceAll('\\x{', '\\u{');
      const isAfter = Buffer.compare(Buffer.from(other), Buffer.from(one)) > 0;
      expect(new RegExp(`^(?:${pattern})$`, 'su').test(other)).toBe(isAfter);
    }),
    { numRuns: 2_000 },
  );
});

async function collect(source: Source): Promise<Entry[]> {
  const entries: Entry[] = [];
  for await (const entry of source.list({})) entries.push(entry);
  return entries;
}
