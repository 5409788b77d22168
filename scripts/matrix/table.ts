/** What became of one version of Node.js with one line of OpenTelemetry. */
export interface Outcome {
  readonly node: string;
  readonly line: string;
  readonly ok: boolean;
  /** How many tests passed or failed, or why none ran. */
  readonly text: string;
}

/** Rows of cells, the head first: a row for each version of Node.js, a column for each line. */
export function tableOf(outcomes: readonly Outcome[], heads: ReadonlyMap<string, string>): string[][] {
  const nodes = [...new Set(outcomes.map(({ node }) => node))];
  const cell = (node: string, line: string): string =>
    outcomes.find((outcome) => outcome.node === node && outcome.line === line)?.text ?? '';
  return [
    ['Node.js', ...heads.values()],
    ...nodes.map((node) => [node, ...[...heads.keys()].map((line) => cell(node, line))]),
  ];
}

/** The table for a terminal. */
export function asText(rows: readonly string[][]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** The table in Markdown. */
export function asMarkdown([head = [], ...rows]: readonly string[][]): string {
  const line = (row: readonly string[]): string => `| ${row.join(' | ')} |`;
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}
