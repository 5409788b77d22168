export interface Applicant {
  /** In years. */
  readonly age: number;
  /** In dollars a year, before tax. */
  readonly income: number;
}

export interface Reason {
  readonly code: string;
  readonly text: string;
  /** Points above the threshold, or, when negative, below it. */
  readonly weight: number;
}

export interface Assessment {
  readonly points: number;
  readonly reasons: readonly Reason[];
}

/** Points that an applicant needs. */
export const THRESHOLD = 60;

/** Points for an income of so many dollars a year and more, highest first. */
const INCOME_BANDS = [
  { from: 75_000, points: 100 },
  { from: 40_000, points: 85 },
  { from: 25_000, points: 65 },
  { from: 15_000, points: 45 },
  { from: 0, points: 20 },
] as const;

const ADULT_AGE = 18;
const AGE_MAX = 130;

/**
 * Points and the reasons for them, such that a denial can be explained to the person it concerns.
 *
 * Age earns and costs no points. The Equal Credit Opportunity Act restricts it as a ground for denial, except where the
 * applicant lacks the capacity to contract (15 U.S.C. 1691(a)(1)); so it is asked for one thing only, whether a person is
 * of age. Whoever is not has no points at all, and that is the one reason given.
 *
 * @throws {RangeError} When age or income cannot be one. The message names the field and keeps its value to itself.
 */
export function assess({ age, income }: Applicant): Assessment {
  if (!Number.isInteger(age) || age < 0 || age > AGE_MAX) {
    throw new RangeError(`age must be a whole number of years, 0 to ${AGE_MAX}`);
  }
  if (!Number.isFinite(income) || income < 0) {
    throw new RangeError('income must be a number of dollars a year, 0 or more');
  }

  if (age < ADULT_AGE) return assessment(0, 'NO_CAPACITY_TO_CONTRACT', 'Applicant is under 18');
  const { points } = INCOME_BANDS.find(({ from }) => income >= from)!;
  return points >= THRESHOLD
    ? assessment(points, 'INCOME_SUFFICIENT', 'Income sufficient for the credit requested')
    : assessment(points, 'INCOME_INSUFFICIENT', 'Income insufficient for the credit requested');
}

function assessment(points: number, code: string, text: string): Assessment {
  return { points, reasons: [{ code, text, weight: points - THRESHOLD }] };
}
