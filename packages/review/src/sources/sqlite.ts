import type { Entry } from '../entry.js';
import { Store } from '../store.js';
import type { DecisionQuery } from '../store.js';
import type { Source } from './source.js';

/** The embedded store; `decision-trail dev` may be writing it meanwhile. */
export class SqliteSource implements Source {
  readonly #store: Store;

  constructor(path: string) {
    this.#store = Store.openReadOnly(path);
  }

  async *list(query: DecisionQuery): AsyncGenerator<Entry> {
    yield* this.#store.decisions(query);
  }

  async find(id: string): Promise<Entry | undefined> {
    return this.#store.decision(id);
  }

  close(): void {
    this.#store.close();
  }
}
