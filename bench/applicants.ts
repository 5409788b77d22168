/** What the measured models decide on. */
export interface Applicant {
  readonly id: string;
  readonly age: number;
  readonly income: number;
  readonly email: string;
  readonly history: readonly string[];
}

/** Sixteen applicants, or rows; what is alike in all of them is not what is measured. */
const APPLICANTS = 16;

/** @param history Entries of about 35 bytes each. */
export function applicants(history = 0, count: number = APPLICANTS): Applicant[] {
  return Array.from({ length: count }, (_, index) => ({
    id: `applicant-${index}`,
    age: 20 + index,
    income: 18_500 + 2_500 * index,
    email: `applicant-${index}@example.com`,
    history: Array.from(
      { length: history },
      (_, month) => `month ${month}: paid ${100 + index} of ${100 + index} in time`,
    ),
  }));
}

/** A model as small as one can be, so that what is added shows. */
export function risk({ age, income }: Applicant): number {
  return income >= 25_000 ? 1 : age / 100;
}
