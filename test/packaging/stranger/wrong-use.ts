/** What must not compile. It is never run. */
import { audited } from '@decision-trail/decisions';
import { startDecisionTrail } from '@decision-trail/node';

interface Applicant {
  income: number;
}

export class WrongModel {
  // @ts-expect-error there is no such option
  @audited({ model: 'loan-approval', scores: () => 1 })
  unknownOption(applicant: Applicant): boolean {
    return applicant.income > 0;
  }

  // @ts-expect-error the method takes an Applicant, not a string
  @audited({ model: 'loan-approval', input: (name: string) => name })
  wrongArgument(applicant: Applicant): boolean {
    return applicant.income > 0;
  }

  // @ts-expect-error the method's promise resolves to a boolean, not a number
  @audited({ model: 'loan-approval', score: (result: number) => result })
  async wrongResult(applicant: Applicant): Promise<boolean> {
    return Promise.resolve(applicant.income > 0);
  }

  // @ts-expect-error the model is missing
  @audited({ index: ['income'] })
  withoutModel(applicant: Applicant): boolean {
    return applicant.income > 0;
  }
}

// @ts-expect-error a score is a number
export const predict = audited({ model: 'risk', score: () => 'high' }, (amount: number) => amount > 10_000);

// @ts-expect-error there is no such option
startDecisionTrail({ name: 'risk' });
