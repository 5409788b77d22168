import { context, propagation } from '@opentelemetry/api';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  audited,
  configureDecisions,
  currentDecision,
  recordDecision,
  recordOutcome,
  recordReview,
  startDecision,
  withDecisions,
} from '@decision-trail/decisions';
import { listenToDiag, startSdk, stopSdk } from './telemetry.js';
import type { Seen } from './telemetry.js';

let seen: Seen;
beforeEach(async () => {
  seen = await startSdk();
});
afterEach(async () => {
  configureDecisions({ actor: undefined, attributes: undefined, baggage: undefined, digestBytesMax: undefined });
  await stopSdk();
});

describe('currentDecision()', () => {
  test('adds what only the model knows; what it says holds before the callbacks', async () => {
    const decide = audited(
      { model: 'm', score: () => 0.1, reasons: () => [{ code: 'CALLBACK' }], attributes: { a: 1, b: 1 } },
      async (_x: number) => {
        await Promise.resolve();
        currentDecision()?.update({
          score: 0.9,
          threshold: 0.5,
          reasons: [{ code: 'FIRST' }],
          alternatives: [{ decision: 'no', score: 0.1 }],
          model: { version: '3', digest: 'sha256:1' },
          subject: { id: 's' },
          actor: { id: 'a', type: 'service' },
          attributes: { b: 2 },
        });
        currentDecision()?.update({ reasons: [{ code: 'SECOND' }] });
        return 'yes';
      },
    );
    await decide(1);
    expect(seen.records[0]).toMatchObject({
      model: { name: 'm', version: '3', digest: 'sha256:1' },
      score: 0.9,
      threshold: 0.5,
      reasons: [{ code: 'FIRST' }, { code: 'SECOND' }, { code: 'CALLBACK' }],
      alternatives: [{ decision: 'no', score: 0.1 }],
      subject: { id: 's' },
      actor: { id: 'a', type: 'service' },
      attributes: { a: 1, b: 2 },
    });
    expect(seen.logs[0]?.attributes).toMatchObject({ 'decision.model.version': '3', 'decision.score': 0.9 });
  });

  test('is the innermost one, and undefined outside', () => {
    expect(currentDecision()).toBeUndefined();
    const inner = audited({ model: 'inner' }, () => currentDecision()?.id);
    const outer = audited({ model: 'outer' }, () => [currentDecision()?.id, inner(), currentDecision()?.id]);
    const ids = outer();
    expect(ids).toEqual([seen.records[1]?.id, seen.records[0]?.id, seen.records[1]?.id]);
  });

  test('reports what it cannot use, and leaves it out', () => {
    const said = listenToDiag();
    audited({ model: 'm' }, () =>
      currentDecision()?.update({ score: 'high', reasons: [{ text: 'x' }], subject: { id: 4 } } as never),
    )();
    expect(seen.records[0]).not.toHaveProperty('score');
    for (const name of ['score', 'reasons', 'subject']) expect(said.join('\n')).toContain(`"${name}"`);
  });

  test('says so when the decision has been made already', () => {
    const said = listenToDiag();
    const decision = audited({ model: 'm' }, () => currentDecision())();
    decision?.update({ score: 1 });
    expect(said.join('\n')).toContain('after it had been made');
  });
});

describe('withDecisions()', () => {
  const inner = audited({ model: 'inner' })(async (x: number) => x);
  const outer = audited({ model: 'outer' })(async (x: number) => (await inner(x)) + (await inner(x)));

  test('gives the result and the decisions made inside, in order, with their parents and traces', async () => {
    const { result, decisions } = await withDecisions(async () => (await outer(2)) + (await inner(3)));
    expect(result).toBe(7);
    expect(decisions.map(({ model }) => model)).toEqual(['outer', 'inner', 'inner', 'inner']);
    expect(decisions.map(({ parentId }) => parentId)).toEqual([
      undefined,
      decisions[0]?.id,
      decisions[0]?.id,
      undefined,
    ]);
    for (const { id, trace } of decisions) {
      expect(seen.records.find((record) => record.id === id)).toMatchObject({ trace });
    }
  });

  test('is sync where the function is, and does not mix up two of them', async () => {
    const decide = audited({ model: 'sync' }, (x: number) => x);
    const { result, decisions } = withDecisions(() => decide(1));
    expect([result, decisions.length]).toEqual([1, 1]);
    const both = await Promise.all([withDecisions(() => inner(1)), withDecisions(() => inner(2))]);
    expect(both.map((one) => one.decisions.length)).toEqual([1, 1]);
    const nested = withDecisions(() => [decide(1), withDecisions(() => decide(2)).decisions.length]);
    expect([nested.result, nested.decisions.length]).toEqual([[1, 1], 2]);
  });

  test('throws what the function throws; the list that it got tells the decisions all the same', async () => {
    const fail = audited({ model: 'm' }, async () => {
      throw new RangeError('no');
    });
    let ids: readonly { id: string }[] = [];
    const thrown = await withDecisions((decisions) => {
      ids = decisions;
      return fail();
    }).catch((error: unknown) => error);
    expect(thrown).toBeInstanceOf(RangeError);
    expect(ids.map(({ id }) => id)).toEqual([seen.records[0]?.id]);
  });

  test('gives none without an SDK, and says what is missing without a context manager', async () => {
    await stopSdk();
    expect(await withDecisions(() => inner(1))).toEqual({ result: 1, decisions: [] });
    seen = await startSdk({ traces: false });
    const said = listenToDiag();
    withDecisions(() => 1);
    expect(said.join('\n')).toContain('no OpenTelemetry context manager is registered');
  });
});

describe('startDecision()', () => {
  test('records what no single call makes: input at the start, decision at the end, what happens inside below it', async () => {
    const inner = audited({ model: 'inner' }, (x: number) => x);
    const input = { list: [1] };
    const decision = startDecision({
      model: { name: 'queue', version: '1' },
      input,
      threshold: 0.5,
      subject: { id: 's' },
      actor: { id: 'job-7', type: 'service' },
      attributes: { queue: 'q' },
      index: ['absent'],
    });
    input.list.push(2);
    expect(decision.run(() => inner(4))).toBe(4);
    decision.update({ reasons: [{ code: 'A' }] });
    await Promise.resolve();
    expect(seen.records.map(({ model }) => model.name)).toEqual(['inner']);
    decision.end('yes', { score: 0.7 });
    expect(seen.records[1]).toMatchObject({
      id: decision.id,
      model: { name: 'queue', version: '1' },
      input: { list: [1] },
      decision: 'yes',
      score: 0.7,
      threshold: 0.5,
      reasons: [{ code: 'A' }],
      subject: { id: 's' },
      actor: { id: 'job-7' },
      attributes: { queue: 'q' },
    });
    expect(seen.records[0]?.parentId).toBe(decision.id);
  });

  test('ends once: what comes second is reported', () => {
    const said = listenToDiag();
    const decision = startDecision({ model: 'm', input: 1 });
    decision.fail('timeout');
    decision.end('late');
    expect(seen.records).toMatchObject([{ error: { type: 'string', message: 'timeout' } }]);
    expect(said.join('\n')).toContain('made twice');
  });

  test('does what run() is given, and throws what it throws, with or without an SDK', async () => {
    const error = new Error('x');
    const fail = (): never => {
      throw error;
    };
    expect(() => startDecision({ model: 'm', input: 1 }).run(fail)).toThrow(error);
    await stopSdk();
    const decision = startDecision({ model: 'm', input: 1 });
    expect([decision.id, decision.run(() => 3)]).toEqual([undefined, 3]);
    decision.end(1);
    decision.fail(1);
  });

  test('refuses what it does not know, and says what it knows', () => {
    expect(() => startDecision({ input: 1 } as never)).toThrow(/needs "model"/);
    expect(() => startDecision({ model: 'm', input: 1, score: 1 } as never)).toThrow(
      /knows no "score"; it knows model,/,
    );
    expect(() => startDecision({ model: 'm', input: 1, index: 'x' } as never)).toThrow(/"index" to be a list/);
    expect(() => startDecision(undefined as never)).toThrow(/an object with "model" and "input"/);
  });
});

describe('recordDecision()', () => {
  test('records a decision made elsewhere, at its own time', () => {
    const timestamp = new Date('2026-01-02T03:04:05.678Z');
    const id = recordDecision({
      model: 'rules',
      input: { a: 1 },
      decision: 'no',
      score: 0.2,
      timestamp,
      durationMs: 40,
    });
    expect(seen.records).toMatchObject([
      { id, timestamp: timestamp.toISOString(), durationMs: 40, decision: 'no', score: 0.2, input: { a: 1 } },
    ]);
    const [span] = seen.spans as unknown as { startTime: [number, number]; endTime: [number, number] }[];
    const ms = ([seconds, nanoseconds]: [number, number]): number => seconds * 1000 + nanoseconds / 1e6;
    expect([ms(span!.startTime), ms(span!.endTime)]).toEqual([timestamp.getTime() - 40, timestamp.getTime()]);
  });

  test('records a failure, and refuses a decision that is neither or both, or at no time', () => {
    recordDecision({ model: 'm', input: 1, error: new TypeError('x') });
    expect(seen.records).toMatchObject([{ error: { type: 'TypeError', message: 'x' } }]);
    expect(() => recordDecision({ model: 'm', input: 1 })).toThrow(/either "decision" or "error"/);
    expect(() => recordDecision({ model: 'm', input: 1, decision: 1, error: 1 })).toThrow(
      /either "decision" or "error"/,
    );
    expect(() => recordDecision({ model: 'm', input: 1, decision: 1, timestamp: new Date(Number.NaN) })).toThrow(
      /valid Date/,
    );
    expect(() => recordDecision({ model: 'm', input: 1, decision: 1, durationMs: -1 })).toThrow(/milliseconds/);
  });
});

describe('later knowledge', () => {
  const decide = audited({ model: 'm' }, () => 'yes');

  test('an outcome and a review are records of their own, with a link to the trace of the decision', () => {
    const { decisions } = withDecisions(() => decide());
    const [decision] = decisions;
    seen.logs.length = 0;
    seen.spans.length = 0;
    const at = new Date('2026-05-06T07:08:09.010Z');
    const outcomeId = recordOutcome(decision!, {
      label: 'repaid',
      value: { amount: 3 },
      source: 'collections',
      timestamp: at,
    });
    const reviewId = recordReview(decision!, {
      reviewer: { id: 'officer-3', type: 'user' },
      action: 'override',
      decision: 'no',
      rationale: 'income not proven',
    });
    const [outcome, review] = seen.logs.map((log) => JSON.parse(String(log.body)) as Record<string, unknown>);
    expect(outcome).toEqual({
      schema: 'decision-outcome/1',
      id: outcomeId,
      decisionId: decision?.id,
      timestamp: at.toISOString(),
      label: 'repaid',
      value: { amount: 3 },
      source: 'collections',
      trace: expect.anything() as unknown,
    });
    expect(review).toMatchObject({
      schema: 'decision-review/1',
      id: reviewId,
      decisionId: decision?.id,
      reviewer: { id: 'officer-3', type: 'user' },
      action: 'override',
      decision: 'no',
      rationale: 'income not proven',
    });
    expect(seen.logs).toMatchObject([
      {
        eventName: 'decision.outcome',
        attributes: {
          'decision.id': decision?.id,
          'audit.record.id': outcomeId,
          'audit.action': 'OUTCOME',
          'decision.outcome.label': 'repaid',
        },
      },
      {
        eventName: 'decision.review',
        attributes: {
          'decision.id': decision?.id,
          'audit.action': 'REVIEW',
          'audit.actor.id': 'officer-3',
          'audit.actor.type': 'user',
          'decision.review.action': 'override',
        },
      },
    ]);
    for (const span of seen.spans as unknown as { links: { context: object }[] }[]) {
      expect(span.links).toMatchObject([{ context: decision?.trace }]);
    }
  });

  test('an id alone is enough', () => {
    const id = recordDecision({ model: 'm', input: 1, decision: 2 })!;
    recordOutcome(id, { label: false });
    expect(seen.logs[1]?.attributes).toMatchObject({ 'decision.id': id, 'decision.outcome.label': false });
  });

  test('what is wrong is refused, and named', async () => {
    const id = '01a20bcc-1553-74a5-adf4-4c31c8c2b468';
    const reviewer = { id: 'r' };
    const wrong: [() => unknown, RegExp][] = [
      [() => recordOutcome('nonsense', { label: 1 }), /id of a decision/],
      [() => recordOutcome(undefined as never, { label: 1 }), /id of a decision/],
      [() => recordOutcome({ id, trace: { traceId: 'x', spanId: 'y' } }, { label: 1 }), /"trace" to be/],
      [() => recordOutcome(id, { label: {} } as never), /"label" to be/],
      [() => recordOutcome(id, { lable: 1 } as never), /knows no "lable"/],
      [() => recordOutcome(id, { label: 1, source: 4 } as never), /"source" to be a string/],
      [() => recordOutcome(id, { label: 1, timestamp: '2026' } as never), /valid Date/],
      [() => recordReview(id, { reviewer, action: 'approve' } as never), /one of confirm, override, appeal, escalate/],
      [() => recordReview(id, { reviewer: 'me', action: 'confirm' } as never), /"reviewer" to be/],
      [() => recordReview(id, undefined as never), /expects an object/],
    ];
    for (const [call, message] of wrong) expect(call).toThrow(message);
    expect(seen.logs).toHaveLength(0);
    await stopSdk();
    expect(recordOutcome(id, { label: 1 })).toBeUndefined();
  });
});

describe('the process', () => {
  test('says on whose behalf, and adds attributes, where the place does not', () => {
    const before = audited({ model: 'm', attributes: { region: 'EU' } }, () => 1);
    configureDecisions({ actor: { id: 'svc', type: 'service' }, attributes: { region: 'US', tier: 1 } });
    before();
    audited({ model: 'm', actor: { id: 'desk' } }, () => 1)();
    expect(seen.records).toMatchObject([
      { actor: { id: 'svc', type: 'service' }, attributes: { region: 'EU', tier: 1 } },
      { actor: { id: 'desk' }, attributes: { region: 'US', tier: 1 } },
    ]);
  });

  test('keeps settings until they are given again, and takes back one that is undefined', () => {
    configureDecisions({ actor: { id: 'svc' } });
    configureDecisions({ attributes: { a: 1 } });
    configureDecisions({ attributes: undefined });
    audited({ model: 'm' }, () => 1)();
    expect(seen.records[0]).toMatchObject({ actor: { id: 'svc' } });
    expect(seen.records[0]).not.toHaveProperty('attributes');
  });

  test('maps the baggage of a request to actor, subject and attributes', () => {
    configureDecisions({ baggage: { actor: 'enduser.id', attributes: ['tenant', 'absent'] } });
    const decide = audited({ model: 'm', baggage: { subject: 'customer.id' }, attributes: { own: 1 } }, () => 1);
    const baggage = propagation.createBaggage({
      'enduser.id': { value: 'u-1' },
      'customer.id': { value: 'c-2' },
      tenant: { value: 't-3' },
      other: { value: 'not mapped' },
    });
    context.with(propagation.setBaggage(context.active(), baggage), decide);
    decide();
    expect(seen.records[0]).toMatchObject({
      actor: { id: 'u-1' },
      subject: { id: 'c-2' },
      attributes: { tenant: 't-3', own: 1 },
    });
    expect(String(seen.logs[0]?.body)).not.toContain('not mapped');
    expect(seen.records[1]).not.toHaveProperty('actor');
    expect(seen.records[1]?.attributes).toEqual({ own: 1 });
  });

  test('says up to which size binary data is hashed', () => {
    const decide = audited({ model: 'm' }, (_bytes: Uint8Array) => 1);
    const bytes = new Uint8Array(10_000);
    decide(bytes);
    configureDecisions({ digestBytesMax: 9_999 });
    decide(bytes);
    expect(seen.records[0]?.truncated).toMatchObject([{ bytes: 10_000, sha256: expect.any(String) as string }]);
    expect(seen.records[1]?.truncated).toEqual([{ path: '/input', bytes: 10_000 }]);
  });

  test.each([
    [{ actr: 1 }, /no setting "actr"; it has actor,/],
    [{ actor: 'me' }, /"actor" to be/],
    [{ baggage: { actor: 1 } }, /"baggage" to be/],
    [{ digestBytesMax: -1 }, /"digestBytesMax" to be/],
    [{ hashKey: { id: 'k', key: 'short' } }, /"hashKey" to be/],
    [{ encrypt: 'aes' }, /"encrypt" to be/],
    [undefined, /object of settings/],
  ])('refuses a wrong setting: %j', (settings, message) => {
    expect(() => configureDecisions(settings as never)).toThrow(message);
  });
});

describe('inheritance', () => {
  class Base {
    @audited({ model: 'base' })
    predict(x: number): number {
      return x;
    }
  }
  class Derived extends Base {
    @audited({ model: 'derived' })
    override predict(x: number): number {
      return super.predict(x) + 1;
    }
  }
  class Inheriting extends Base {}

  test('an overridden method that calls the other records once each, the one inside the other', () => {
    expect(new Derived().predict(1)).toBe(2);
    const [base, derived] = seen.records;
    expect([base?.model.name, derived?.model.name]).toEqual(['base', 'derived']);
    expect(base?.parentId).toBe(derived?.id);
    expect(new Inheriting().predict(1)).toBe(1);
    expect(seen.records.map(({ model }) => model.name)).toEqual(['base', 'derived', 'base']);
  });

  test('a function that is decorated twice for one model is recorded once, for two models twice', () => {
    const once = audited(
      { model: 'a' },
      audited({ model: 'a' }, () => 1),
    );
    once();
    expect(seen.records).toHaveLength(1);
    const twice = audited({ model: 'b' }, once);
    twice();
    expect(seen.records.map(({ model }) => model.name)).toEqual(['a', 'a', 'b']);
  });
});
