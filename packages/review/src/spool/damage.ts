import type { Damage } from '@decision-trail/durable/inspect';
import { ReviewError } from '../errors.js';
import { plural } from '../text/plural.js';

/** Damage in words, without its place. */
export function damageText({ what, bytes, recordsMissing = 0, lastSequence }: Damage): string {
  const missing = recordsMissing === 0 ? '' : `, ${plural(recordsMissing, 'log record')} missing`;
  if (what === 'torn') return `torn: the last write did not finish (${plural(bytes, 'byte')})`;
  if (what === 'corrupt') return `corrupt: ${plural(bytes, 'byte')} are not what was written${missing}`;
  if (what === 'missing') return `gone: a part of the stream is not there${missing}`;
  if (what === 'ahead') return `ahead: more was acknowledged than is there (up to log record ${lastSequence})`;
  return 'newer: written by a newer version, which this one cannot read; update @decision-trail/review';
}

/** Collects what could not be read while a spool is read for something else. */
export class DamageSeen {
  #count = 0;
  readonly #newer = new Set<string>();

  add(damage: readonly Damage[]): void {
    for (const { what, streamId } of damage) {
      if (what === 'unknown') this.#newer.add(streamId);
      else this.#count += 1;
    }
  }

  /** Tells of damage in one line, where there was any. */
  warn(directory: string, complain: (line: string) => void): void {
    if (this.#count === 0) return;
    const places = `${plural(this.#count, 'place')} in the spool cannot be read`;
    complain(`${places}, and what was there is left out; \`decision-trail spool repair ${directory}\` tells more`);
  }

  /** @throws ReviewError `SPOOL_UNREADABLE` where a stream is of a newer version: nobody knows what is in it. */
  assertRead(): void {
    if (this.#newer.size === 0) return;
    const streams = [...this.#newer].join(', ');
    throw new ReviewError(
      'SPOOL_UNREADABLE',
      `not all of the spool could be read: stream ${streams} is of a newer version; update @decision-trail/review`,
    );
  }
}
