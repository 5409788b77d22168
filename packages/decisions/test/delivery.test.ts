/** What the option `delivery` promises, with a sink that keeps records as a durable processor does. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  audited,
  AuditUnavailableError,
  configureDecisions,
  recordDecision,
  recordOutcome,
  registerDecisionSink,
  startDecision,
} from '@decision-trail/decisions';
import type { DecisionSink, SinkRecord, Taken } from '@decision-trail/decisions';
import { listenToDiag, startSdk, stopSdk } from './telemetry.js';
import type { Seen } from './telemetry.js';

/** Keeps what it takes in a list; tells what it was asked, in order. */
class ListSink implements DecisionSink {
  readonly asked: string[] = [];
  readonly kept: SinkRecord[] = [];
  readonly givenUp: SinkRecord[] = [];
  answer: Taken = 'kept';
  failing = false;
  #free!: () => void;
  readonly #freed = new Promise<void>((resolve) => (this.#free = resolve));

  take(record: SinkRecord): Taken {
    this.asked.push('take');
    if (this.answer === 'kept') this.kept.push(record);
    return this.answer;
  }

  async commit(): Promise<void> {
    this.commitSync();
  }

  commitSync(): void {
    this.asked.push('commit');
    if (this.failing) throw new Error('EIO');
  }

  room(): Promise<void> {
    this.asked.push('room');
    return this.#freed;
  }

  giveUp(record: SinkRecord): void {
    this.givenUp.push(record);
  }

  free(): void {
    this.answer = 'kept';
    this.#free();
  }
}

let seen: Seen;
let sink: ListSink;
let unregister: () => void;

beforeEach(async () => {
  seen = await startSdk();
  sink = new ListSink();
  unregister = registerDecisionSink(sink);
});

afterEach(async () => {
  unregister();
  configureDecisions({ delivery: undefined });
  await stopSdk();
});

const bodies = (): unknown[] => sink.kept.map(({ body }) => (JSON.parse(body) as { decision?: unknown }).decision);

describe('durable, the default', () => {
  test('a sink gets the record instead of the Logs API, and nothing is waited for', () => {
    const predict = audited({ model: 'm' }, (amount: number) => amount > 10);
    expect(predict(11)).toBe(true);
    expect(bodies()).toEqual([true]);
    expect(seen.logs).toEqual([]);
    expect(sink.asked).toEqual(['take']);
  });

  test('a record that the sink refuses does not keep the decision back', () => {
    sink.answer = 'refused';
    expect(audited({ model: 'm' }, () => 'approve')()).toBe('approve');
  });

  test('an async caller waits for room, and gets its decision with a record', async () => {
    sink.answer = 'full';
    const decision = audited({ model: 'm' }, async () => 'approve')();
    let isReleased = false;
    void decision.then(() => (isReleased = true));
    await new Promise(setImmediate);
    expect(isReleased).toBe(false);
    sink.free();
    expect(await decision).toBe('approve');
    expect(bodies()).toEqual(['approve']);
  });

  test('a caller that cannot wait for room is refused, and its record counted', () => {
    sink.answer = 'full';
    expect(audited({ model: 'm' }, () => 'approve')).toThrow(AuditUnavailableError);
    expect(sink.givenUp).toHaveLength(1);
  });
});

test('best-effort goes through the Logs API', () => {
  expect(audited({ model: 'm', delivery: 'best-effort' }, () => 1)()).toBe(1);
  expect(seen.records).toHaveLength(1);
  expect(sink.asked).toEqual([]);
});

describe('required', () => {
  const required = { model: 'm', delivery: 'required' } as const;

  test('a decision is released after its record is committed', () => {
    const predict = audited(required, () => {
      sink.asked.push('model');
      return 'deny';
    });
    expect(predict()).toBe('deny');
    expect(sink.asked).toEqual(['model', 'take', 'commit']);
  });

  test.for<[string, () => unknown]>([
    ['a value', audited(required, () => 'approve')],
    ['an object', audited(required, () => ({ approve: true }))],
    ['a promise', audited(required, async () => 'approve')],
    [
      'a thenable',
      audited(required, () => ({
        then: (done: (value: string) => unknown) => void Promise.resolve('approve').then(done),
      })),
    ],
    ['a batch', () => audited({ ...required, batch: true }, (rows: number[]) => rows)([1, 2, 3])],
    ['by hand', () => startDecision({ ...required, input: 1 }).end('approve')],
    ['made before', () => recordDecision({ ...required, input: 1, decision: 'approve' })],
  ])('%s is withheld where its record cannot be committed', async ([, decide]) => {
    sink.failing = true;
    const outcome = await Promise.resolve()
      .then(decide)
      .catch((error: unknown) => error);
    expect(outcome).toBeInstanceOf(AuditUnavailableError);
    expect(outcome).toMatchObject({ code: 'AUDIT_UNAVAILABLE', cause: { message: 'EIO' } });
  });

  test('one commit serves all rows of a batch', () => {
    audited({ ...required, batch: true }, (rows: number[]) => rows)([1, 2, 3]);
    expect(sink.asked).toEqual(['take', 'take', 'take', 'commit']);
  });

  test('a model that fails throws its own error, committed or not', async () => {
    const failure = new Error('no model');
    for (const failing of [false, true]) {
      sink.failing = failing;
      const fail = (): never => {
        throw failure;
      };
      expect(audited(required, fail)).toThrow(failure);
      await expect(audited(required, async () => fail())()).rejects.toBe(failure);
    }
    expect(sink.kept).toHaveLength(4);
  });

  test('the same promise returned twice holds both callers', async () => {
    const cached = Promise.resolve('approve');
    const predict = audited(required, () => cached);
    expect(await predict()).toBe('approve');
    sink.failing = true;
    await expect(predict()).rejects.toBeInstanceOf(AuditUnavailableError);
  });

  test('a stream is committed before its consumer sees the end', () => {
    const stream = audited(required, function* () {
      yield 1;
    })();
    stream.next();
    expect(sink.asked).toEqual([]);
    expect(stream.next().done).toBe(true);
    expect(sink.asked).toEqual(['take', 'commit']);
  });

  test.for<[string, () => unknown]>([
    ['without an SDK', stopSdk],
    ['without a logger provider', () => startSdk({ logs: false })],
    ['without a durable processor', () => unregister()],
  ])('%s the model is not even asked', async ([, take]) => {
    await take();
    let calls = 0;
    expect(audited(required, () => calls++)).toThrow(/nothing in this process brings records to stable storage/);
    expect(calls).toBe(0);
    expect(() => startDecision({ ...required, input: 1 }).end(1)).toThrow(AuditUnavailableError);
    expect(() => recordDecision({ ...required, input: 1, decision: 1 })).toThrow(AuditUnavailableError);
  });

  test('a record that could not be made keeps the decision back', () => {
    listenToDiag();
    sink.take = () => {
      throw new Error('a sink that breaks its promise');
    };
    expect(audited(required, () => 1)).toThrow(AuditUnavailableError);
  });

  test('the setting of the process holds for outcomes too', () => {
    configureDecisions({ delivery: 'required' });
    expect(audited({ model: 'm' }, () => 1)()).toBe(1);
    sink.failing = true;
    expect(audited({ model: 'm' }, () => 1)).toThrow(AuditUnavailableError);
    expect(() => recordOutcome('01a20b35-4a73-7218-9da7-9ae961a6aabb', { label: 'defaulted' })).toThrow(
      AuditUnavailableError,
    );
  });
});

test('another value is refused where it is given', () => {
  expect(() => audited({ model: 'm', delivery: 'sometimes' as 'durable' })).toThrow(
    'audited() expects "delivery" to be one of best-effort, durable, required',
  );
});
