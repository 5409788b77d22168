import { compareEntries, parseEntry } from '../entry.js';
import type { Entry, Place } from '../entry.js';
import { DamageSeen } from '../spool/damage.js';
import type { DecisionQuery } from '../store.js';
import type { TroubleLog } from '../trouble.js';
import { isAskedFor } from './order.js';
import type { Source } from './source.js';

/**
 * The spool of an application, which may be writing it meanwhile: decisions that wait for delivery, and those that were
 * acknowledged and are kept for a while. What a query finds is sorted in memory.
 */
export class SpoolSource implements Source {
  readonly #directory: string;
  readonly #trouble: TroubleLog;

  constructor(directory: string, trouble: TroubleLog) {
    this.#directory = directory;
    this.#trouble = trouble;
  }

  async *list(query: DecisionQuery): AsyncGenerator<Entry> {
    const seen = new DamageSeen();
    // Without what was parsed, which takes several times as much.
    const found = new Map<string, Place & { readonly body: string }>();
    for await (const entry of this.#entries(seen)) {
      if (!isAskedFor(entry, query)) continue;
      const { id } = entry.record;
      const first = found.get(id);
      if (first === undefined) found.set(id, { record: { id }, timeUnixNano: entry.timeUnixNano, body: entry.body });
      else if (first.body !== entry.body) {
        this.#trouble.report('conflict', `decision ${id} is there with more than one body; the first one is shown`);
      }
    }
    for (const { body } of [...found.values()].sort(compareEntries)) yield parseEntry(body);
    this.#tell(seen);
  }

  async find(id: string): Promise<Entry | undefined> {
    const seen = new DamageSeen();
    for await (const entry of this.#entries(seen)) if (entry.record.id === id) return entry;
    this.#tell(seen);
    return undefined;
  }

  close(): void {}

  async *#entries(seen: DamageSeen): AsyncGenerator<Entry> {
    // Loads all that delivers, which takes a while; most sources do without.
    const { decisionsIn } = await import('../spool/decisions.js');
    yield* decisionsIn(this.#directory, seen, this.#trouble);
  }

  #tell(seen: DamageSeen): void {
    seen.warn(this.#directory, (line) => this.#trouble.report('damage', line));
    seen.assertRead();
  }
}
