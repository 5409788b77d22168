import { conventions } from '@decision-trail/decisions';
import { readSpool } from '@decision-trail/durable/inspect';
import { parseEntry } from '../entry.js';
import type { Entry } from '../entry.js';
import { ReviewError } from '../errors.js';
import type { LogRecord } from '../otlp/read.js';
import type { TroubleLog } from '../trouble.js';
import type { DamageSeen } from './damage.js';
import { decoded } from './decode.js';
import { guardReading } from './guard.js';

/** The decision records in a spool, stream by stream, in the order of their sequence numbers. */
export async function* decisionsIn(directory: string, seen: DamageSeen, trouble: TroubleLog): AsyncGenerator<Entry> {
  for await (const { records, damage } of guardReading(readSpool(directory))) {
    seen.add(damage);
    for (const { frame, log } of decoded(records)) {
      if (log?.eventName !== conventions.EVENT_DECISION_MADE) continue;
      const entry = entryOf(log, frame.sequence, trouble);
      if (entry !== undefined) yield entry;
    }
  }
}

function entryOf({ body }: LogRecord, sequence: number, trouble: TroubleLog): Entry | undefined {
  try {
    if (typeof body !== 'string') throw new ReviewError('MALFORMED', 'the body is no string');
    return parseEntry(body);
  } catch (error) {
    if (!(error instanceof ReviewError)) throw error;
    trouble.report('malformed', `left out log record ${sequence}, which is no decision record: ${error.message}`);
    return undefined;
  }
}
