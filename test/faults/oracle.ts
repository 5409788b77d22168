import { existsSync, readFileSync } from 'node:fs';
import type { DeadLetters } from './dead-letters.ts';
import type { Sink } from './sink.ts';

const ID_BYTES = 16;

/** What became of the decisions of one run. */
export interface Findings {
  /** Returned to their caller. */
  readonly returned: number;
  /** Returned, and then neither received nor named as a dead letter. */
  readonly lost: number;
  /** Copies received beyond the first of each id. */
  readonly duplicates: number;
  /** Named as dead letters, and not received. */
  readonly dead: number;
  /** Received, though nobody has got the decision: the process ended in between, or it was withheld. */
  readonly unreturned: number;
  /** As `lost`, of the spans. */
  readonly lostSpans: number;
}

/** The ids of the decisions whose `predict` has returned, as the applications wrote them down. */
export function returnedIds(file: string): Set<string> {
  const ids = new Set<string>();
  if (!existsSync(file)) return ids;
  const hex = readFileSync(file).toString('latin1');
  for (let at = 0; at + ID_BYTES <= hex.length; at += ID_BYTES)
    ids.add(uuid(Buffer.from(hex.slice(at, at + ID_BYTES), 'latin1')));
  return ids;
}

export function judge(returned: ReadonlySet<string>, sink: Sink, dead: DeadLetters, withSpans: boolean): Findings {
  const missing = (received: ReadonlyMap<string, number>, buried: ReadonlySet<string>): number =>
    [...returned].filter((id) => !received.has(id) && !buried.has(id)).length;
  const copies = [...sink.logs.values()].reduce((sum, count) => sum + count, 0);
  return {
    returned: returned.size,
    lost: missing(sink.logs, dead.logs),
    duplicates: copies - sink.logs.size,
    dead: [...dead.logs].filter((id) => !sink.logs.has(id)).length,
    unreturned: [...sink.logs.keys()].filter((id) => !returned.has(id)).length,
    lostSpans: withSpans ? missing(sink.spans, dead.spans) : 0,
  };
}

function uuid(bytes: Buffer): string {
  return bytes.toString('hex').replace(/(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
