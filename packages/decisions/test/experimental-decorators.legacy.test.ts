import { afterEach, beforeEach, expect, test } from 'vitest';
import { audited } from '@decision-trail/decisions';
import { startSdk, stopSdk } from './telemetry.js';
import type { Seen } from './telemetry.js';

let seen: Seen;
beforeEach(async () => {
  seen = await startSdk();
});
afterEach(stopSdk);

class LoanModel {
  limit = 18;

  @audited({ model: 'loan' })
  predict(age: number): string {
    return age >= this.limit ? 'approve' : 'deny';
  }

  @audited({ model: 'static' })
  static async decide(x: number): Promise<number> {
    return x * 2;
  }
}

test('methods under experimentalDecorators are recorded and keep `this`', async () => {
  expect(new LoanModel().predict(30)).toBe('approve');
  expect(await LoanModel.decide(2)).toBe(4);
  expect(seen.records.map((record) => [record.model.name, record.decision])).toEqual([
    ['loan', 'approve'],
    ['static', 4],
  ]);
});

test('the method stays what it was: not enumerable, same name', () => {
  const descriptor = Object.getOwnPropertyDescriptor(LoanModel.prototype, 'predict');
  expect(descriptor).toMatchObject({ enumerable: false, writable: true, configurable: true });
  expect((descriptor!.value as () => void).name).toBe('predict');
});

test('metadata that other decorators keep beside the function goes along', () => {
  const table = new Map<unknown, Map<unknown, unknown>>();
  const metadata = Reflect as unknown as Record<string, unknown>;
  metadata['getOwnMetadataKeys'] = (target: unknown) => [...(table.get(target)?.keys() ?? [])];
  metadata['getOwnMetadata'] = (key: unknown, target: unknown) => table.get(target)?.get(key);
  metadata['defineMetadata'] = (key: unknown, value: unknown, target: unknown) => {
    table.set(target, (table.get(target) ?? new Map<unknown, unknown>()).set(key, value));
  };
  try {
    const handler = (): number => 1;
    table.set(handler, new Map([['path', '/predict']]));
    expect(table.get(audited({ model: 'm' })(handler))?.get('path')).toBe('/predict');
  } finally {
    for (const name of ['getOwnMetadataKeys', 'getOwnMetadata', 'defineMetadata']) delete metadata[name];
  }
});
