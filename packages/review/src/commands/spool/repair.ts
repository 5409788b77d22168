import { inspectSpool, removeAbandoned } from '@decision-trail/durable/inspect';
import type { StreamContents } from '@decision-trail/durable/inspect';
import { ReviewError } from '../../errors.js';
import { LineWriter } from '../../output.js';
import { damageText } from '../../spool/damage.js';
import { guardSpool } from '../../spool/guard.js';
import { plural, records } from '../../text/plural.js';

/**
 * Tells of all damage in a spool and of what is readable, and removes what interrupted starts have left. In a stream nothing is
 * ever rewritten: what is readable is delivered as it is, and what is not is evidence.
 *
 * @throws ReviewError `SPOOL_DAMAGED` where there is damage.
 */
export async function spoolRepair(directory: string): Promise<void> {
  const removed = await guardSpool('write', () => removeAbandoned(directory));
  const streams = await guardSpool('read', () => inspectSpool(directory));
  const out = new LineWriter(process.stdout);
  for (const id of removed)
    await out.line(`${id}  removed: a start of a process that was interrupted, nothing was in it`);
  let places = 0;
  for (const stream of streams) {
    const lines = damageLines(stream);
    places += lines.length;
    for (const line of lines) await out.line(`${stream.id}  ${line}`);
    if (lines.length > 0) await out.line(`${stream.id}  ${readable(stream)}`);
  }
  if (places === 0) return out.line(`${plural(streams.length, 'stream')}, no damage`);
  throw new ReviewError('SPOOL_DAMAGED', `${plural(places, 'place')} in the spool cannot be read`);
}

function damageLines({ damage, keptAside }: StreamContents): string[] {
  return [
    ...damage.map((one) => `segment ${one.segment}, byte ${one.offset}  ${damageText(one)}`),
    ...keptAside.map(
      (number) => `segment ${number}  was damaged; delivered as far as it could be read, and kept in damaged/`,
    ),
  ];
}

function readable({ logs, traces }: StreamContents): string {
  const waiting = logs.waiting + traces.waiting;
  const whole = records(logs.waiting + logs.acknowledged, traces.waiting + traces.acknowledged);
  return `readable: ${whole}, of which ${waiting} ${waiting === 1 ? 'waits' : 'wait'} for delivery`;
}
