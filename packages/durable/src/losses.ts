import { randomUUID } from 'node:crypto';
import { conventions } from '@decision-trail/decisions';
import type { LogRecordLike } from './otlp/log-record.js';
import { hrTime } from './time.js';

/** Why records are missing, as `docs/semantic-conventions.md` has it. */
export type LossReason =
  | 'full'
  | 'dropped-oldest'
  | 'no-space'
  | 'io'
  | 'too-large'
  | 'torn'
  | 'corrupt'
  | 'missing'
  | 'dead-letter';

/** Records that are missing, or that nobody gets without asking for them. */
export interface Loss {
  readonly reason: LossReason;
  /** Log records and spans; absent where it cannot be known. */
  readonly count?: number;
  /** Ids of the records, as far as they are known. */
  readonly ids?: readonly string[];
  readonly stream?: string;
  /** Sequence numbers between which records are missing, both excluded. */
  readonly from?: number;
  readonly to?: number;
  /** More in words. */
  readonly detail?: string;
}

/** Ids in one record at most. */
const IDS_MAX = 100;
/** Losses that wait to be told at most; more of one kind are counted together before that. */
const PENDING_MAX = 1_000;

/**
 * What was lost and is not yet told of in the trail. Refusals of one kind are one loss that grows; what is known to be missing from a
 * stream is a loss of its own.
 */
export class Losses {
  #pending: Loss[] = [];

  get pending(): number {
    return this.#pending.length;
  }

  add(loss: Loss): void {
    const place = this.#pending.findIndex((known) => known.reason === loss.reason && known.stream === loss.stream);
    const known = this.#pending[place];
    const canJoin = known !== undefined && known.from === undefined && loss.from === undefined;
    if (canJoin || (known !== undefined && this.#pending.length >= PENDING_MAX))
      this.#pending[place] = joined(known, loss);
    else this.#pending.push(loss);
  }

  /** Tells of each loss, oldest first, for as long as `tell` says that it could. */
  tellAll(tell: (loss: Loss) => boolean): void {
    const pending = this.#pending;
    // What is lost while losses are told of is told of the next time.
    this.#pending = [];
    let told = 0;
    while (told < pending.length && tell(pending[told]!)) told += 1;
    this.#pending = [...pending.slice(told), ...this.#pending];
  }
}

function joined(a: Loss, b: Loss): Loss {
  const ids = [...(a.ids ?? []), ...(b.ids ?? [])].slice(0, IDS_MAX);
  return {
    ...a,
    count: (a.count ?? 0) + (b.count ?? 0),
    ...(ids.length > 0 && { ids }),
    ...(a.from !== undefined && b.to !== undefined && { to: b.to }),
  };
}

/** The log record that tells of a loss. */
export function lossRecord(loss: Loss, nowMs: number): LogRecordLike {
  const { reason, count, ids, stream, from, to, detail } = loss;
  const id = randomUUID();
  const timestamp = new Date(nowMs).toISOString();
  const body = { schema: conventions.SCHEMA_LOSS, id, timestamp, reason, count, ids, stream, from, to, detail };
  return {
    hrTime: hrTime(nowMs),
    hrTimeObserved: hrTime(nowMs),
    severityNumber: 17,
    severityText: 'ERROR',
    eventName: conventions.EVENT_DECISION_LOSS,
    body: JSON.stringify(body),
    attributes: {
      [conventions.ATTR_DECISION_LOSS_REASON]: reason,
      ...(count !== undefined && { [conventions.ATTR_DECISION_LOSS_COUNT]: count }),
      [conventions.ATTR_AUDIT_RECORD_ID]: id,
      [conventions.ATTR_AUDIT_ACTION]: 'LOSS',
      [conventions.ATTR_AUDIT_OUTCOME]: 'failure',
      [conventions.ATTR_AUDIT_SCHEMA_VERSION]: conventions.SCHEMA_LOSS,
    },
  };
}
