/** What goes with `audited`. */
import {
  configureDecisions,
  conventions,
  currentDecision,
  DecisionTrailError,
  recordDecision,
  recordOutcome,
  recordReview,
  startDecision,
  withDecisions,
} from '@decision-trail/decisions';
import type { DecisionRecord, MadeDecision } from '@decision-trail/decisions';
import { is } from '../equal.js';

const now = withDecisions((decisions) => {
  is<readonly MadeDecision[]>()(decisions);
  return 'approve';
});
is<{ result: string; decisions: readonly MadeDecision[] }>()(now);
const later = withDecisions(async () => 'approve');
is<Promise<{ result: string; decisions: readonly MadeDecision[] }>>()(later);

for (const decision of now.decisions) {
  is<string | undefined>()(recordOutcome(decision, { label: 'repaid' }));
  recordReview(decision, { reviewer: { id: 'ada', type: 'user' }, action: 'override', decision: 'deny' });
}
recordOutcome('01a20b35-4a73-7218-9da7-9ae961a6aabb', { label: false, value: { days: 90 }, timestamp: new Date() });

is<undefined | string>()(currentDecision()?.id);
currentDecision()?.update({ score: 0.4, reasons: [{ code: 'A' }], model: { version: '2' }, attributes: { branch: 7 } });

const pending = startDecision({ model: 'loan', input: { age: 30 }, subject: { id: 'a' } });
is<number>()(pending.run(() => 1));
pending.update({ score: 0.4 });
pending.end('approve', { reasons: [{ code: 'A' }] });
pending.fail(new Error('timed out'));

is<string | undefined>()(recordDecision({ model: 'rules', input: 1, decision: 'deny', timestamp: new Date() }));
recordDecision({ model: 'rules', input: 1, error: new Error('timed out'), durationMs: 12 });

configureDecisions({ redact: [{ pattern: /\d{9}/, method: 'hash' }], hashKey: { id: 'k1', key: new Uint8Array(32) } });
configureDecisions({ actor: undefined, secrets: false, digestBytesMax: 0 });
configureDecisions({ delivery: 'required' });

const record = JSON.parse('{}') as DecisionRecord;
is<unknown>()(record.input);
is<string>()(record.schema);
is<string>()(record.model.name);
is<'completed' | 'returned' | 'failed' | 'aborted' | 'abandoned' | undefined>()(record.stream?.ended);
is<string>()(conventions.ATTR_DECISION_ID);

try {
  configureDecisions({});
} catch (error) {
  if (error instanceof DecisionTrailError)
    is<'INVALID_OPTIONS' | 'NOT_DECORATABLE' | 'AUDIT_UNAVAILABLE'>()(error.code);
}
