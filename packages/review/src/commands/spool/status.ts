import { inspectSpool } from '@decision-trail/durable/inspect';
import type { StreamContents } from '@decision-trail/durable/inspect';
import { LineWriter } from '../../output.js';
import { guardSpool } from '../../spool/guard.js';
import { ageText, columns } from '../../text/columns.js';

const HEADING = [
  'STREAM',
  'STATE',
  'LOGS WAITING',
  'LOGS ACKED',
  'SPANS WAITING',
  'SPANS ACKED',
  'BYTES',
  'OLDEST',
  'DEAD LETTERS',
  'DAMAGE',
];

/** Prints a line for each stream of a spool, and their sum. */
export async function spoolStatus(directory: string, { json }: { json: boolean }): Promise<void> {
  const streams = await guardSpool('read', () => inspectSpool(directory));
  const out = new LineWriter(process.stdout);
  if (json) {
    for (const { segments: _, ...stream } of streams) await out.line(JSON.stringify(stream));
    return;
  }
  const now = Date.now();
  const rows = streams.map((stream) => [stream.id, stream.state, ...cells(stream, now)]);
  const count = (of: (stream: StreamContents) => number): number =>
    streams.reduce((sum, stream) => sum + of(stream), 0);
  const total = [
    count(({ logs }) => logs.waiting),
    count(({ logs }) => logs.acknowledged),
    count(({ traces }) => traces.waiting),
    count(({ traces }) => traces.acknowledged),
    count(({ bytes }) => bytes),
    oldest(streams, now),
    count(({ deadLetters }) => deadLetters),
    count(damages),
  ];
  for (const line of columns([HEADING, ...rows, [`total of ${streams.length}`, '', ...total]])) await out.line(line);
}

function cells(stream: StreamContents, now: number): (string | number)[] {
  const { logs, traces, bytes, deadLetters } = stream;
  return [
    logs.waiting,
    logs.acknowledged,
    traces.waiting,
    traces.acknowledged,
    bytes,
    oldest([stream], now),
    deadLetters,
    damages(stream),
  ];
}

function oldest(streams: readonly StreamContents[], now: number): string {
  const ms = Math.min(...streams.map(({ oldestWaitingMs }) => oldestWaitingMs ?? Infinity));
  return ms === Infinity ? '-' : ageText(now - ms);
}

function damages({ damage, keptAside }: StreamContents): number {
  return damage.length + keptAside.length;
}
