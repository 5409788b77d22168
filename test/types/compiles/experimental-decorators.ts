/** What decorators can be put on under `experimentalDecorators`. */
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

  @audited({ model: 'private by keyword' })
  private ofTypes(income: number): number {
    return this.method(income);
  }

  @audited({ model: 'generic' })
  generic<T>(value: T, region: Region): T | Region {
    this.ofTypes(1);
    return value ?? region;
  }

  @audited({ model: 'async generator' })
  async *asyncGenerator(): AsyncGenerator<number> {
    yield 1;
  }

  @audited({ model: 'batch', batch: true, score: (label: string, income: number) => label.length + income })
  batch(incomes: number[]): string[] {
    return incomes.map(String);
  }
}

const model = new LoanModel<string>();
is<(income: number) => number>()(model.method);
is<<T>(value: T, region: string) => T | string>()(model.generic);
is<(income: number) => number>()(audited({ model: 'function' })((income: number) => income));
