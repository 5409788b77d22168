import { inspectSpool, sendLeft } from '@decision-trail/durable/inspect';
import type { SentStream } from '@decision-trail/durable/inspect';
import { ReviewError } from '../../errors.js';
import { deliveryOptions, progressLines } from '../../spool/delivery.js';
import type { DeliveryFlags } from '../../spool/delivery.js';
import { guardSpool } from '../../spool/guard.js';
import { plural, records } from '../../text/plural.js';

export interface SendFlags extends DeliveryFlags {
  /** How long what was acknowledged is kept, in milliseconds. */
  retention?: number;
}

/**
 * Delivers what nobody alive owns.
 *
 * @throws ReviewError `NOT_DELIVERED` where something of it is left, or was refused.
 */
export async function spoolSend(directory: string, flags: SendFlags): Promise<void> {
  const print = progressLines();
  let streams = 0;
  const onStream = (stream: SentStream): void => {
    streams += 1;
    print(lineOf(stream));
  };
  const options = {
    ...deliveryOptions(flags),
    ...(flags.retention !== undefined && { retentionMs: flags.retention }),
    onStream,
  };
  const { isEmpty, deadLettered, live } = await guardSpool('write', () => sendLeft(directory, options));
  for (const id of live) print(`${id}  live, left to the process that delivers it`);
  if (!isEmpty) throw new ReviewError('NOT_DELIVERED', await leftIn(directory));
  if (deadLettered > 0) {
    const refused = `the Collector refused ${plural(deadLettered, 'record')}`;
    throw new ReviewError('NOT_DELIVERED', `${refused}; \`decision-trail spool dead-letters ${directory}\` tells why`);
  }
  if (streams === 0) print('nothing is left to deliver');
}

function lineOf({ streamId, logs, traces, deadLettered, isEmpty }: SentStream): string {
  const told = [logs + traces === 0 ? 'nothing delivered' : `delivered ${records(logs, traces)}`];
  if (deadLettered > 0) told.push(`${deadLettered} refused and among the dead letters`);
  if (!isEmpty) told.push('not all of it');
  return `${streamId}  ${told.join(', ')}`;
}

async function leftIn(directory: string): Promise<string> {
  const streams = await guardSpool('read', () => inspectSpool(directory));
  const left = streams.filter(({ state }) => state === 'left');
  const logs = left.reduce((sum, stream) => sum + stream.logs.waiting, 0);
  const traces = left.reduce((sum, stream) => sum + stream.traces.waiting, 0);
  const newer = left.some(({ damage }) => damage.some(({ what }) => what === 'unknown'));
  const what = `${records(logs, traces)} ${logs + traces === 1 ? 'is' : 'are'} left in the spool`;
  return newer ? `${what}, and a stream of a newer version; update @decision-trail/review` : what;
}
