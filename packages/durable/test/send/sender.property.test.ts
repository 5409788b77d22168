import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NEVER_MS, SwiftClock } from './clocks.ts';
import { deliver } from './harness.ts';
import { MemoryQueue } from './memory-queue.ts';
import { frames } from './otlp.ts';
import type { Fault } from './otlp-sink.ts';
import { OtlpSink } from './otlp-sink.ts';

const status = (...statuses: number[]): fc.Arbitrary<Fault> =>
  fc.record({ kind: fc.constant('status' as const), status: fc.constantFrom(...statuses) });

const fault: fc.Arbitrary<Fault> = fc.oneof(
  { weight: 4, arbitrary: status(400, 413, 422) },
  { weight: 4, arbitrary: status(500, 501) },
  { weight: 2, arbitrary: status(401, 403, 404, 408, 429, 502, 503, 504) },
  fc.record({
    kind: fc.constant('status' as const),
    status: fc.constant(503),
    headers: fc.record({ 'retry-after': fc.constantFrom('1', '600', 'soon') }),
  }),
  fc.record({ kind: fc.constant('partial' as const), rejected: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ kind: fc.constantFrom('reset-before-reading', 'reset-after-reading', 'forget', 'slow', 'not-http') }),
  fc.record({
    kind: fc.constant('answer' as const),
    status: fc.constant(200),
    body: fc.constantFrom('<html>', '{"partialSuccess":', Buffer.alloc(100_000)),
  }),
);

const run = fc.record({
  count: fc.integer({ min: 1, max: 40 }),
  framesMax: fc.integer({ min: 1, max: 16 }),
  script: fc.array(fault, { maxLength: 40 }),
  /** Records that are refused whenever they come. */
  poisoned: fc.uniqueArray(fc.integer({ min: 1, max: 40 }), { maxLength: 3 }),
  poison: fc.constantFrom(400, 413),
  gzip: fc.boolean(),
  queue: fc.record({ next: fc.nat(2), acknowledge: fc.nat(2), bury: fc.nat(2) }),
});

test('whatever happens on the way, every record is accepted once or buried once, in order', async () => {
  await fc.assert(
    fc.asyncProperty(run, async ({ count, framesMax, script, poisoned, poison, gzip, queue: failures }) => {
      const bad = new Set(poisoned.map((sequence) => `d${sequence}`));
      const sink = await OtlpSink.start({ refuses: (id) => (bad.has(id) ? poison : undefined) });
      const queue = new MemoryQueue(frames(count));
      Object.assign(queue.failures, failures);
      const { sender, told, close } = deliver(sink, queue, {
        clock: new SwiftClock(),
        limits: { framesMax },
        otlp: { compression: gzip ? 'gzip' : 'none' },
      });
      try {
        sink.play(...script);
        expect(await sender.drain(NEVER_MS)).toBe(true);
        check(sink, queue, count, script);
        expect(told.delivered + told.buried.reduce((sum, { frames }) => sum + frames, 0)).toBe(count);
      } finally {
        await close();
        await sink.close();
      }
    }),
    { numRuns: 200 },
  );
});

function check(sink: OtlpSink, queue: MemoryQueue, count: number, script: readonly Fault[]): void {
  expect(sink.violations).toEqual([]);
  expect(queue.waiting).toBe(0);
  const all = frames(count).map(({ sequence }) => sequence);
  const accepted = sink.requests.flatMap(({ accepted, ids }) => (accepted ? ids.map((id) => Number(id.slice(1))) : []));
  const buried = queue.buried.flatMap(({ frames }) => frames.map(({ sequence }) => sequence));
  // Once each: together they are a permutation of all.
  expect([...accepted, ...buried].sort((a, b) => a - b)).toEqual(all);
  // Only a server error puts a record behind others.
  const failed = script.some((fault) => fault.kind === 'status' && fault.status >= 500 && fault.status < 502);
  if (!failed) expect(accepted).toEqual([...accepted].sort((a, b) => a - b));
  // What the sink has twice it had either not answered, or half.
  const unanswered = new Set(sink.requests.flatMap(({ kept, accepted, ids }) => (kept && !accepted ? ids : [])));
  const twice = sink.kept.filter((id, place, kept) => kept.indexOf(id) !== place);
  expect(twice.filter((id) => !unanswered.has(id))).toEqual([]);
}
