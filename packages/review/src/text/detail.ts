import type { DecisionRecord } from '@decision-trail/decisions';
import type { Entry } from '../entry.js';
import { printable, printableLines } from './printable.js';

/** Fields that are told in a line of their own; all others follow in the record's order. */
const FIRST: readonly (keyof DecisionRecord)[] = [
  'id',
  'timestamp',
  'durationMs',
  'model',
  'decision',
  'error',
  'input',
];
const LABELS: Partial<Record<string, string>> = { durationMs: 'duration', timestamp: 'time', parentId: 'part of' };
const LEFT_OUT = new Set(['schema']);
const LABEL_CHARS = 13;

/** One decision in full for a person; safe to print on a terminal. */
export function detail({ record }: Entry): string {
  const fields = record as unknown as Record<string, unknown>;
  const names = new Set([...FIRST, ...Object.keys(fields)]);
  let text = '';
  for (const name of names) {
    if (fields[name] === undefined || LEFT_OUT.has(name)) continue;
    const label = printable(LABELS[name] ?? name).padEnd(LABEL_CHARS);
    text += `${label}${label.endsWith(' ') ? '' : ' '}${indented(valueText(name, fields[name]))}\n`;
  }
  return text;
}

function valueText(name: string, value: unknown): string {
  if (name === 'durationMs') return `${String(value)} ms`;
  if (typeof value === 'string') return value;
  return JSON.stringify(value, undefined, isFlat(value) ? 0 : 2);
}

/** Short values are easier to read on one line. */
function isFlat(value: unknown): boolean {
  return JSON.stringify(value).length <= 100;
}

function indented(text: string): string {
  return printableLines(text).replaceAll('\n', `\n${' '.repeat(LABEL_CHARS)}`);
}
