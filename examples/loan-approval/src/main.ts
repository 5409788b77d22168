import { LoanModel } from './loan.js';
import type { Applicant } from './scorecard.js';

const APPLICANTS: readonly Applicant[] = [
  { age: 30, income: 50_000 },
  { age: 17, income: 90_000 },
  { age: 18, income: 25_000 },
  { age: 22, income: 18_500 },
  { age: 45, income: 120_000 },
  { age: 67, income: 31_000 },
  { age: 81, income: 76_000 },
  { age: 54, income: 24_999.99 },
  { age: 36, income: 0 },
  { age: 41, income: -52_000 }, // a slip of the pen: the model refuses to decide, and that is recorded too
  { age: 29, income: 40_000 },
  { age: 73, income: 14_200 },
];

const applicants = applicantsFrom(process.argv[2]);
if (applicants === undefined) {
  console.error('expected one applicant as JSON, for example \'{"age":30,"income":50000}\'');
  process.exitCode = 2;
} else {
  const model = new LoanModel();
  for (const applicant of applicants) console.log(`${JSON.stringify(applicant)}  ${outcome(model, applicant)}`);
  console.log(`${applicants.length} ${applicants.length === 1 ? 'decision' : 'decisions'} made`);
}

/** The applicant in the JSON text, all of ours when there is no text, `undefined` when the text is something else. */
function applicantsFrom(json: string | undefined): readonly Applicant[] | undefined {
  if (json === undefined) return APPLICANTS;
  try {
    const applicant: unknown = JSON.parse(json);
    return typeof applicant === 'object' && applicant !== null ? [applicant as Applicant] : undefined;
  } catch {
    return undefined;
  }
}

function outcome(model: LoanModel, applicant: Applicant): string {
  try {
    return model.predict(applicant);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return `not decided: ${error.message}`;
  }
}
