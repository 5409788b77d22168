import { deadLetters, retryDeadLetters } from '@decision-trail/durable/inspect';
import type { StreamDeadLetter } from '@decision-trail/durable/inspect';
import { ReviewError } from '../../errors.js';
import { complain, LineWriter } from '../../output.js';
import { deliveryOptions, progressLines } from '../../spool/delivery.js';
import type { DeliveryFlags } from '../../spool/delivery.js';
import { guardReading, guardSpool } from '../../spool/guard.js';
import { columns } from '../../text/columns.js';
import { plural } from '../../text/plural.js';

const HEADING = ['TIME', 'SIGNAL', 'REASON', 'STATUS', 'RECORDS', 'STREAM', 'MESSAGE'];

/** Prints a line for what was given up together. */
export async function listDeadLetters(directory: string, { json }: { json: boolean }): Promise<void> {
  const out = new LineWriter(process.stdout);
  const rows: (string | number)[][] = [];
  for await (const letter of guardReading(deadLetters(directory))) {
    if (json) await out.line(JSON.stringify(asJson(letter)));
    else rows.push(row(letter));
  }
  if (json) return;
  if (rows.length === 0) return complain('there are no dead letters');
  for (const line of columns([HEADING, ...rows])) await out.line(line);
}

function row({ streamId, note, frames }: StreamDeadLetter): (string | number)[] {
  const { at, signal, reason, status = '-', message = '' } = note;
  return [timeText(at), signal, reason, status, frames.length, streamId, message];
}

function asJson({ streamId, note, frames }: StreamDeadLetter): Record<string, unknown> {
  const { at, signal, reason, status, message } = note;
  const sequences = frames.map(({ sequence }) => sequence);
  return { time: timeText(at), signal, reason, status, message, records: frames.length, stream: streamId, sequences };
}

/** A note may hold any number. */
function timeText(ms: number): string {
  const time = new Date(ms);
  return Number.isNaN(time.getTime()) ? String(ms) : time.toISOString();
}

/**
 * Sends dead letters again; those that are accepted are removed.
 *
 * @throws ReviewError `NOT_DELIVERED` where some were not.
 */
export async function retryAll(directory: string, flags: DeliveryFlags): Promise<void> {
  const print = progressLines();
  const { accepted, refused, isComplete } = await guardSpool('write', () =>
    retryDeadLetters(directory, deliveryOptions(flags)),
  );
  print(`${plural(accepted, 'record')} delivered and no longer among the dead letters`);
  if (!isComplete) throw new ReviewError('NOT_DELIVERED', 'the others were not sent, and stay among the dead letters');
  if (refused > 0) {
    const what = `the Collector refused ${plural(refused, 'record')} again`;
    throw new ReviewError('NOT_DELIVERED', `${what}, which ${refused === 1 ? 'stays' : 'stay'} among the dead letters`);
  }
}
