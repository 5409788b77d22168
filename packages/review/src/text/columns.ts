import { printable } from './printable.js';

/**
 * Rows of cells as lines in which cells stand below each other: numbers to the right, all else to the left. Each line is safe to
 * print on a terminal.
 *
 * @param rows The heading first.
 */
export function columns(rows: readonly (readonly (string | number)[])[]): string[] {
  const texts = rows.map((row) => row.map((cell) => printable(String(cell))));
  const widths = texts[0]?.map((_, column) => Math.max(...texts.map((row) => (row[column] ?? '').length))) ?? [];
  const isNumber = widths.map((_, column) => rows.slice(1).some((row) => typeof row[column] === 'number'));
  return texts.map((row) =>
    row
      .map((text, column) =>
        isNumber[column] === true ? text.padStart(widths[column]!) : text.padEnd(widths[column]!),
      )
      .join('  ')
      .trimEnd(),
  );
}

/** A time that has passed, in the largest unit that fits: `35s`, `12m`, `3h`, `4d`. */
export function ageText(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  const units: [string, number][] = [
    ['d', 86_400],
    ['h', 3_600],
    ['m', 60],
  ];
  const [unit, size] = units.find(([, size]) => seconds >= 2 * size) ?? ['s', 1];
  return `${Math.floor(seconds / size)}${unit}`;
}
