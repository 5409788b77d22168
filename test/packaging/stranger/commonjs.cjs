/** The same three decisions as application.ts, in plain CommonJS. */
const { audited } = require('@decision-trail/decisions');

const name = process.argv[2] ?? 'loan-approval';

const predict = audited({ model: { name, version: '2.1.0' } }, (applicant) => {
  if (applicant.income < 0) throw new RangeError('income must be 0 or more');
  return applicant.income >= 25_000 ? 'approve' : 'deny';
});

const predictLater = audited({ model: name })(async (applicant) => (applicant.income >= 25_000 ? 'approve' : 'deny'));

async function main() {
  console.log(predict({ age: 30, income: 50_000 }));
  console.log(await predictLater({ age: 22, income: 18_500 }));
  try {
    predict({ age: 41, income: -1 });
  } catch (error) {
    console.log(String(error));
  }
}

void main();
