/** What standard decorators can be put on. */
import { audited } from '@decision-trail/decisions';
import { is } from '../equal.js';

export class LoanModel<Region> {
  @audited({ model: 'method', score: (result: number, income: number) => result + income })
  method(income: number): number {
    return income;
  }

  @audited({ model: 'async', score: (result: number) => result })
  async later(income: number): Promise<number> {
    return income;
  }

  @audited({ model: 'static', subject: (income: number) => ({ id: String(income) }) })
  static ofClass(income: number): number {
    return income;
  }

  @audited({ model: 'private' })
  async #hidden(income: number): Promise<number> {
    return this.method(income);
  }

  @audited({ model: 'private static' })
  static #hiddenToo(income: number): number {
    return income;
  }

  @audited({ model: 'private by keyword' })
  private ofTypes(this: LoanModel<Region>, income: number): number {
    return this.method(income);
  }

  @audited({ model: 'field', score: (result: number, income: number) => result + income })
  field = (income: number): number => income;

  @audited({ model: 'static field' })
  static fieldOfClass = async (income: number): Promise<number> => income;

  @audited({ model: 'private field' })
  #hiddenField = (income: number): number => income;

  @audited({ model: 'generic' })
  generic<T>(value: T, region: Region): T | Region {
    return value ?? region;
  }

  overloaded(x: number): number;
  overloaded(x: string): string;
  @audited({ model: 'overloaded', input: (x: number | string) => x })
  overloaded(x: number | string): number | string {
    return x;
  }

  @audited({ model: 'generator' })
  *generator(): Generator<number> {
    yield 1;
  }

  @audited({ model: 'async generator' })
  async *asyncGenerator(): AsyncGenerator<number> {
    yield 1;
  }

  @audited({ model: 'batch', batch: true, score: (label: string, income: number) => label.length + income })
  batch(incomes: number[]): string[] {
    return incomes.map(String);
  }

  @audited({ model: 'fluent' })
  fluent(): this {
    void this.#hidden(1);
    void this.#hiddenField(LoanModel.#hiddenToo(1));
    this.ofTypes(1);
    return this;
  }
}

export class RegionalModel extends LoanModel<string> {
  @audited({ model: 'overridden' })
  override method(income: number): number {
    return super.method(income);
  }
}

const model = new RegionalModel();
is<(income: number) => number>()(model.method);
is<(income: number) => number>()(model.field);
is<<T>(value: T, region: string) => T | string>()(model.generic);
is<{ (x: number): number; (x: string): string }>()(model.overloaded);
is<(income: number) => Promise<number>>()(LoanModel.fieldOfClass);
