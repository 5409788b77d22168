/** Wrong calls of what goes with `audited`. */
import {
  currentDecision,
  recordDecision,
  recordOutcome,
  recordReview,
  startDecision,
  withDecisions,
} from '@decision-trail/decisions';

const id = '01a20b35-4a73-7218-9da7-9ae961a6aabb';

//! Argument of type 'string' is not assignable to parameter of type '(decisions: readonly MadeDecision[]) =>
//    unknown'.
void withDecisions('approve');

//! Property 'push' does not exist on type 'readonly MadeDecision[]'.
withDecisions((decisions) => decisions.push({ id, model: 'loan' }));

//! Property 'result' does not exist on type 'Promise<{ result: string; decisions: readonly MadeDecision[]; }>'.
export const { result } = withDecisions(async () => 'approve');

//! Object is possibly 'undefined'.
currentDecision().update({ score: 0.5 });

//! Object literal may only specify known properties, but 'scores' does not exist in type 'DecisionDetails'. Did you
//    mean to write 'score'?
currentDecision()?.update({ scores: 0.5 });

//! Object literal may only specify known properties, and 'name' does not exist in type 'Partial<Omit<Model,
//    "name">>'.
currentDecision()?.update({ model: { name: 'loan' } });

//! Argument of type 'string' is not assignable to parameter of type 'DecisionOutcome'.
recordOutcome(id, 'repaid');

//! Type '{ repaid: true; }' is not assignable to type 'string | number | boolean'.
recordOutcome(id, { label: { repaid: true } });

//! Argument of type 'number' is not assignable to parameter of type 'DecisionReference'.
recordOutcome(7, { label: 'repaid' });

//! Type 'string' is not assignable to type '{ id: string; type?: string | undefined; }'.
recordReview(id, { reviewer: 'ada', action: 'confirm' });

//! Type '"confirmed"' is not assignable to type '"appeal" | "confirm" | "escalate" | "override"'. Did you mean
//    '"confirm"'?
recordReview(id, { reviewer: { id: 'ada' }, action: 'confirmed' });

//! Property 'action' is missing in type '{ reviewer: { id: string; }; }' but required in type 'DecisionReview'.
recordReview(id, { reviewer: { id: 'ada' } });

//! Property 'input' is missing in type '{ model: string; }' but required in type 'DecisionStart'.
startDecision({ model: 'loan' });

//! Type '(input: number) => { id: string; }' is not assignable to type 'Subject'.
startDecision({ model: 'loan', input: 1, subject: (input: number) => ({ id: String(input) }) });

//! Type 'string' is not assignable to type 'Date'.
recordDecision({ model: 'loan', input: 1, decision: 'deny', timestamp: '2026-11-24' });
