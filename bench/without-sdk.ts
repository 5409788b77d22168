import { audited } from '@decision-trail/decisions';
import { applicants, risk } from './applicants.ts';
import type { Applicant } from './applicants.ts';
import { compare } from './compare.ts';
import type { Row } from './table.ts';

const OPTIONS = { model: 'risk' } as const;

class Bare {
  readonly #bonus = 0;
  predict(applicant: Applicant): number {
    return risk(applicant) + this.#bonus;
  }
}

class Decorated {
  readonly #bonus = 0;
  predict(applicant: Applicant): number {
    return risk(applicant) + this.#bonus;
  }
}
// As `experimentalDecorators` does; Node.js cannot run the syntax.
const descriptor = Object.getOwnPropertyDescriptor(Decorated.prototype, 'predict')!;
Object.defineProperty(Decorated.prototype, 'predict', audited(OPTIONS)(Decorated.prototype, 'predict', descriptor));

/** Nothing is registered with OpenTelemetry yet: decorated functions are called straight through. */
export async function withoutSdk(): Promise<Row[]> {
  const inputs = applicants();
  // A copy of the function for each side, so that neither learns from the other's calls.
  const bare = (applicant: Applicant): number => risk(applicant);
  const decorated = audited(OPTIONS, (applicant: Applicant): number => risk(applicant));
  const bareAsync = async (applicant: Applicant): Promise<number> => risk(applicant);
  const decoratedAsync = audited(OPTIONS, async (applicant: Applicant): Promise<number> => risk(applicant));
  const [bareModel, decoratedModel] = [new Bare(), new Decorated()];
  return [
    { name: 'function, no SDK', ...(await compare(bare, decorated, inputs)) },
    {
      name: 'method, no SDK',
      ...(await compare(
        (applicant: Applicant) => bareModel.predict(applicant),
        (applicant: Applicant) => decoratedModel.predict(applicant),
        inputs,
      )),
    },
    { name: 'async function, no SDK', ...(await compare(bareAsync, decoratedAsync, inputs)) },
  ];
}
