import type { Entry } from '../entry.js';
import { LineWriter, complain } from '../output.js';
import { openSource } from '../sources/open.js';
import type { DecisionQuery } from '../store.js';
import { layOut } from '../text/table.js';

export interface ListOptions {
  source: string;
  query: DecisionQuery;
  /** Decisions at most; the oldest of those that match. */
  limit: number;
  json: boolean;
}

/** Decisions whose lengths decide how wide the columns are. */
const SAMPLE_MAX = 200;

/** Prints the decisions of a source, oldest first. */
export async function list({ source: name, query, limit, json }: ListOptions): Promise<void> {
  const source = openSource(name, { onWarning: complain });
  try {
    const entries = take(source.list(query), limit);
    await (json ? printJson(entries) : printTable(entries));
  } finally {
    source.close();
  }
}

/** A record's body on one line: a line break in JSON is white space, and none of ours has one. */
export function jsonLine({ body }: { readonly body: string }): string {
  return body.replaceAll(/[\r\n]/g, ' ');
}

async function printJson(entries: AsyncIterable<Entry>): Promise<void> {
  const out = new LineWriter(process.stdout);
  for await (const entry of entries) await out.line(jsonLine(entry));
}

async function printTable(entries: AsyncIterable<Entry>): Promise<void> {
  const out = new LineWriter(process.stdout);
  const sample: Entry[] = [];
  let line: ((entry: Entry) => string) | undefined;
  const begin = async (): Promise<(entry: Entry) => string> => {
    const layout = layOut(sample, process.stdout.isTTY ? process.stdout.columns : undefined);
    await out.line(layout.heading);
    for (const entry of sample) await out.line(layout.line(entry));
    return layout.line;
  };
  for await (const entry of entries) {
    if (line !== undefined) {
      await out.line(line(entry));
      continue;
    }
    sample.push(entry);
    if (sample.length === SAMPLE_MAX) line = await begin();
  }
  if (sample.length === 0) complain('no decisions found');
  else if (line === undefined) await begin();
}

async function* take(entries: AsyncIterable<Entry>, limit: number): AsyncGenerator<Entry> {
  let left = limit;
  for await (const entry of entries) {
    yield entry;
    left -= 1;
    if (left === 0) return;
  }
}
