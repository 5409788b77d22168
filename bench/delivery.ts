import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { promisify } from 'node:util';
import { median } from './compare.ts';
import type { Cost } from './delivery-app.ts';

const PAIRS = 5;

export interface DeliveryRow {
  readonly name: string;
  readonly plain: Cost;
  readonly durable: Cost;
  /** Medians of the pairs' quotients, durable by plain. */
  readonly ratio: Cost;
}

/** The decorator with durable delivery against spans and log records by hand with the stock processors, process by process. */
export async function delivery(): Promise<DeliveryRow[]> {
  const receiver = fork(path.join(import.meta.dirname, 'receiver.ts'));
  try {
    const [endpoint] = (await once(receiver, 'message')) as [string];
    return [
      await compareDelivery('log record and span', 'spans', endpoint),
      await compareDelivery('log record alone', 'none', endpoint),
    ];
  } finally {
    receiver.kill();
  }
}

async function compareDelivery(name: string, spans: string, endpoint: string): Promise<DeliveryRow> {
  const pairs: { plain: Cost; durable: Cost }[] = [];
  for (let pair = 0; pair < PAIRS; pair++) {
    const plain = await cost('plain', spans, endpoint);
    pairs.push({ plain, durable: await cost('durable', spans, endpoint) });
  }
  const of = (read: (pair: { plain: Cost; durable: Cost }) => Cost): Cost => {
    const costs = pairs.map(read);
    const middle = (key: keyof Cost): number => median(costs.map((each) => each[key]));
    return { cpuUs: middle('cpuUs'), callP50Us: middle('callP50Us'), callP999Us: middle('callP999Us') };
  };
  const quotient = ({ plain, durable }: { plain: Cost; durable: Cost }): Cost => ({
    cpuUs: durable.cpuUs / plain.cpuUs,
    callP50Us: durable.callP50Us / plain.callP50Us,
    callP999Us: durable.callP999Us / plain.callP999Us,
  });
  return { name, plain: of(({ plain }) => plain), durable: of(({ durable }) => durable), ratio: of(quotient) };
}

async function cost(...args: string[]): Promise<Cost> {
  const program = path.join(import.meta.dirname, 'delivery-app.ts');
  const { stdout } = await promisify(execFile)(process.execPath, [program, ...args]);
  return JSON.parse(stdout) as Cost;
}
