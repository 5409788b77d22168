import type { DeliveryOptions } from '@decision-trail/durable/inspect';
import { complain } from '../output.js';

/** What a user says of where to deliver to. */
export interface DeliveryFlags {
  endpoint?: string;
  header?: Readonly<Record<string, string>>;
  /** Seconds. */
  timeout?: number;
}

/** The options for it; trouble is told of on stderr. */
export function deliveryOptions({ endpoint, header, timeout }: DeliveryFlags): DeliveryOptions {
  return {
    ...(endpoint !== undefined && { endpoint }),
    ...(header !== undefined && { headers: header }),
    ...(timeout !== undefined && { stallTimeoutMs: timeout * 1_000 }),
    onTrouble: complain,
  };
}

/** Prints what was done. Whoever started us may have stopped reading, which is no reason to stop delivering. */
export function progressLines(): (line: string) => void {
  process.stdout.on('error', () => {});
  process.stderr.on('error', () => {});
  return (line) => console.log(line);
}
