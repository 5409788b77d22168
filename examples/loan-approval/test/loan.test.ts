import { expect, test } from 'vitest';
import { LoanModel } from '../src/loan.js';
import { assess } from '../src/scorecard.js';

const model = new LoanModel();

test.each([
  { age: 30, income: 50_000, decision: 'approve', points: 85, code: 'INCOME_SUFFICIENT' },
  { age: 18, income: 25_000, decision: 'approve', points: 65, code: 'INCOME_SUFFICIENT' },
  { age: 45, income: 24_999.99, decision: 'deny', points: 45, code: 'INCOME_INSUFFICIENT' },
  { age: 45, income: 0, decision: 'deny', points: 20, code: 'INCOME_INSUFFICIENT' },
  { age: 17, income: 1_000_000, decision: 'deny', points: 0, code: 'NO_CAPACITY_TO_CONTRACT' },
  { age: 130, income: 75_000, decision: 'approve', points: 100, code: 'INCOME_SUFFICIENT' },
])('age $age with income $income: $decision, $code', ({ age, income, decision, points, code }) => {
  expect(model.predict({ age, income })).toBe(decision);
  expect(assess({ age, income })).toMatchObject({ points, reasons: [{ code, weight: points - 60 }] });
});

test('the age of an adult earns and costs nothing', () => {
  for (const income of [0, 15_000, 25_000, 40_000, 75_000]) {
    const assessments = [18, 30, 62, 99].map((age) => assess({ age, income }));
    expect(new Set(assessments.map((each) => JSON.stringify(each))).size).toBe(1);
  }
});

test('more income never loses points', () => {
  const points = Array.from({ length: 101 }, (_, i) => assess({ age: 30, income: i * 1_000 }).points);
  expect(points).toEqual(points.toSorted((a, b) => a - b));
});

test.each([
  { age: 30, income: Number.NaN, field: 'income' },
  { age: 30, income: -52_000, field: 'income' },
  { age: 30, income: Number.POSITIVE_INFINITY, field: 'income' },
  { age: -1, income: 50_000, field: 'age' },
  { age: 30.5, income: 50_000, field: 'age' },
  { age: 131, income: 50_000, field: 'age' },
])('age $age with income $income is refused, not decided', ({ age, income, field }) => {
  expect(() => model.predict({ age, income })).toThrow(RangeError);
  expect(() => model.predict({ age, income })).toThrow(new RegExp(`^${field} must be`));
});
