import type { Entry } from '../entry.js';
import type { DecisionQuery } from '../store.js';

/** A place to read decisions from. All sources return the same decisions in the same order. */
export interface Source {
  /** Decisions, oldest first (by timestamp, then by id), each id once. */
  list(query: DecisionQuery): AsyncIterable<Entry>;
  /** The decision with an id; `undefined` where the source has none. */
  find(id: string): Promise<Entry | undefined>;
  /** Releases what the source holds open. */
  close(): void;
}

/** What a source is given to tell of things that do not stop it. */
export interface SourceOptions {
  /** Gets a line about each, at most one of a kind in ten seconds. Default: `console.error`. */
  onWarning?: (line: string) => void;
}
