import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Frame } from '../../src/spool/frame.ts';
import { Parts } from '../../src/send/parts.ts';
import { frames } from './otlp.ts';

const sequences = (part: readonly Frame[] | undefined): number[] | undefined => part?.map(({ sequence }) => sequence);

test('what is too large is halved, first half first', () => {
  const parts = new Parts(frames(5));
  expect(parts.tooLarge()).toEqual({ then: 'go-on' });
  expect(sequences(parts.current)).toEqual([1, 2, 3]);
  parts.accepted();
  expect(sequences(parts.current)).toEqual([4, 5]);
  parts.accepted();
  expect(parts.current).toBeUndefined();
  expect([...parts.done.keys()]).toEqual([0, 1, 2, 3, 4]);
});

test('a single frame that is too large is buried at once, one that is refused after five times', () => {
  expect(new Parts(frames(1)).tooLarge()).toEqual({ then: 'bury', reason: 'too-large' });
  const parts = new Parts(frames(1));
  const steps = Array.from({ length: 5 }, () => parts.refused().then);
  expect(steps).toEqual(['go-on', 'go-on', 'go-on', 'go-on', 'bury']);
});

test('a server that fails over everything never has a frame buried', () => {
  const parts = new Parts(frames(4));
  const steps = [];
  for (let failures = 0; failures < 100; failures += 1) {
    const step = parts.serverError();
    steps.push(step.then);
    if (step.then === 'begin-again') break;
  }
  expect(steps).not.toContain('bury');
  expect(steps.at(-1)).toBe('begin-again');
  expect(parts.done.size).toBe(0);
});

test('a frame over which the server fails is buried once another one was accepted', () => {
  const parts = new Parts(frames(2));
  for (let failures = 0; failures < 3; failures += 1) expect(parts.serverError().then).toBe('pause');
  expect(sequences(parts.current)).toEqual([1]);
  // Alone, three times: put behind the other one.
  for (let failures = 0; failures < 3; failures += 1) expect(parts.serverError().then).toBe('pause');
  expect(sequences(parts.current)).toEqual([2]);
  parts.accepted();
  expect(sequences(parts.current)).toEqual([1]);
  expect([parts.serverError().then, parts.serverError().then]).toEqual(['pause', 'pause']);
  expect(parts.serverError()).toEqual({ then: 'bury', reason: 'server-error' });
});

test('what was accepted before the server began to fail proves nothing', () => {
  const parts = new Parts(frames(2));
  parts.tooLarge();
  parts.accepted();
  const steps = Array.from({ length: 3 }, () => parts.serverError().then);
  expect(steps).toEqual(['pause', 'pause', 'begin-again']);
  const again = new Parts(frames(3), parts.done);
  expect(sequences(again.current)).toEqual([2, 3]);
});

test('whatever the answers, every frame is settled once', () => {
  const answers = fc.infiniteStream(fc.constantFrom('accepted', 'tooLarge', 'refused', 'serverError'));
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20 }), answers, (count, answers) => {
      const batch = frames(count);
      let parts = new Parts(batch);
      const settled: number[] = [];
      for (const answer of answers) {
        const current = sequences(parts.current);
        if (current === undefined) break;
        const step = answer === 'accepted' ? undefined : parts[answer]();
        if (step === undefined) parts.accepted();
        else if (step.then === 'bury') parts.settled();
        if (step === undefined || step.then === 'bury') settled.push(...current);
        if (step?.then === 'begin-again') parts = new Parts(batch, parts.done);
      }
      expect(settled.sort((a, b) => a - b)).toEqual(sequences(batch));
    }),
  );
});
