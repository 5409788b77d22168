import { inspectSpool } from '@decision-trail/durable/inspect';
import type { SegmentContents } from '@decision-trail/durable/inspect';
import { complain, LineWriter } from '../../output.js';
import { guardSpool } from '../../spool/guard.js';
import { columns } from '../../text/columns.js';

const HEADING = ['STREAM', 'SEGMENT', 'BYTES', 'LOGS', 'SPANS', 'WAITING', 'FIRST', 'LAST'];

/** Prints a line for each segment of a spool. */
export async function spoolLs(directory: string, { json }: { json: boolean }): Promise<void> {
  const streams = await guardSpool('read', () => inspectSpool(directory));
  const out = new LineWriter(process.stdout);
  const segments = streams.flatMap(({ id, segments }) => segments.map((segment) => ({ stream: id, ...segment })));
  if (json) {
    for (const segment of segments) await out.line(JSON.stringify(segment));
    return;
  }
  if (segments.length === 0) return complain('the spool has no segments');
  const rows = segments.map(({ stream, ...segment }) => [stream, segment.number, ...cells(segment)]);
  for (const line of columns([HEADING, ...rows])) await out.line(line);
}

function cells({ bytes, logs, traces, firstMs, lastMs }: SegmentContents): (string | number)[] {
  return [
    bytes,
    logs.waiting + logs.acknowledged,
    traces.waiting + traces.acknowledged,
    logs.waiting + traces.waiting,
    timeText(firstMs),
    timeText(lastMs),
  ];
}

function timeText(ms: number | undefined): string {
  return ms === undefined ? '-' : new Date(ms).toISOString();
}
