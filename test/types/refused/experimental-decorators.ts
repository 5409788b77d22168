/** What decorators cannot be put on under `experimentalDecorators`. */
import { audited } from '@decision-trail/decisions';

//! Unable to resolve signature of class decorator when called as an expression.
//    Argument of type 'typeof WholeModel' is not assignable to parameter of type '"audited() decorates functions and
//    methods, not a class: put it on the method that decides"'.
@audited({ model: 'loan' })
export class WholeModel {}

export class LoanModel {
  //! Unable to resolve signature of method decorator when called as an expression.
  //    Argument of type 'LoanModel' is not assignable to parameter of type '"audited() decorates functions and
  //    methods, not an accessor: put it on the method that decides"'.
  @audited({ model: 'loan' })
  get limit(): number {
    return 1;
  }

  //! Unable to resolve signature of property decorator when called as an expression.
  //    Argument of type 'LoanModel' is not assignable to parameter of type '"audited() decorates functions and
  //    methods, not a property: put it on the method that decides"'.
  @audited({ model: 'loan' })
  field = (income: number): number => income;

  //! Decorators are not valid here.
  @audited({ model: 'loan' })
  #hidden(income: number): number {
    return income;
  }

  //! Unable to resolve signature of parameter decorator when called as an expression.
  //    Argument of type 'LoanModel' is not assignable to parameter of type '"audited() decorates functions and
  //    methods, not a parameter: put it on the method that decides"'.
  parameter(@audited({ model: 'loan' }) income: number): number {
    return this.#hidden(income);
  }

  //! Unable to resolve signature of method decorator when called as an expression.
  //    Property ''audited: these options do not fit the decorated function; they must be'' is missing in type
  //    'LoanModel' but required in type '{ 'audited: these options do not fit the decorated function; they must
  //    be': { score: (result: number, income: number) => number | undefined; }; }'.
  @audited({ model: 'loan', score: (verdict: string) => verdict.length })
  method(income: number): number {
    return income;
  }

  //! Unable to resolve signature of method decorator when called as an expression.
  //    Property ''audited: these options do not fit the decorated function; they must be'' is missing in type
  //    'LoanModel' but required in type '{ 'audited: these options do not fit the decorated function; they must
  //    be': { batch: "batch: true needs a function that returns a list of decisions" | BatchParts<[incomes:
  //    number[]], number>; }; }'.
  @audited({ model: 'loan', batch: true })
  batch(incomes: number[]): number {
    return incomes.length;
  }

  //! Unable to resolve signature of method decorator when called as an expression.
  //    Property 'model' is missing in type 'LoanModel' but required in type 'OptionsFor<AnyFunction, undefined>'.
  //! Decorator function return type 'AnyFunction' is not assignable to type 'void |
  //    TypedPropertyDescriptor<(income: number) => number>'.
  @audited
  withoutOptions(income: number): number {
    return income;
  }
}
