import type { OtlpOptions } from '../send/settings.js';

/** Where to deliver, by default what `OTEL_EXPORTER_OTLP_*` say, and for how long to try. */
export interface DeliveryOptions extends Omit<OtlpOptions, 'url'> {
  /** How long nothing may be accepted or refused before delivery is given up, in milliseconds. Default: 30,000. */
  readonly stallTimeoutMs?: number;
  /** Gets a sentence about what goes wrong meanwhile, at most one of a kind in ten seconds. */
  readonly onTrouble?: (message: string) => void;
}

/** A time in which a Collector can be restarted; longer than a request may take. */
export const STALL_TIMEOUT_MS = 30_000;

/** The part of the options that says where to. */
export function otlpOptionsOf(options: DeliveryOptions): Omit<OtlpOptions, 'url'> {
  const ours: ReadonlySet<string> = new Set<keyof DeliveryOptions>(['stallTimeoutMs', 'onTrouble']);
  return Object.fromEntries(Object.entries(options).filter(([name]) => !ours.has(name)));
}

/**
 * Tries again and again for as long as something was settled during the last attempt.
 *
 * @param attempt takes the time it may take, and resolves with whether all is done.
 * @param settled records that were accepted or refused so far.
 */
export async function whileProgress(
  attempt: (timeoutMs: number) => Promise<boolean>,
  settled: () => number,
  timeoutMs: number,
): Promise<boolean> {
  for (;;) {
    const before = settled();
    if (await attempt(timeoutMs)) return true;
    if (settled() === before) return false;
  }
}
