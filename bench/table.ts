import type { Comparison } from './compare.ts';
import type { DeliveryRow } from './delivery.ts';

export interface Row extends Comparison {
  readonly name: string;
}

export interface LargeRow {
  readonly name: string;
  readonly addedMs: number;
  /** On the heap and outside of it, no garbage collected meanwhile. */
  readonly addedBytes: number;
  /** By how much the process is larger than it ever was. */
  readonly addedPeakBytes: number;
}

/** Lines of aligned columns: a name, then numbers. */
export function printTable(heads: readonly string[], rows: readonly (readonly string[])[]): void {
  const table = [heads, ...rows];
  const widths = heads.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  for (const row of table) {
    const cells = row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)));
    console.log(`  ${cells.join('  ')}`);
  }
}

/** Three digits, in the unit that suits. */
export function time(ns: number): string {
  if (Math.abs(ns) < 1000) return `${ns.toFixed(1)} ns`;
  if (Math.abs(ns) < 1e6) return `${(ns / 1e3).toPrecision(3)} us`;
  return `${(ns / 1e6).toPrecision(3)} ms`;
}

export function cellsOf({ name, baselineNs, auditedNs, addedNs, ratio }: Row): string[] {
  return [name, time(baselineNs), time(auditedNs), time(addedNs), `${ratio.toFixed(2)} x`];
}

export function cellsOfLarge({ name, addedMs, addedBytes, addedPeakBytes }: LargeRow): string[] {
  const kib = (bytes: number): string => `${(bytes / 1024).toFixed(0)} KiB`;
  return [name, time(addedMs * 1e6), kib(addedBytes), kib(addedPeakBytes)];
}

export function cellsOfDelivery({ name, plain, durable, ratio }: DeliveryRow): string[][] {
  const figures = [
    ['CPU', 'cpuUs'],
    ['call, median', 'callP50Us'],
    ['call, p99.9', 'callP999Us'],
  ] as const;
  return figures.map(([figure, key]) => [
    `${name}: ${figure}`,
    time(plain[key] * 1000),
    time(durable[key] * 1000),
    `${ratio[key].toFixed(2)} x`,
  ]);
}
