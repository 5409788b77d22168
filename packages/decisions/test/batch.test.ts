import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { audited, currentDecision } from '@decision-trail/decisions';
import { listenToDiag, startSdk, stopSdk } from './telemetry.js';
import type { Seen } from './telemetry.js';

interface Row {
  id: string;
  income: number;
}

let seen: Seen;
beforeEach(async () => {
  seen = await startSdk();
});
afterEach(stopSdk);

const rows: Row[] = [
  { id: 'a', income: 10 },
  { id: 'b', income: 90 },
  { id: 'c', income: 50 },
];

const score = audited(
  {
    model: 'scoring',
    batch: true,
    score: (decision) => decision.p,
    decision: (decision, row) => `${row.id}:${decision.label}`,
    subject: (row) => ({ id: row.id }),
    index: ['income'],
  },
  (list: Row[], threshold: number) =>
    list.map(({ income }) => ({ p: income / 100, label: income >= threshold ? 'approve' : 'deny' })),
);

describe('a batch', () => {
  test('becomes one record a row, in order, with a shared id, and callbacks see one row', () => {
    const decided = score(rows, 50);
    expect(decided.map(({ label }) => label)).toEqual(['deny', 'approve', 'approve']);
    const { records } = seen;
    expect(records).toMatchObject([
      { input: [rows[0], 50], decision: 'a:deny', score: 0.1, subject: { id: 'a' } },
      { input: [rows[1], 50], decision: 'b:approve', score: 0.9, subject: { id: 'b' } },
      { input: [rows[2], 50], decision: 'c:approve', score: 0.5, subject: { id: 'c' } },
    ]);
    const batchId = records[0]?.batch?.id;
    expect(records.map(({ batch }) => batch)).toEqual([0, 1, 2].map((index) => ({ id: batchId, index, size: 3 })));
    expect(new Set(records.map(({ id }) => id)).size).toBe(3);
    expect(
      seen.logs.map((log) => [log.attributes['decision.batch.id'], log.attributes['decision.batch.index']]),
    ).toEqual([0, 1, 2].map((index) => [batchId, index]));
  });

  test('has one span, the rows below it', () => {
    score(rows, 50);
    const call = seen.spans.find((span) => span.name === 'decision batch scoring');
    const below = seen.spans.filter((span) => span.name === 'decision scoring');
    expect(call?.attributes).not.toHaveProperty('decision.id');
    expect(below.map((span) => span.parentSpanContext?.spanId)).toEqual(Array(3).fill(call?.spanContext().spanId));
  });

  test('that is async, or of typed arrays, is one as well', async () => {
    const classify = audited({ model: 'async', batch: true }, async (list: Float32Array) =>
      BigInt64Array.from(list, (value) => (value > 0.5 ? 1n : 0n)),
    );
    await classify(new Float32Array([0.25, 0.75]));
    expect(seen.records.map(({ input, decision }) => [input, decision])).toEqual([
      [0.25, '0'],
      [0.75, '1'],
    ]);
  });

  test('of tensors, taken apart by the options', () => {
    const predict = audited(
      {
        model: 'tensor',
        batch: {
          rows: ({ data, dims }) =>
            Array.from({ length: dims[0]! }, (_, i) => data.subarray(i * dims[1]!, (i + 1) * dims[1]!)),
          decisions: ({ labels }) => labels,
        },
      },
      (_tensor: { data: Float32Array; dims: number[] }) => ({ labels: ['x', 'y'] }),
    );
    predict({ data: new Float32Array([1, 2, 3, 4]), dims: [2, 2] });
    expect(seen.records).toMatchObject([
      { input: { $tensor: { dims: [2], data: [1, 2] } }, decision: 'x', batch: { index: 0 } },
      { input: { $tensor: { dims: [2], data: [3, 4] } }, decision: 'y', batch: { index: 1 } },
    ]);
  });

  test('that comes as a stream pairs its items with the rows', () => {
    const stream = audited({ model: 'stream', batch: true }, function* (list: number[]) {
      for (const item of list) yield item * 2;
    });
    expect([...stream([1, 2])]).toEqual([2, 4]);
    expect(seen.records).toMatchObject([
      { input: 1, decision: 2 },
      { input: 2, decision: 4 },
    ]);
  });

  test('that a consumer stops early says which rows were decided', () => {
    const stream = audited({ model: 'stream', batch: true }, function* (list: number[]) {
      for (const item of list) yield item * 2;
    });
    for (const item of stream([1, 2, 3])) if (item === 4) break;
    expect(seen.records).toMatchObject([
      { input: 1, decision: 2 },
      { input: 2, decision: 4 },
      { input: 3, stream: { ended: 'returned' } },
    ]);
    expect(seen.records[2]).not.toHaveProperty('decision');
  });

  test('that fails is a failure of each row', () => {
    const fail = audited({ model: 'm', batch: true }, (_list: number[]): string[] => {
      throw new RangeError('no memory');
    });
    expect(() => fail([1, 2])).toThrow('no memory');
    expect(seen.records).toMatchObject([
      { input: 1, error: { type: 'RangeError' } },
      { input: 2, error: { type: 'RangeError' } },
    ]);
  });

  test.each([
    ['too few decisions', (list: number[]) => list.slice(1), 3, 2],
    ['too many decisions', (list: number[]) => [...list, 9], 4, 4],
    ['no list', (_list: number[]): number[] => 7 as unknown as number[], 3, 0],
  ])('with %s says so in every record, and does not throw', (_name, fn, records, decisions) => {
    const said = listenToDiag();
    audited({ model: 'odd', batch: true }, fn)([1, 2, 3]);
    expect(seen.records).toHaveLength(records);
    expect(seen.records.map(({ batch }) => batch?.decisions)).toEqual(Array(records).fill(decisions));
    expect(new Set(seen.logs.map((log) => log.attributes['audit.outcome']))).toEqual(new Set(['unknown']));
    expect(seen.records.filter((record) => 'decision' in record)).toHaveLength(decisions);
    expect(seen.records.filter(({ error }) => error?.type === 'BatchLengthMismatch')).toHaveLength(
      3 - Math.min(3, decisions),
    );
    expect(said.join('\n')).toContain(`3 rows, ${decisions} decisions`);
  });

  test('of no rows, or without a list of rows, is recorded as one decision', () => {
    const said = listenToDiag();
    const fn = audited({ model: 'm', batch: true }, (list: number[]) => list);
    fn([]);
    fn(5 as unknown as number[]);
    expect(seen.records.map(({ input, batch }) => [input, batch])).toEqual([
      [[], undefined],
      [5, undefined],
    ]);
    expect(said.join('\n')).toContain('found no list of rows');
  });

  test('captures rows before the model can change them', () => {
    const normalise = audited({ model: 'm', batch: true }, (list: number[][]) => list.map((row) => (row[0] = 0)));
    normalise([[1], [2]]);
    expect(seen.records.map(({ input }) => input)).toEqual([[1], [2]]);
  });

  test('can be told about from inside, and encloses the decisions made in it', () => {
    const inner = audited({ model: 'inner' })((x: number) => x);
    const fn = audited({ model: 'm', batch: true }, (list: number[]) => {
      currentDecision()?.update({ model: { version: '7' } });
      return list.map(inner);
    });
    fn([1, 2]);
    const outer = seen.records.filter(({ model }) => model.name === 'm');
    expect(outer.map(({ model }) => model.version)).toEqual(['7', '7']);
    const parents = seen.records.filter(({ model }) => model.name === 'inner').map(({ parentId }) => parentId);
    expect(parents).toEqual([outer[0]?.batch?.id, outer[0]?.batch?.id]);
  });
});
