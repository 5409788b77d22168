/** Makes, sends, stores and reads one decision in one process. The argument is the file of the store. */
import { audited } from '@decision-trail/decisions';
import { startDecisionTrail } from '@decision-trail/node';
import { Store, startReceiver } from '@decision-trail/review';

const store = Store.open(process.argv[2] ?? 'decisions.db');
const receiver = await startReceiver({ store, port: 0 });
const trail = startDecisionTrail({ serviceName: 'risk', endpoint: receiver.url });

const assess = audited(
  { model: 'risk', score: (result) => result.score, threshold: 0.5 },
  (transaction: { amount: number }) => ({ flagged: transaction.amount > 10_000, score: transaction.amount / 20_000 }),
);
assess({ amount: 12_500 });

await trail.shutdown();
await receiver.close();
for (const { record } of store.decisions()) console.log(record.model.name, record.score, record.threshold);
store.close();
