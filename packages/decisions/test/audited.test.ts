import { trace } from '@opentelemetry/api';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { audited, DecisionTrailError } from '@decision-trail/decisions';
import { listenToDiag, startSdk, stopSdk } from './telemetry.js';
import type { Seen } from './telemetry.js';

interface Applicant {
  age: number;
  income: number;
}

let seen: Seen;
beforeEach(async () => {
  seen = await startSdk();
});
afterEach(stopSdk);

describe('what it decorates', () => {
  class LoanModel {
    minimum = 18;

    @audited({ model: { name: 'loan', version: '2.1.0' } })
    predict(applicant: Applicant): 'approve' | 'deny' {
      return applicant.age >= this.minimum ? 'approve' : 'deny';
    }

    @audited({ model: 'loan-async' })
    async predictLater(applicant: Applicant): Promise<string> {
      await Promise.resolve();
      if (applicant.income < 0) throw new RangeError('income is negative');
      return this.minimum > 0 ? 'approve' : 'deny';
    }

    @audited({ model: 'static' })
    static decide(x: number): number {
      return x * 2;
    }

    @audited({ model: 'private' })
    #secret(x: number): number {
      return x + this.minimum;
    }

    callSecret(x: number): number {
      return this.#secret(x);
    }

    @audited({ model: 'field' })
    field = (x: number): number => x + this.minimum;
  }

  test('a method', () => {
    expect(new LoanModel().predict({ age: 30, income: 50000 })).toBe('approve');
    expect(seen.records).toMatchObject([
      { model: { name: 'loan', version: '2.1.0' }, input: { age: 30, income: 50000 }, decision: 'approve' },
    ]);
  });

  test('an async method, when its promise settles', async () => {
    const promise = new LoanModel().predictLater({ age: 30, income: 1 });
    expect(promise).toBeInstanceOf(Promise);
    expect(seen.logs).toHaveLength(0);
    expect(await promise).toBe('approve');
    expect(seen.records).toMatchObject([{ decision: 'approve' }]);
  });

  test('a rejected async method, as a failure with the same error object', async () => {
    const failure = await new LoanModel().predictLater({ age: 30, income: -1 }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(RangeError);
    expect(seen.records[0]).toMatchObject({ error: { type: 'RangeError', message: 'income is negative' } });
    expect(seen.records[0]).not.toHaveProperty('decision');
    expect(seen.logs[0]).toMatchObject({
      severityText: 'ERROR',
      attributes: { 'error.type': 'RangeError', 'audit.outcome': 'failure' },
    });
    expect(seen.spans[0]?.status).toMatchObject({ code: 2, message: 'income is negative' });
  });

  test('static methods, private methods and class fields', () => {
    const model = new LoanModel();
    expect([LoanModel.decide(2), model.callSecret(1), model.field(3)]).toEqual([4, 19, 21]);
    expect(seen.records.map((record) => [record.model.name, record.decision])).toEqual([
      ['static', 4],
      ['private', 19],
      ['field', 21],
    ]);
  });

  test('a function, with the arguments as input when there is not exactly one', () => {
    const add = audited({ model: 'add' })((a: number, b: number) => a + b);
    const answer = audited({ model: 'answer' }, () => 42);
    expect([add(1, 2), answer()]).toEqual([3, 42]);
    expect(seen.records.map((record) => record.input)).toEqual([[1, 2], []]);
  });

  test('a thenable that begins its work when it is awaited, once', async () => {
    let runs = 0;
    class Query {
      #rows = 3;
      // A query builder as ORMs have them.
      then(onFulfilled: (rows: number) => unknown): Promise<unknown> {
        runs += 1;
        return Promise.resolve(this.#rows).then(onFulfilled);
      }
    }
    const query = new Query();
    const find = audited({ model: 'query' })(() => query);
    expect(find()).toBe(query);
    expect([runs, seen.logs.length]).toEqual([0, 0]);
    expect(await find()).toBe(3);
    expect([runs, seen.records[0]?.decision]).toEqual([1, 3]);
  });

  test('nothing else, with an error that says what to do', () => {
    const decorate = audited({ model: 'x' }) as (...target: unknown[]) => unknown;
    expect(() => decorate(class Model {})).toThrow(/not the class Model; put it on the method/);
    expect(() => decorate(undefined, { kind: 'getter', name: 'g' })).toThrow(DecisionTrailError);
    expect(() => decorate({}, 'property')).toThrow(/the property "property"/);
    expect(() => decorate('predict')).toThrow(DecisionTrailError);
  });
});

describe('the caller cannot tell', () => {
  test('from name, length, own properties and prototype', async () => {
    function predict(this: unknown, a: number, b: number): number {
      return a + b;
    }
    predict.route = '/predict';
    const decorated = audited({ model: 'm' })(predict);
    expect([decorated.name, decorated.length, decorated.route]).toEqual(['predict', 2, '/predict']);
    const later = audited({ model: 'm' })(async () => 1);
    expect(Object.prototype.toString.call(later)).toBe('[object AsyncFunction]');
  });

  test('from values returned, errors thrown or `this`, whatever they are', () => {
    fc.assert(
      fc.property(fc.anything({ withBigInt: true, withDate: true, withMap: true }), fc.boolean(), (value, fails) => {
        const self = {};
        const decorated = audited({ model: 'any' })(function (this: unknown, argument: unknown) {
          expect(this).toBe(self);
          if (fails) throw argument;
          return argument;
        });
        try {
          const returned: unknown = decorated.call(self, value);
          expect(fails).toBe(false);
          expect(Object.is(returned, value)).toBe(true);
        } catch (thrown) {
          if (!fails) throw thrown;
          expect(Object.is(thrown, value)).toBe(true);
        }
      }),
    );
    for (const log of seen.logs) expect(() => JSON.parse(String(log.body)) as unknown).not.toThrow();
  });

  test('from callbacks that throw: the field says so or is left out, and diag is told', () => {
    const said = listenToDiag();
    const fail = (): never => {
      throw new TypeError('secret zebra');
    };
    const decorated = audited(
      {
        model: 'm',
        input: fail,
        decision: fail,
        score: fail,
        threshold: fail,
        reasons: fail,
        alternatives: fail,
        subject: fail,
        actor: fail,
        attributes: fail,
      },
      (x: number) => x + 1,
    );
    expect(decorated(1)).toBe(2);
    const [record] = seen.records;
    expect(record).toMatchObject({ input: { $unreadable: 'TypeError' }, decision: { $unreadable: 'TypeError' } });
    for (const field of ['score', 'threshold', 'reasons', 'alternatives', 'subject', 'actor']) {
      expect(record).not.toHaveProperty(field);
      expect(said.join('\n')).toContain(`"${field}"`);
    }
    expect(said.join('\n') + String(seen.logs[0]?.body)).not.toContain('zebra');
  });

  test('from callbacks that throw what cannot be looked at: diag is told as well', () => {
    const said = listenToDiag();
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    const decorated = audited(
      {
        model: 'm',
        score: () => {
          throw proxy;
        },
      },
      (x: number) => x + 1,
    );
    expect(decorated(1)).toBe(2);
    expect(said).toEqual([expect.stringMatching(/"score" threw.* object$/)]);
  });

  test('from telemetry that throws', async () => {
    await stopSdk();
    trace.setGlobalTracerProvider({
      getTracer: () => {
        throw new Error('broken provider');
      },
    });
    const decorated = audited({ model: 'm' })((x: number) => x + 1);
    expect(decorated(1)).toBe(2);
  });
});

describe('what it records', () => {
  test('the input as it was when the call began', () => {
    const sort = audited({ model: 'm' })((list: number[]) => list.sort((a, b) => a - b));
    const list = [3, 1, 2];
    sort(list);
    expect(seen.records[0]).toMatchObject({ input: [3, 1, 2], decision: [1, 2, 3] });
  });

  test('everything the options say, in the record, the attributes and the span', () => {
    const decide = audited(
      {
        model: { name: 'loan', version: '2', digest: `sha256:${'a'.repeat(64)}`, provider: 'rules' },
        input: (applicant) => ({ income: applicant.income }),
        decision: (result) => result.label,
        score: (result) => result.p,
        threshold: 0.5,
        reasons: () => [{ code: 'INCOME', text: 'Income is high', weight: 0.4 }],
        alternatives: () => [{ decision: 'deny', score: 0.2 }],
        subject: (applicant) => ({ id: `applicant-${applicant.age}`, type: 'applicant' }),
        actor: { id: 'desk-7', type: 'service' },
        attributes: { region: 'EU' },
        index: ['income', 'absent'],
      },
      (applicant: Applicant) => ({ label: applicant.income > 1 ? 'approve' : 'deny', p: 0.8 }),
    );
    decide({ age: 30, income: 50000 });

    const [record] = seen.records;
    const [log] = seen.logs;
    const [span] = seen.spans;
    expect(record).toEqual({
      schema: 'decision/1',
      id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/) as string,
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string,
      durationMs: expect.any(Number) as number,
      model: { name: 'loan', version: '2', digest: `sha256:${'a'.repeat(64)}`, provider: 'rules' },
      input: { income: 50000 },
      decision: 'approve',
      score: 0.8,
      threshold: 0.5,
      reasons: [{ code: 'INCOME', text: 'Income is high', weight: 0.4 }],
      alternatives: [{ decision: 'deny', score: 0.2 }],
      subject: { id: 'applicant-30', type: 'applicant' },
      actor: { id: 'desk-7', type: 'service' },
      trace: span?.spanContext() && { traceId: span.spanContext().traceId, spanId: span.spanContext().spanId },
      attributes: { region: 'EU' },
    });
    expect(Object.keys(record!)).toEqual([
      'schema',
      'id',
      'timestamp',
      'durationMs',
      'model',
      'input',
      'decision',
      'score',
      'threshold',
      'reasons',
      'alternatives',
      'subject',
      'actor',
      'trace',
      'attributes',
    ]);

    const shared = {
      'decision.id': record!.id,
      'decision.input': '{"income":50000}',
      'decision.value': 'approve',
      'decision.timestamp': record!.timestamp,
      'decision.model.name': 'loan',
      'decision.model.version': '2',
      'decision.score': 0.8,
      'decision.threshold': 0.5,
      'decision.reasons': ['INCOME'],
      'decision.truncated': false,
      'decision.masked': 0,
      'decision.input.income': 50000,
    };
    expect(span).toMatchObject({ name: 'decision loan', kind: 0, attributes: shared });
    expect(span!.attributes).toEqual(shared);
    expect(log!.attributes).toEqual({
      ...shared,
      'decision.model.digest': `sha256:${'a'.repeat(64)}`,
      'decision.model.provider': 'rules',
      'decision.subject.id': 'applicant-30',
      'decision.subject.type': 'applicant',
      'audit.record.id': record!.id,
      'audit.actor.id': 'desk-7',
      'audit.actor.type': 'service',
      'audit.action': 'DECIDE',
      'audit.outcome': 'success',
      'audit.target.id': 'applicant-30',
      'audit.target.type': 'applicant',
      'audit.schema.version': 'decision/1',
    });
    expect(log).toMatchObject({ eventName: 'decision.made', severityText: 'INFO' });
    expect(log!.spanContext).toMatchObject(record!.trace!);
    const [seconds, nanoseconds] = log!.hrTime;
    expect(new Date(seconds * 1000 + nanoseconds / 1e6).toISOString()).toBe(record!.timestamp);
  });

  test('the enclosing decision and span of one that is made inside another', async () => {
    const inner = audited({ model: 'inner' })(async (x: number) => x);
    const outer = audited({ model: 'outer' })(async (x: number) => inner(x));
    await outer(1);
    const [innerRecord, outerRecord] = seen.records;
    expect(innerRecord?.parentId).toBe(outerRecord?.id);
    expect(outerRecord).not.toHaveProperty('parentId');
    const [innerSpan, outerSpan] = seen.spans;
    expect(innerSpan?.parentSpanContext?.spanId).toBe(outerSpan?.spanContext().spanId);
  });

  test('the log record though the span is not sampled', async () => {
    seen = await startSdk({ sampled: false });
    audited({ model: 'm' })(() => 1)();
    expect([seen.spans.length, seen.logs.length]).toEqual([0, 1]);
  });

  test('the log record alone with `span: false`, or without a tracer', async () => {
    audited({ model: 'm', span: false }, () => 1)();
    expect([seen.spans.length, seen.logs.length]).toEqual([0, 1]);
    expect(seen.records[0]).not.toHaveProperty('trace');
    seen = await startSdk({ traces: false });
    audited({ model: 'm' })(() => 1)();
    expect([seen.spans.length, seen.logs.length]).toEqual([0, 1]);
  });

  test('the span alone without a logger, and says so once', async () => {
    seen = await startSdk({ logs: false });
    const said = listenToDiag();
    const decide = audited({ model: 'm' })(() => 1);
    decide();
    decide();
    expect([seen.spans.length, seen.logs.length]).toEqual([2, 0]);
    expect(said.filter((line) => line.includes('no audit trail'))).toHaveLength(1);
  });

  test('nothing without an SDK, says how to start one, and records as soon as there is one', async () => {
    await stopSdk();
    const said = listenToDiag();
    const decide = audited({ model: 'm' })(() => 1);
    expect([decide(), decide()]).toEqual([1, 1]);
    expect(said).toHaveLength(1);
    expect(said[0]).toContain('@decision-trail/node/register');
    seen = await startSdk();
    decide();
    expect(seen.logs).toHaveLength(1);
  });
});

test('wrong options are refused where they are given, and named', () => {
  const wrong: [unknown, RegExp][] = [
    [undefined, /options object/],
    ['loan', /options object/],
    [{}, /needs "model"/],
    [{ modle: 'loan' }, /no option "modle"; it has model,/],
    [{ model: '' }, /"model" to be a name/],
    [{ model: { version: '1' } }, /"model" to be a name/],
    [{ model: { name: 'm', digset: 'x' } }, /"model" to be a name/],
    [{ model: 'm', score: 0.5 }, /"score" to be a function/],
    [{ model: 'm', threshold: '0.5' }, /"threshold" to be a number/],
    [{ model: 'm', index: 'age' }, /"index" to be a list/],
    [{ model: 'm', span: 1 }, /"span" to be true or false/],
  ];
  for (const [options, message] of wrong) {
    expect(() => audited(options as { model: string })).toThrow(message);
    expect(() => audited(options as { model: string })).toThrow(DecisionTrailError);
  }
});

test('the package exports what it promises, and nothing else', async () => {
  const api = await import('@decision-trail/decisions');
  expect(Object.keys(api).toSorted((a, b) => a.localeCompare(b))).toEqual([
    'audited',
    'AuditUnavailableError',
    'configureDecisions',
    'conventions',
    'currentDecision',
    'DecisionTrailError',
    'recordDecision',
    'recordOutcome',
    'recordReview',
    'registerDecisionSink',
    'startDecision',
    'withDecisions',
  ]);
});
