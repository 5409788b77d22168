/** Options that are wrong, whatever is decorated. */
import { audited } from '@decision-trail/decisions';

const approve = (income: number): 'approve' | 'deny' => (income > 25_000 ? 'approve' : 'deny');

//! Object literal may only specify known properties, but 'treshold' does not exist in type 'OptionsFor<(income:
//    number) => "approve" | "deny", undefined>'. Did you mean to write 'threshold'?
audited({ model: 'loan', treshold: 0.5 }, approve);

//! Object literal may only specify known properties, but 'treshold' does not exist in type 'DecisionOptions<readonly
//    any[], any>'. Did you mean to write 'threshold'?
audited({ model: 'loan', treshold: 0.5 });

//! Object literal may only specify known properties, but 'modle' does not exist in type 'DecisionOptions<readonly
//    any[], any>'. Did you mean to write 'model'?
audited({ modle: 'loan' });

//! Property 'model' is missing in type '{}' but required in type 'OptionsFor<(income: number) => "approve" | "deny",
//    undefined>'.
audited({}, approve);

//! Object literal may only specify known properties, but 'versoin' does not exist in type 'Model'. Did you mean to
//    write 'version'?
audited({ model: { name: 'loan', versoin: '1' } }, approve);

//! Object literal may only specify known properties, but 'versoin' does not exist in type 'Model'. Did you mean to
//    write 'version'?
audited({ model: { name: 'loan', versoin: '1' } });

//! Type '{ version: string; }' is not assignable to type 'string | Model'.
//    Property 'name' is missing in type '{ version: string; }' but required in type 'Model'.
audited({ model: { version: '1' } });

//! Type 'number' is not assignable to type 'string | Model'.
audited({ model: 7 });

//! Argument of type 'string' is not assignable to parameter of type 'DecisionOptions<readonly any[], any>'.
audited('loan');

//! Expected 1-2 arguments, but got 0.
audited();

//! Type '() => string' is not assignable to type '(result: "approve" | "deny", income: number) => number |
//    undefined'.
//    Type 'string' is not assignable to type 'number'.
audited({ model: 'loan', score: () => 'high' }, approve);

//! Type '() => string' is not assignable to type '(result: any, ...args: readonly any[]) => number | undefined'.
//    Type 'string' is not assignable to type 'number'.
audited({ model: 'loan', score: () => 'high' });

//! Type '() => string[]' is not assignable to type '(result: any, ...args: readonly any[]) => readonly Reason[] |
//    undefined'.
//    Type 'string[]' is not assignable to type 'readonly Reason[]'.
//    Type 'string' is not assignable to type 'Reason'.
audited({ model: 'loan', reasons: () => ['INCOME_TOO_LOW'] });

//! Type '() => string' is not assignable to type '(...args: readonly any[]) => Subject | undefined'.
//    Type 'string' is not assignable to type 'Subject'.
audited({ model: 'loan', subject: () => 'applicant-7' });

//! Type '"robot"' is not assignable to type '"service" | "system" | "user" | undefined'.
audited({ model: 'loan', actor: { id: 'desk-7', type: 'robot' } });

//! Object literal may only specify known properties, and 'name' does not exist in type 'Actor | ((...args: readonly
//    any[]) => Actor | undefined)'.
audited({ model: 'loan', actor: { id: 'desk-7', name: 'desk' } });

//! Object literal may only specify known properties, and 'user' does not exist in type 'BaggageKeys'.
audited({ model: 'loan', baggage: { actor: 'user.id', user: 'user.id' } });

//! Type 'string' is not assignable to type 'readonly string[]'.
audited({ model: 'loan', index: 'age' });

//! Type 'string' is not assignable to type 'boolean | undefined'.
audited({ model: 'loan', span: 'no' });

//! Type 'string' is not assignable to type 'boolean | BatchParts<any, any> | undefined'.
audited({ model: 'loan', batch: 'yes' });

//! Type '"sometimes"' is not assignable to type 'Delivery | undefined'.
audited({ model: 'loan', delivery: 'sometimes' }, approve);
