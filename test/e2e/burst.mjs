// An application that knows nothing of OpenTelemetry, started with `--import @decision-trail/node/register`. Told by its parent to
// decide, it decides as fast as it can, and answers with the ids of its decisions.
import { audited, withDecisions } from '@decision-trail/decisions';

const predict = audited({ model: 'burst' }, (n) => ({ approved: n % 2 === 0, n }));

process.on('message', ({ count }) => {
  const { decisions } = withDecisions(() => {
    for (let n = 0; n < count; n++) predict(n);
  });
  process.send(decisions.map(({ id }) => id));
});
