import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { ended } from './command.js';

/** Nobody listens on the port of the discard service. */
export const NOBODY = 'http://127.0.0.1:9';

export interface SpoolApp {
  /** Makes decisions; resolves with their ids. */
  decide: (count: number) => Promise<string[]>;
  /** Ends as by a power switch. */
  kill: () => Promise<void>;
}

/** Starts an application that keeps its decisions in a spool. */
export function startSpoolApp(directory: string, endpoint: string = NOBODY): SpoolApp {
  const child = fork(join(import.meta.dirname, 'spool-app.mjs'), {
    env: { ...process.env, DECISION_TRAIL_SPOOL_DIR: directory, OTEL_EXPORTER_OTLP_ENDPOINT: endpoint },
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  ended(child);
  const decide = async (count: number): Promise<string[]> => {
    child.send({ count, isDelivered: endpoint !== NOBODY });
    const [ids] = (await once(child, 'message')) as [string[]];
    return ids;
  };
  const kill = async (): Promise<void> => {
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  };
  return { decide, kill };
}

/** Leaves a spool behind in which decisions wait; resolves with their ids. */
export async function leaveSpool(directory: string, count: number, endpoint?: string): Promise<string[]> {
  const app = startSpoolApp(directory, endpoint);
  const ids = await app.decide(count);
  await app.kill();
  return ids;
}
