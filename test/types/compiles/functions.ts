/** `audited(options, fn)`: the callbacks' types are inferred from the function, and the function keeps its own. */
import { audited } from '@decision-trail/decisions';
import type { DecisionOptions } from '@decision-trail/decisions';
import { is } from '../equal.js';

interface Applicant {
  age: number;
  income: number;
}
type Verdict = 'approve' | 'deny';

const sync = audited(
  {
    model: { name: 'loan', version: '2.1.0' },
    input: (applicant) => {
      is<Applicant>()(applicant);
      return applicant.income;
    },
    decision: (verdict, applicant) => {
      is<Verdict>()(verdict);
      is<Applicant>()(applicant);
      return verdict;
    },
    score: (verdict, applicant) => {
      is<Verdict>()(verdict);
      is<Applicant>()(applicant);
      return applicant.income;
    },
    threshold: (verdict) => {
      is<Verdict>()(verdict);
      return undefined;
    },
    reasons: (verdict) => {
      is<Verdict>()(verdict);
      return verdict === 'deny' ? [{ code: 'INCOME_TOO_LOW', weight: -1 }] : undefined;
    },
    alternatives: (verdict) => {
      is<Verdict>()(verdict);
      return [{ decision: 'approve', score: 0.4 }, { decision: 'deny' }];
    },
    subject: (applicant) => {
      is<Applicant>()(applicant);
      return { id: `applicant-${applicant.age}`, type: 'applicant' };
    },
    actor: (applicant) => {
      is<Applicant>()(applicant);
      return { id: 'desk-7', type: 'service' };
    },
    attributes: (applicant) => {
      is<Applicant>()(applicant);
      return { branch: 7 };
    },
    baggage: { actor: 'user.id', attributes: ['tenant'] },
    redact: [
      { path: '/applicant/ssn', method: 'drop' },
      { key: 'iban', method: 'mask', keepLast: 4 },
    ],
    index: ['age'],
    span: false,
  },
  (applicant: Applicant): Verdict => (applicant.income >= 25_000 ? 'approve' : 'deny'),
);
is<(applicant: Applicant) => Verdict>()(sync);

const later = audited(
  {
    model: 'risk',
    threshold: 0.5,
    score: (result, amount) => {
      is<{ score: number }>()(result);
      is<number>()(amount);
      return result.score;
    },
  },
  async (amount: number) => ({ score: amount }),
);
is<(amount: number) => Promise<{ score: number }>>()(later);

const thenable = audited(
  {
    model: 'query',
    score: (rows) => {
      is<string[]>()(rows);
      return rows.length;
    },
  },
  (): PromiseLike<string[]> => Promise.resolve([]),
);
is<() => PromiseLike<string[]>>()(thenable);

const several = audited(
  {
    model: 'distance',
    input: (from, to, ...others) => {
      is<number>()(from);
      is<string | undefined>()(to);
      is<boolean[]>()(others);
      return [from, to];
    },
  },
  (from: number, _to?: string, ..._others: boolean[]) => from,
);
is<(from: number, _to?: string, ..._others: boolean[]) => number>()(several);

class Model {
  bias = 1;
}
const withThis = audited({ model: 'bias', score: (result) => result }, function (this: Model, x: number) {
  return x + this.bias;
});
is<(this: Model, x: number) => number>()(withThis);

const withMembers = audited(
  { model: 'cached' },
  Object.assign((x: number) => x, { clear: (): void => {} }),
);
withMembers.clear();

// Without a second argument, callbacks say what they take, and the function is checked against them.
const decorated = audited({ model: 'loan', score: (_: Verdict, applicant: Applicant) => applicant.income })(
  (applicant: Applicant): Verdict => (applicant.income > 1 ? 'approve' : 'deny'),
);
is<(applicant: Applicant) => Verdict>()(decorated);

// What the result is assigned to says what the function takes.
const assigned: (applicant: Applicant) => Verdict = audited({ model: 'loan' })((applicant) =>
  applicant.income > 1 ? 'approve' : 'deny',
);
is<(applicant: Applicant) => Verdict>()(assigned);

// Callbacks may take less than there is, and more than one type.
audited({ model: 'm', subject: (applicant: { age: number }) => ({ id: `${applicant.age}` }) })(
  (applicant: Applicant) => applicant,
);
audited({ model: 'm', score: (result: number | string) => Number(result) })((x: number) => x);
audited({ model: 'm', score: (result: unknown) => Number(result) })(async (x: number) => x);

const generic = audited({ model: 'same', input: (x) => x }, <T>(x: T): T => x);
is<<T>(x: T) => T>()(generic);
const genericToo = audited({ model: 'same' })(<T>(x: T): T => x);
is<<T>(x: T) => T>()(genericToo);

function overloaded(x: string): string;
function overloaded(x: number): number;
function overloaded(x: string | number): string | number {
  return x;
}
const overloads = audited({ model: 'both' }, overloaded);
is<typeof overloaded>()(overloads);
const overloadsToo = audited({ model: 'both', input: (x: string | number) => x })(overloaded);
is<typeof overloaded>()(overloadsToo);

// What a module without types exports.
declare const untyped: any;
audited({ model: 'untyped', score: (result) => result.score }, untyped);
audited({ model: 'untyped' })(untyped);
const untypedOptions = audited(untyped, () => 1);
is<() => number>()(untypedOptions);
const untypedOptionsToo = audited(untyped)((): number => 1);
is<() => number>()(untypedOptionsToo);

// Options that are made elsewhere.
declare const options: DecisionOptions;
const elsewhere = audited(options)(() => 1);
is<() => number>()(elsewhere);
const elsewhereToo = audited(options, () => 1);
is<() => number>()(elsewhereToo);
const shared = { model: { name: 'loan', version: '1' }, index: ['age'] };
audited({ ...shared, score: (result: number) => result })(() => 1);

// Under exactOptionalPropertyTypes, what is not set may be undefined.
declare const version: string | undefined;
declare const local: boolean;
audited({ model: { name: 'loan', version }, redact: local ? undefined : [{ key: 'ssn', method: 'drop' }] });
audited({ model: { name: 'loan', version }, score: undefined, span: undefined }, () => 1);
audited({ model: 'm', reasons: () => [{ code: 'A', text: version, weight: undefined }] });

const required = audited({ model: 'm', delivery: 'required' }, async (n: number) => n);
is<(n: number) => Promise<number>>()(required);
