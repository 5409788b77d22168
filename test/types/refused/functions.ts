/** Options that do not fit the function, and what is no function. */
import { audited } from '@decision-trail/decisions';

interface Applicant {
  age: number;
}
const approve = (applicant: Applicant): 'approve' | 'deny' => (applicant.age > 17 ? 'approve' : 'deny');

//! Type '(applicant: { name: string; }) => { id: string; }' is not assignable to type '(applicant: Applicant) =>
//    Subject | undefined'.
//    Types of parameters 'applicant' and 'applicant' are incompatible.
//    Property 'name' is missing in type 'Applicant' but required in type '{ name: string; }'.
audited({ model: 'loan', subject: (applicant: { name: string }) => ({ id: applicant.name }) }, approve);

//! Argument of type '(applicant: Applicant) => 'approve' | 'deny'' is not assignable to parameter of type '{
//    'audited: these options do not fit the decorated function; they must be': { subject: (applicant: Applicant) =>
//    Subject | undefined; }; }'.
audited({ model: 'loan', subject: (applicant: { name: string }) => ({ id: applicant.name }) })(approve);

//! Property 'name' does not exist on type 'Applicant'.
audited({ model: 'loan', subject: (applicant) => ({ id: applicant.name }) }, approve);

//! Type '(verdict: number) => number' is not assignable to type '(result: "approve" | "deny", applicant: Applicant)
//    => number | undefined'.
//    Types of parameters 'verdict' and 'result' are incompatible.
//    Type 'string' is not assignable to type 'number'.
//    Type 'string' is not assignable to type 'number'.
audited({ model: 'loan', score: (verdict: number) => verdict }, approve);

//! Argument of type '(applicant: Applicant) => 'approve' | 'deny'' is not assignable to parameter of type '{
//    'audited: these options do not fit the decorated function; they must be': { input: (applicant: Applicant) =>
//    unknown; score: (result: "approve" | "deny", applicant: Applicant) => number | undefined; }; }'.
audited({ model: 'loan', score: (verdict: number) => verdict, input: (x: string) => x })(approve);

//! This comparison appears to be unintentional because the types '"approve" | "deny"' and '"refuse"' have no overlap.
audited({ model: 'loan', reasons: (verdict) => (verdict === 'refuse' ? [] : undefined) }, approve);

//! Type '(applicant: Applicant, region: string) => (string | Applicant)[]' is not assignable to type '(applicant:
//    Applicant) => unknown'.
//    Target signature provides too few arguments. Expected 2 or more, but got 1.
audited({ model: 'loan', input: (applicant: Applicant, region: string) => [applicant, region] }, approve);

//! Argument of type '(applicant: Applicant) => 'approve' | 'deny'' is not assignable to parameter of type '{
//    'audited: these options do not fit the decorated function; they must be': { input: (applicant: Applicant) =>
//    unknown; }; }'.
audited({ model: 'loan', input: (applicant: Applicant, region: string) => [applicant, region] })(approve);

//! Argument of type '(amount: number) => Promise<number>' is not assignable to parameter of type '{ 'audited: these
//    options do not fit the decorated function; they must be': { score: (result: number, amount: number) => number |
//    undefined; }; }'.
audited({ model: 'risk', score: (later: Promise<number>) => Number(later) })(async (amount: number) => amount);

//! Property 'sore' does not exist on type '{ score: number; }'. Did you mean 'score'?
audited({ model: 'risk', score: (result) => result.sore }, async (score: number) => ({ score }));

//! Argument of type '() => Generator<string, void, unknown>' is not assignable to parameter of type '{ 'audited:
//    these options do not fit the decorated function; they must be': { score: (result: StreamItems<string, void>) =>
//    number | undefined; }; }'.
audited({ model: 'stream', score: (item: string) => item.length })(function* () {
  yield 'approve';
});

//! Argument of type 'typeof (Anonymous class)' is not assignable to parameter of type 'AnyFunction'.
//    Type 'typeof (Anonymous class)' provides no match for the signature '(this: any, ...args: any[]): any'.
audited({ model: 'loan' }, class {});

//! Argument of type 'typeof (Anonymous class)' is not assignable to parameter of type '"audited() decorates functions
//    and methods, not a class: put it on the method that decides"'.
audited({ model: 'loan' })(class {});

//! Argument of type '"approve"' is not assignable to parameter of type '"audited() decorates functions and methods,
//    not other values: put it on the method that decides"'.
audited({ model: 'loan' })('approve');

//! Argument of type 'string' is not assignable to parameter of type 'AnyFunction'.
audited({ model: 'loan' }, 'approve');

//! Parameter 'applicant' implicitly has an 'any' type.
audited({ model: 'loan' })((applicant) => applicant);
