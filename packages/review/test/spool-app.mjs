// An application with a spool. Told a number by its parent, it makes that many decisions and answers with their ids, when they
// are on stable storage, or, where it is told to deliver, when the Collector has them or has refused them.
import { once } from 'node:events';
import { audited, withDecisions } from '@decision-trail/decisions';
import { startDecisionTrail } from '@decision-trail/node';

const trail = startDecisionTrail({ serviceName: 'loans' });
const predict = audited({ model: { name: 'loan', version: '2.1.0' } }, (amount) =>
  amount % 2 === 0 ? 'approve' : 'deny',
);

for (;;) {
  const [{ count, isDelivered }] = await once(process, 'message');
  const ids = [];
  for (let amount = 0; amount < count; amount++) {
    const { decisions } = withDecisions(() => predict(amount));
    ids.push(...decisions.map(({ id }) => id));
  }
  await (isDelivered ? trail.flush() : trail.commit());
  process.send(ids);
}
