// An application as users write it: it has its own NodeSDK, set up by the standard variables, and one decorated function.
// Told by its parent to decide, it answers with the log record bodies that it emitted, once their export was acknowledged.
import { logs, trace } from '@opentelemetry/api';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { audited } from '@decision-trail/decisions';

const sdk = new NodeSDK();
sdk.start();

// The oracle: what is handed to the logger, before any of the delivery.
const emitted = [];
const loggers = logs.getLoggerProvider();
const getLogger = loggers.getLogger.bind(loggers);
loggers.getLogger = (...scope) => {
  const logger = getLogger(...scope);
  return {
    emit: (record) => {
      emitted.push(record.body);
      logger.emit(record);
    },
  };
};

const predict = audited(
  {
    model: { name: 'e2e', version: '1.0.0' },
    score: (result) => result.score,
    threshold: 0.5,
    subject: (applicant) => ({ id: `applicant-${applicant.n}`, type: 'applicant' }),
  },
  async (applicant) => {
    if (applicant.n % 100 === 99) throw new RangeError(`applicant ${applicant.n} has no income`);
    return { approved: applicant.n % 2 === 0, score: applicant.n / 1000, note: 'naïve "quoted" 😀\n\\' };
  },
);

process.on('message', async ({ from, count }) => {
  for (let n = from; n < from + count; n++)
    await predict({ n, name: `Zoë ${n}`, tags: ['a', null, 1.5] }).catch(() => {});
  await loggers.forceFlush();
  await trace.getTracerProvider().getDelegate().forceFlush();
  process.send(emitted.splice(0));
});
process.on('disconnect', () => sdk.shutdown());
