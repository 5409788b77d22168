/**
 * Runs the backends for tests: the configurations that `collector-config/` ships, on free loopback ports, with all data
 * and logs below one directory.
 *
 *     const jaeger = await startJaeger({ dir });
 *     const loki = await startLoki({ dir });
 *     const collector = await startCollector({ dir, jaeger, loki });
 *     ... post to collector.url, read from jaeger.url and loki.url ...
 *     await loki.stop();    // or kill(); then, on the same port with the same data:
 *     await loki.start();
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BACKENDS, BACKEND_NAMES, type BackendName } from './catalogue.ts';
import { BackendError } from './errors.ts';
import { findBackend } from './find.ts';
import { freePorts } from './ports.ts';
import { Server, type ServerPlan } from './server.ts';

export interface RunningCollector extends Server {
  /** Base URL of OTLP over HTTP: what `OTEL_EXPORTER_OTLP_ENDPOINT` takes. */
  readonly url: string;
  /** Base URL of OTLP over gRPC. */
  readonly grpcUrl: string;
  /** The Collector's own metrics, in Prometheus' text format. */
  readonly metricsUrl: string;
}

export interface RunningJaeger extends Server {
  /** Base URL of the query API and UI. */
  readonly url: string;
  /** Base URL of OTLP over HTTP. */
  readonly otlpUrl: string;
}

export interface RunningLoki extends Server {
  /** Base URL of Loki's own API. */
  readonly url: string;
  /** Base URL of OTLP over HTTP. */
  readonly otlpUrl: string;
}

/** The backends that `npm run backends` has yet to get. A test that needs one is skipped, or fails where `CI` is set. */
export async function missingBackends(): Promise<BackendName[]> {
  const found = await Promise.all(BACKEND_NAMES.map(findBackend));
  return BACKEND_NAMES.filter((_, index) => found[index] === undefined);
}

export async function startJaeger({ dir }: { dir: string }): Promise<RunningJaeger> {
  const [ui, uiGrpc, otlp, health] = await ports(4);
  const server = await started(dir, 'jaeger', ['--config', configuration('jaeger.yaml')], `${local(health)}/status`, {
    JAEGER_QUERY_HTTP_ADDRESS: `127.0.0.1:${ui}`,
    JAEGER_QUERY_GRPC_ADDRESS: `127.0.0.1:${uiGrpc}`,
    JAEGER_OTLP_HTTP_ADDRESS: `127.0.0.1:${otlp}`,
    JAEGER_HEALTH_ADDRESS: `127.0.0.1:${health}`,
  });
  return Object.assign(server, { url: local(ui), otlpUrl: local(otlp) });
}

export async function startLoki({ dir, port }: { dir: string; port?: number }): Promise<RunningLoki> {
  const [http, grpc] = await ports(2, port);
  const args = [`-config.file=${configuration('loki.yaml')}`, '-config.expand-env=true'];
  const server = await started(dir, 'loki', args, `${local(http)}/ready`, {
    LOKI_HTTP_HOST: '127.0.0.1',
    LOKI_HTTP_PORT: `${http}`,
    LOKI_GRPC_PORT: `${grpc}`,
    LOKI_DIRECTORY: join(dir, 'loki'),
  });
  return Object.assign(server, { url: local(http), otlpUrl: `${local(http)}/otlp` });
}

export async function startCollector(options: {
  dir: string;
  jaeger: { otlpUrl: string };
  loki: { otlpUrl: string };
  /** Of OTLP over HTTP. */
  port?: number;
  /** What each exporter's queue may hold; default as shipped. */
  queueBytes?: number;
  /** Another file than the one that is shipped. */
  configuration?: string;
}): Promise<RunningCollector> {
  const { dir, jaeger, loki, port, queueBytes } = options;
  const file = options.configuration ?? configuration('collector.yaml');
  const [http, grpc, health, metrics] = await ports(4, port);
  const server = await started(dir, 'collector', ['--config', file], local(health), {
    COLLECTOR_OTLP_HTTP_ADDRESS: `127.0.0.1:${http}`,
    COLLECTOR_OTLP_GRPC_ADDRESS: `127.0.0.1:${grpc}`,
    COLLECTOR_HEALTH_ADDRESS: `127.0.0.1:${health}`,
    COLLECTOR_METRICS_HOST: '127.0.0.1',
    COLLECTOR_METRICS_PORT: `${metrics}`,
    COLLECTOR_QUEUE_DIRECTORY: join(dir, 'queue'),
    JAEGER_OTLP_URL: jaeger.otlpUrl,
    LOKI_OTLP_URL: loki.otlpUrl,
    ...(queueBytes === undefined ? {} : { COLLECTOR_QUEUE_BYTES: `${queueBytes}` }),
  });
  return Object.assign(server, { url: local(http), grpcUrl: local(grpc), metricsUrl: `${local(metrics)}/metrics` });
}

async function started(
  dir: string,
  name: BackendName,
  args: readonly string[],
  readyUrl: string,
  env: ServerPlan['env'],
): Promise<Server> {
  const found = await findBackend(name);
  if (found === undefined) {
    throw new BackendError('UNOBTAINABLE', `no ${name}: run npm run backends, or set ${BACKENDS[name].variable}`);
  }
  const server = new Server({ name, path: found.path, args, env, readyUrl, logFile: join(dir, `${name}.log`) });
  await server.start();
  return server;
}

/** Free ports, the first of them as wished. */
async function ports(count: number, wished?: number): Promise<number[]> {
  const free = await freePorts(count);
  return wished === undefined ? free : [wished, ...free.slice(1)];
}

function local(port: number | undefined): string {
  return `http://127.0.0.1:${port}`;
}

function configuration(file: string): string {
  return fileURLToPath(new URL(`../../collector-config/${file}`, import.meta.url));
}
