import type { Result } from './run.ts';

const HEADS = ['scenario', 'pipeline', 'made', 'lost', 'spans lost', 'duplicates', 'refused/dead', ''] as const;
/** Columns of words, which begin at the left. */
const TEXT_COLUMNS: readonly number[] = [0, 1, HEADS.length - 1];

export function tableOf(results: readonly Result[]): string {
  const rows = [HEADS, ...results.map(cellsOf)];
  const widths = HEADS.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => padded(cell, column, widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function cellsOf(result: Result): string[] {
  const { scenario, pipeline, made, lost, lostSpans, duplicates, refused, dead, notes, problems } = result;
  const share = lost === 0 ? '' : ` (${((100 * lost) / made).toFixed(1)} %)`;
  const numbers = [`${made}`, `${lost}${share}`, `${lostSpans}`, `${duplicates}`, `${refused}/${dead}`];
  return [scenario, pipeline, ...numbers, [...problems.map((problem) => `!! ${problem}`), ...notes].join('; ')];
}

function padded(cell: string, column: number, width: number): string {
  return TEXT_COLUMNS.includes(column) ? cell.padEnd(width) : cell.padStart(width);
}
