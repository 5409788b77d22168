/** Batches that are none. */
import { audited } from '@decision-trail/decisions';

const one = (income: number): boolean => income > 25_000;
const total = (incomes: number[]): number => incomes.length;
const each = (incomes: number[]): boolean[] => incomes.map(one);

//! Type 'true' is not assignable to type '"batch: true needs a function whose first parameter is a list of rows" |
//    BatchParts<[income: number], boolean>'.
audited({ model: 'loan', batch: true }, one);

//! Argument of type '(income: number) => boolean' is not assignable to parameter of type '{ 'audited: these options
//    do not fit the decorated function; they must be': { batch: "batch: true needs a function whose first parameter
//    is a list of rows" | BatchParts<[income: number], boolean>; }; }'.
audited({ model: 'loan', batch: true })(one);

//! Type 'true' is not assignable to type '"batch: true needs a function that returns a list of decisions" |
//    BatchParts<[incomes: number[]], number>'.
audited({ model: 'loan', batch: true }, total);

//! Argument of type '(incomes: number[]) => number' is not assignable to parameter of type '{ 'audited: these options
//    do not fit the decorated function; they must be': { batch: "batch: true needs a function that returns a list of
//    decisions" | BatchParts<[incomes: number[]], number>; }; }'.
audited({ model: 'loan', batch: true })(total);

//! Type 'true' is not assignable to type '"batch: true needs a function whose first parameter is a list of rows" |
//    BatchParts<[text: string], string[]>'.
audited({ model: 'loan', batch: true }, (text: string) => [text]);

//! Type '(decisions: boolean[]) => number' is not assignable to type '(result: boolean, row: number) => number |
//    undefined'.
//    Types of parameters 'decisions' and 'result' are incompatible.
//    Type 'boolean' is not assignable to type 'boolean[]'.
audited({ model: 'loan', batch: true, score: (decisions: boolean[]) => decisions.length }, each);

//! Argument of type '(incomes: number[]) => boolean[]' is not assignable to parameter of type '{ 'audited: these
//    options do not fit the decorated function; they must be': { score: (result: boolean, row: number) => number |
//    undefined; }; }'.
audited({ model: 'loan', batch: true, score: (decisions: boolean[]) => decisions.length })(each);

//! Property 'decisions' is missing in type '{ rows: (incomes: number[]) => number[]; }' but required in type
//    'BatchParts<[incomes: number[]], boolean[]>'.
audited({ model: 'loan', batch: { rows: (incomes) => incomes } }, each);

//! Type '(incomes: string[]) => string[]' is not assignable to type '(incomes: number[]) => BatchList'.
//    Types of parameters 'incomes' and 'incomes' are incompatible.
//    Type 'number[]' is not assignable to type 'string[]'.
//    Type 'number' is not assignable to type 'string'.
audited({ model: 'loan', batch: { rows: (incomes: string[]) => incomes, decisions: (result) => result } }, each);

//! Argument of type '(incomes: number[]) => boolean[]' is not assignable to parameter of type '{ 'audited: these
//    options do not fit the decorated function; they must be': { batch: BatchParts<[incomes: number[]], boolean[]>;
//    }; }'.
audited({ model: 'loan', batch: { rows: (incomes: string[]) => incomes, decisions: (r: boolean[]) => r } })(each);

//! Type '(r: boolean[]) => number' is not assignable to type '(result: any, ...args: any) => BatchList'.
//    Type 'number' is not assignable to type 'BatchList'.
audited({ model: 'loan', batch: { rows: (incomes: number[]) => incomes, decisions: (r: boolean[]) => r.length } });

//! Object literal may only specify known properties, and 'results' does not exist in type 'BatchParts<any, any>'.
audited({ model: 'loan', batch: { rows: (incomes: number[]) => incomes, results: (r: boolean[]) => r } });
