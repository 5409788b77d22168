import type { DecisionRecord } from '@decision-trail/decisions';
import type { Entry } from '../entry.js';
import { modelNameOf } from '../entry.js';
import { isObject } from '../json.js';
import { printable } from './printable.js';

const GAP = '  ';
const ELLIPSIS = '…';

/** A value may be a megabyte; a cell is never wider than this many characters. */
const CELL_CHARS_MAX = 120;

interface Column {
  title: string;
  cell: (record: DecisionRecord) => string;
  /** Characters below which the column is not narrowed; then it is left out. */
  charsMin: number;
}

/** In the order in which they are printed. */
const COLUMNS: readonly Column[] = [
  { title: 'TIME', cell: (record) => record.timestamp, charsMin: 20 },
  { title: 'MODEL', cell: modelText, charsMin: 8 },
  { title: 'DECISION', cell: decisionText, charsMin: 8 },
  { title: 'SCORE', cell: (record) => scoreText(record.score), charsMin: 5 },
  { title: 'SUBJECT', cell: subjectText, charsMin: 8 },
  { title: 'ID', cell: (record) => record.id, charsMin: 36 },
];

/** Those that go first where the terminal is too narrow. */
const LEAST_WANTED = ['SUBJECT', 'SCORE', 'TIME', 'MODEL', 'DECISION'];

/**
 * Lays decisions out as a table.
 *
 * @param sample The first decisions: as wide as they are is each column.
 * @param widthChars Characters of a line at most; `undefined` where it may be as long as it needs.
 * @returns The heading, and what makes a line of a decision. Each is safe to print on a terminal.
 */
export function layOut(
  sample: readonly Entry[],
  widthChars: number | undefined,
): { heading: string; line: (entry: Entry) => string } {
  const columns = fit(
    COLUMNS.map((column) => ({ column, chars: naturalWidth(column, sample) })),
    widthChars,
  );
  const join = (text: (column: Column) => string): string =>
    columns
      .map(({ column, chars }) => padded(text(column), chars))
      .join(GAP)
      .trimEnd();
  return { heading: join(({ title }) => title), line: ({ record }) => join((column) => cellOf(column, record)) };
}

interface Sized {
  column: Column;
  chars: number;
}

/** Narrows the widest columns, then leaves columns out, until a line fits. */
function fit(columns: Sized[], widthChars: number | undefined): Sized[] {
  // A column in which nothing stands says nothing.
  let kept = columns.filter(({ chars }) => chars > 0);
  if (widthChars === undefined) return kept;
  for (const title of [...LEAST_WANTED, undefined]) {
    for (;;) {
      const excess = lineChars(kept) - widthChars;
      if (excess <= 0) return kept;
      const slack = ({ column, chars }: Sized): number => chars - column.charsMin;
      const widest = kept.reduce((a, b) => (slack(b) > slack(a) ? b : a));
      if (slack(widest) <= 0) break;
      widest.chars -= Math.min(excess, slack(widest));
    }
    kept = kept.filter(({ column }) => column.title !== title);
  }
  return kept;
}

function lineChars(columns: Sized[]): number {
  return columns.reduce((sum, { chars }) => sum + chars, GAP.length * (columns.length - 1));
}

function naturalWidth(column: Column, sample: readonly Entry[]): number {
  const widest = Math.max(0, ...sample.map(({ record }) => [...cellOf(column, record)].length));
  return widest === 0 ? 0 : Math.max(widest, column.title.length);
}

function cellOf({ cell }: Column, record: DecisionRecord): string {
  return printable(cell(record).slice(0, CELL_CHARS_MAX));
}

function padded(text: string, chars: number): string {
  const characters = [...text];
  if (characters.length > chars) return characters.slice(0, chars - 1).join('') + ELLIPSIS;
  return text + ' '.repeat(chars - characters.length);
}

function modelText(record: DecisionRecord): string {
  const version: unknown = isObject(record.model) ? record.model['version'] : undefined;
  const name = modelNameOf(record) ?? '';
  return typeof version === 'string' ? `${name} ${version}` : name;
}

/** What was decided, on one line; of a failure, its type. */
export function decisionText({ error, decision }: DecisionRecord): string {
  if (isObject(error)) return `failed: ${String(error['type'])}`;
  if (decision === undefined) return '';
  return typeof decision === 'string' ? decision : JSON.stringify(decision);
}

function scoreText(score: unknown): string {
  return typeof score === 'number' ? String(Number(score.toPrecision(4))) : '';
}

function subjectText({ subject }: DecisionRecord): string {
  return isObject(subject) ? String(subject['id'] ?? '') : '';
}
