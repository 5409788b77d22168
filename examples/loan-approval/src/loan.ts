import { audited } from '@decision-trail/decisions';
import { assess, THRESHOLD, type Applicant } from './scorecard.js';

export type Decision = 'approve' | 'deny';

/** Decides on loans. Nothing in here knows of OpenTelemetry but the decorator. */
export class LoanModel {
  /**
   * Approves an applicant whose points reach the threshold.
   *
   * @throws {RangeError} When age or income cannot be one.
   */
  @audited({
    model: { name: 'loan-approval', version: '1.0.0' },
    score: (_: Decision, applicant: Applicant) => assess(applicant).points,
    threshold: THRESHOLD,
    reasons: (_: Decision, applicant: Applicant) => assess(applicant).reasons,
    index: ['age', 'income'],
  })
  predict(applicant: Applicant): Decision {
    return assess(applicant).points >= THRESHOLD ? 'approve' : 'deny';
  }
}
