import { audited } from '@decision-trail/decisions';

/** What a person asks for. */
export interface Application {
  readonly nationalId: string;
  /** In dollars a year. */
  readonly income: number;
  /** In dollars. */
  readonly amount: number;
  /** In the applicant's own words. */
  readonly purpose?: string;
}

export interface Verdict {
  readonly decision: 'approve' | 'deny';
  /** How many months of income the loan is; the less, the better. */
  readonly months: number;
}

/** Months of income that a loan may be at most. */
const MONTHS_MAX = 6;

/** Decides on loans. It knows nothing of HTTP. */
export class LoanModel {
  /** @throws {RangeError} Where there is no income to compare the loan with. */
  @audited({
    model: { name: 'consumer-loan', version: '1.0.0' },
    decision: ({ decision }: Verdict) => decision,
    score: ({ months }: Verdict) => months,
    threshold: MONTHS_MAX,
    reasons: ({ decision }: Verdict) =>
      decision === 'deny' ? [{ code: 'LOAN_TOO_LARGE', text: `More than ${MONTHS_MAX} months of income` }] : [],
    subject: ({ nationalId }: Application) => ({ id: nationalId, type: 'applicant' }),
    index: ['amount'],
  })
  decide({ income, amount }: Application): Verdict {
    if (income === 0) throw new RangeError('without an income this model does not decide');
    const months = (amount * 12) / income;
    return { decision: months <= MONTHS_MAX ? 'approve' : 'deny', months };
  }
}
