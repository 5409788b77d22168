/** What standard decorators cannot be put on. */
import { audited } from '@decision-trail/decisions';

//! Unable to resolve signature of class decorator when called as an expression.
//    Argument of type 'typeof WholeModel' is not assignable to parameter of type '"audited() decorates functions and
//    methods, not a class: put it on the method that decides"'.
@audited({ model: 'loan' })
export class WholeModel {}

export class LoanModel {
  //! Unable to resolve signature of method decorator when called as an expression.
  //    Argument of type '() => number' is not assignable to parameter of type '"audited() decorates functions and
  //    methods, not an accessor: put it on the method that decides"'.
  @audited({ model: 'loan' })
  get limit(): number {
    return 1;
  }

  //! Unable to resolve signature of method decorator when called as an expression.
  //    Argument of type '(value: number) => void' is not assignable to parameter of type '"audited() decorates
  //    functions and methods, not an accessor: put it on the method that decides"'.
  @audited({ model: 'loan' })
  set limit(limit: number) {}

  //! Unable to resolve signature of property decorator when called as an expression.
  //    Argument of type 'ClassAccessorDecoratorTarget<LoanModel, () => number>' is not assignable to parameter of
  //    type '"audited() decorates functions and methods, not an accessor: put it on the method that decides"'.
  @audited({ model: 'loan' })
  accessor decide = (): number => 1;

  //! Unable to resolve signature of property decorator when called as an expression.
  //    Argument of type 'undefined' is not assignable to parameter of type '"audited() decorates functions and
  //    methods, not a field that holds something else: put it on the method that decides"'.
  @audited({ model: 'loan' })
  name = 'loan';

  //! Unable to resolve signature of method decorator when called as an expression.
  //    Argument of type '(income: number) => number' is not assignable to parameter of type '{ 'audited: these
  //    options do not fit the decorated function; they must be': { score: (result: number, income: number) =>
  //    number | undefined; }; }'.
  @audited({ model: 'loan', score: (verdict: string) => verdict.length })
  method(income: number): number {
    return income;
  }

  //! Unable to resolve signature of method decorator when called as an expression.
  //    Argument of type '(income: number) => number' is not assignable to parameter of type '{ 'audited: these
  //    options do not fit the decorated function; they must be': { subject: (income: number) => Subject |
  //    undefined; }; }'.
  @audited({ model: 'loan', subject: (applicant: { name: string }) => ({ id: applicant.name }) })
  static ofClass(income: number): number {
    return income;
  }

  //! Unable to resolve signature of method decorator when called as an expression.
  //    Argument of type '(income: number) => number' is not assignable to parameter of type '{ 'audited: these
  //    options do not fit the decorated function; they must be': { subject: (income: number) => Subject |
  //    undefined; }; }'.
  @audited({ model: 'loan', subject: (applicant: { name: string }) => ({ id: applicant.name }) })
  #hidden(income: number): number {
    return income;
  }

  //! Unable to resolve signature of property decorator when called as an expression.
  //    Argument of type 'undefined' is not assignable to parameter of type '{ 'audited: these options do not fit
  //    the decorated function; they must be': { subject: (income: number) => Subject | undefined; }; }'.
  @audited({ model: 'loan', subject: (applicant: { name: string }) => ({ id: applicant.name }) })
  field = (income: number): number => income;

  //! Unable to resolve signature of method decorator when called as an expression.
  //    Argument of type '(income: number) => number' is not assignable to parameter of type '{ 'audited: these
  //    options do not fit the decorated function; they must be': { batch: "batch: true needs a function whose first
  //    parameter is a list of rows" | BatchParts<[income: number], number>; }; }'.
  @audited({ model: 'loan', batch: true })
  batch(income: number): number {
    return income;
  }

  //! Unable to resolve signature of method decorator when called as an expression.
  //    No overload matches this call.
  //    The last overload gave the following error.
  //    Argument of type '(income: number) => number' is not assignable to parameter of type
  //    'DecisionOptions<readonly any[], any>'.
  @audited
  withoutOptions(income: number): number {
    return income;
  }

  //! Object literal may only specify known properties, but 'treshold' does not exist in type
  //    'DecisionOptions<readonly any[], any>'. Did you mean to write 'threshold'?
  @audited({ model: 'loan', treshold: 0.5 })
  misspelt(income: number): number {
    return this.#hidden(income);
  }
}
