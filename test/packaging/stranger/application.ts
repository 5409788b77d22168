/** Decides on three applicants. The argument is the name of the model in the records. */
import { audited } from '@decision-trail/decisions';

interface Applicant {
  age: number;
  income: number;
}

type Answer = 'approve' | 'deny';

const name = process.argv[2] ?? 'loan-approval';

class LoanModel {
  readonly #incomeMin = 25_000;

  @audited({
    model: { name, version: '2.1.0' },
    subject: (applicant: Applicant) => ({ id: `applicant-${applicant.age}` }),
    reasons: (answer: Answer) => (answer === 'deny' ? [{ code: 'INCOME_TOO_LOW' }] : []),
  })
  predict(applicant: Applicant): Answer {
    if (applicant.income < 0) throw new RangeError('income must be 0 or more');
    return applicant.income >= this.#incomeMin ? 'approve' : 'deny';
  }

  @audited({ model: name, index: ['age'] })
  async predictLater(applicant: Applicant): Promise<Answer> {
    await Promise.resolve();
    return applicant.income >= this.#incomeMin ? 'approve' : 'deny';
  }
}

const model = new LoanModel();
console.log(model.predict({ age: 30, income: 50_000 }));
console.log(await model.predictLater({ age: 22, income: 18_500 }));
try {
  model.predict({ age: 41, income: -1 });
} catch (error) {
  console.log(String(error));
}
