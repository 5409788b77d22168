import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { findBackend } from '../backends/find.ts';
import { startCollector } from '../backends/run.ts';
import type { RunningCollector } from '../backends/run.ts';
import type { Sink } from './sink.ts';

const SHIPPED = path.resolve(import.meta.dirname, '../../collector-config/collector.yaml');
const POLL_MS = 50;
const SETTLED_TIMEOUT_MS = 60_000;

/** What an application sends to. */
export interface ReceivingEnd {
  readonly url: string;
  /** Ends it as a crash would. */
  down(): Promise<void>;
  up(): Promise<void>;
  /** Resolves when nothing is on its way to the sink any more; the applications have ended. */
  settle(): Promise<void>;
  close(): Promise<void>;
}

/** Keeps what it has acknowledged in memory, as a Collector does that nobody has configured otherwise, or on its disk. */
export type CollectorQueue = 'persistent' | 'memory';

export async function hasCollector(): Promise<boolean> {
  return (await findBackend('collector')) !== undefined;
}

/** The sink, without anything in front. */
export function directTo(sink: Sink): ReceivingEnd {
  return {
    url: sink.url,
    down: () => sink.down(),
    up: () => sink.up(),
    settle: async () => void (await sink.until(() => sink.connections === 0, SETTLED_TIMEOUT_MS)),
    close: async () => {},
  };
}

/** A real Collector with the configuration that is shipped, whose Loki and Jaeger are the sink. */
export async function behindCollector(sink: Sink, dir: string, queue: CollectorQueue): Promise<ReceivingEnd> {
  const backend = { otlpUrl: sink.url };
  const collector = await startCollector({
    dir,
    jaeger: backend,
    loki: backend,
    ...(queue === 'memory' && { configuration: withoutStorage(dir) }),
  });
  return {
    url: collector.url,
    down: () => collector.kill(),
    up: () => collector.start(),
    settle: () => emptied(collector),
    close: () => collector.kill(),
  };
}

function withoutStorage(dir: string): string {
  const shipped = readFileSync(SHIPPED, 'utf8');
  const changed = shipped.replace(/^ +storage: file_storage\/queue\n/m, '');
  if (changed === shipped) throw new Error(`${SHIPPED} has no persistent queue to take away`);
  const file = path.join(dir, 'memory-queue.yaml');
  writeFileSync(file, changed);
  return file;
}

/** A Collector tells what is in its queues only by its metrics, which have to be asked for. */
async function emptied(collector: RunningCollector): Promise<void> {
  const deadline = performance.now() + SETTLED_TIMEOUT_MS;
  while (performance.now() < deadline) {
    const metrics = await (await fetch(collector.metricsUrl)).text();
    const sizes = [...metrics.matchAll(/^otelcol_exporter_(?:queue_size|in_flight_requests)\S* (\S+)$/gm)];
    if (sizes.length > 0 && sizes.every(([, size]) => Number(size) === 0)) return;
    await delay(POLL_MS);
  }
}
