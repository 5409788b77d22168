import { randomUUID } from 'node:crypto';
import { diag, logs, trace } from '@opentelemetry/api';
import type { ProxyTracerProvider } from '@opentelemetry/api';
import { getBooleanFromEnv, getStringFromEnv, getStringListFromEnv } from '@opentelemetry/core';
import { OTLPLogExporter as GrpcLogExporter } from '@opentelemetry/exporter-logs-otlp-grpc';
import { OTLPLogExporter as JsonLogExporter } from '@opentelemetry/exporter-logs-otlp-http';
import { OTLPLogExporter as ProtobufLogExporter } from '@opentelemetry/exporter-logs-otlp-proto';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import {
  defaultResource,
  envDetector,
  hostDetector,
  osDetector,
  resourceFromAttributes,
  serviceInstanceIdDetector,
} from '@opentelemetry/resources';
import type { LogRecordExporter } from '@opentelemetry/sdk-logs';
import { NodeSDK } from '@opentelemetry/sdk-node';
import type { NodeSDKConfiguration } from '@opentelemetry/sdk-node';
import { CountedLogRecordProcessor } from './delivery.js';
import { reportToStderr } from './diag.js';
import { StartError } from './errors.js';
import { onEnd } from './process.js';

/** Settings of `startDecisionTrail`; each has its place in the standard environment variables, which it overrides. */
export interface StartOptions {
  /** `service.name` of every record. Default: `OTEL_SERVICE_NAME`, else `unknown_service:node`. */
  serviceName?: string;
  /**
   * Base URL of an OTLP/HTTP receiver; `/v1/traces` and `/v1/logs` are appended. Default: what
   * `OTEL_EXPORTER_OTLP_ENDPOINT` says, else `http://localhost:4318`.
   */
  endpoint?: string;
  /** OpenTelemetry instrumentations to run beside the decisions. Default: none. */
  instrumentations?: NodeSDKConfiguration['instrumentations'];
}

/** A running trail. */
export interface DecisionTrail {
  /** Resolves when every decision made so far was delivered, or delivery has failed and was reported. */
  flush(): Promise<void>;
  /** Delivers what is left and stops. Resolves within the time-outs of the exporters, whatever happens; never rejects. */
  shutdown(): Promise<void>;
}

const NOT_STARTED: DecisionTrail = { flush: async () => {}, shutdown: async () => {} };

/** The trail of this process; there is at most one. */
let running: DecisionTrail | undefined;

/**
 * Starts an OpenTelemetry SDK that sends traces and log records, and with them every decision, by OTLP to a Collector.
 * All standard `OTEL_*` variables are obeyed. At SIGTERM, SIGINT and the end of the process it delivers what is left.
 *
 * An application that has its own NodeSDK does not need this: there the decorator is enough.
 *
 * A second call returns the running trail. With `OTEL_SDK_DISABLED=true` or `DECISION_TRAIL_DISABLED=true` nothing is
 * started, and decorated functions are called straight through.
 *
 * @throws {StartError} `INVALID_OPTIONS`, or `SDK_ALREADY_REGISTERED` where the application runs another SDK.
 */
export function startDecisionTrail(options: StartOptions = {}): DecisionTrail {
  checkOptions(options);
  if (running !== undefined) return running;
  if (getBooleanFromEnv('OTEL_SDK_DISABLED') || getBooleanFromEnv('DECISION_TRAIL_DISABLED')) return NOT_STARTED;
  refuseSecondSdk();
  reportToStderr();

  const processor = logProcessor(options.endpoint);
  const sdk = new NodeSDK({
    // The detectors of the SDK can be switched off, but the records of each instance need an id that tells them apart.
    resource: defaultResource().merge(resourceFromAttributes({ 'service.instance.id': randomUUID() })),
    // The standard's set less the process detector: it would send the command line, which may hold personal data.
    ...(getStringFromEnv('OTEL_NODE_RESOURCE_DETECTORS') === undefined && {
      resourceDetectors: [serviceInstanceIdDetector, hostDetector, osDetector, envDetector],
    }),
    instrumentations: options.instrumentations ?? [],
    ...(options.serviceName !== undefined && { serviceName: options.serviceName }),
    ...(options.endpoint !== undefined && {
      traceExporter: new OTLPTraceExporter({ url: url(options.endpoint, 'traces') }),
    }),
    ...(processor !== undefined && { logRecordProcessors: [processor] }),
  });
  sdk.start();

  const flush = async (): Promise<void> => {
    const providers = [logs.getLoggerProvider(), (trace.getTracerProvider() as ProxyTracerProvider).getDelegate()];
    await settle(providers.map(async (provider) => (provider as { forceFlush?: () => Promise<void> }).forceFlush?.()));
  };
  let stopped: Promise<void> | undefined;
  const shutdown = (): Promise<void> => {
    removeHandlers();
    return (stopped ??= settle([sdk.shutdown()]));
  };
  const tooLate = (): void => {
    const waiting = processor?.waiting ?? 0;
    if (waiting === 0) return;
    diag.error(
      `the process ended before ${waiting} log records were delivered; await trail.shutdown() before process.exit()`,
    );
  };
  const removeHandlers = onEnd({ flush, shutdown, tooLate });
  running = { flush, shutdown };
  return running;
}

/** Counts the records on their way; `undefined` where the environment asks for something other than OTLP. */
function logProcessor(endpoint: string | undefined): CountedLogRecordProcessor | undefined {
  if (endpoint !== undefined)
    return new CountedLogRecordProcessor(new ProtobufLogExporter({ url: url(endpoint, 'logs') }));
  const exporters = getStringListFromEnv('OTEL_LOGS_EXPORTER') ?? [];
  if (exporters.length > 1 || (exporters[0] ?? 'otlp') !== 'otlp') return undefined;
  return new CountedLogRecordProcessor(otlpLogExporter());
}

/** The exporter for the protocol that the environment names, with the standard's own default. */
function otlpLogExporter(): LogRecordExporter {
  const protocol =
    getStringFromEnv('OTEL_EXPORTER_OTLP_LOGS_PROTOCOL') ?? getStringFromEnv('OTEL_EXPORTER_OTLP_PROTOCOL');
  switch (protocol?.trim()) {
    case 'grpc':
      return new GrpcLogExporter();
    case 'http/json':
      return new JsonLogExporter();
    default:
      return new ProtobufLogExporter();
  }
}

function url(endpoint: string, signal: 'traces' | 'logs'): string {
  return `${endpoint.replace(/\/+$/, '')}/v1/${signal}`;
}

/** Waits for all, and reports what failed: the caller can do nothing about it. */
async function settle(all: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(all)) {
    if (result.status === 'rejected') diag.error('delivery failed:', result.reason);
  }
}

function refuseSecondSdk(): void {
  const traced = (trace.getTracerProvider() as ProxyTracerProvider).getDelegate();
  const isRegistered = 'forceFlush' in traced || 'forceFlush' in logs.getLoggerProvider();
  if (!isRegistered) return;
  throw new StartError(
    'SDK_ALREADY_REGISTERED',
    'startDecisionTrail(): this process already runs an OpenTelemetry SDK, and decisions are recorded through it; ' +
      'leave this call out, or start Decision Trail instead of the other SDK',
  );
}

const OPTIONS: Record<keyof StartOptions, readonly [expected: string, check: (value: unknown) => boolean]> = {
  serviceName: ['a name', (value) => typeof value === 'string' && value !== ''],
  endpoint: ['an http:// or https:// URL such as "http://localhost:4318"', isHttpUrl],
  instrumentations: ['a list of OpenTelemetry instrumentations', Array.isArray],
};

function isHttpUrl(value: unknown): boolean {
  return typeof value === 'string' && URL.canParse(value) && /^https?:$/.test(new URL(value).protocol);
}

function checkOptions(options: object): void {
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(OPTIONS, name)) {
      throw new StartError(
        'INVALID_OPTIONS',
        `startDecisionTrail() has no option "${name}"; it has ${Object.keys(OPTIONS).join(', ')}`,
      );
    }
    const [expected, check] = OPTIONS[name as keyof StartOptions];
    if (value !== undefined && !check(value)) {
      throw new StartError('INVALID_OPTIONS', `startDecisionTrail() expects "${name}" to be ${expected}`);
    }
  }
}
