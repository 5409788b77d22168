import { randomUUID } from 'node:crypto';
import { configureDecisions } from '@decision-trail/decisions';
import type { Delivery } from '@decision-trail/decisions';
import { DurableLogRecordProcessor, DurableSpanProcessor, openSpool, SpoolError } from '@decision-trail/durable';
import type { Spool } from '@decision-trail/durable';
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
  /**
   * Directory in which records are kept until the Collector has them. Default: `DECISION_TRAIL_SPOOL_DIR`, else
   * `.decision-trail/spool` in the working directory.
   */
  spoolDirectory?: string;
  /**
   * How safe the record of a decision is before its caller gets the decision. Default: `DECISION_TRAIL_DELIVERY`, else
   * `durable`.
   */
  delivery?: Delivery;
  /** OpenTelemetry instrumentations to run beside the decisions. Default: none. */
  instrumentations?: NodeSDKConfiguration['instrumentations'];
}

/** A running trail. */
export interface DecisionTrail {
  /** Resolves when every decision made so far was delivered, or cannot be now, which is reported. */
  flush(): Promise<void>;
  /**
   * Resolves when the records of all decisions made so far are on stable storage; rejects where they cannot be, and where no
   * spool is used.
   */
  commit(): Promise<void>;
  /**
   * Delivers what is left and stops. Resolves after ten seconds at most, whatever happens; never rejects. What is not delivered
   * by then stays in the spool, and the next start delivers it.
   */
  shutdown(): Promise<void>;
}

const NOT_STARTED: DecisionTrail = {
  flush: async () => {},
  commit: async () => {
    throw new StartError('NO_SPOOL', 'Decision Trail is disabled in this process, so nothing is kept');
  },
  shutdown: async () => {},
};

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
 * @throws {StartError} `INVALID_OPTIONS`; `SDK_ALREADY_REGISTERED` where the application runs another SDK; `NO_SPOOL` where
 * `delivery` is `required` and records cannot be kept on disk.
 */
export function startDecisionTrail(options: StartOptions = {}): DecisionTrail {
  checkOptions(options);
  if (running !== undefined) return running;
  if (getBooleanFromEnv('OTEL_SDK_DISABLED') || getBooleanFromEnv('DECISION_TRAIL_DISABLED')) return NOT_STARTED;
  refuseSecondSdk();
  reportToStderr();

  const delivery = deliveryOf(options);
  // First: where nothing can be kept that is required, no decision must be released either.
  if (delivery !== undefined) configureDecisions({ delivery });
  const spool = openedSpool(options, delivery);
  const processor = spool === undefined ? countedProcessor(options.endpoint) : undefined;
  const sdk = new NodeSDK({
    // The detectors of the SDK can be switched off, but the records of each instance need an id that tells them apart.
    resource: defaultResource().merge(resourceFromAttributes({ 'service.instance.id': randomUUID() })),
    // The standard's set less the process detector: it would send the command line, which may hold personal data.
    ...(getStringFromEnv('OTEL_NODE_RESOURCE_DETECTORS') === undefined && {
      resourceDetectors: [serviceInstanceIdDetector, hostDetector, osDetector, envDetector],
    }),
    instrumentations: options.instrumentations ?? [],
    ...(options.serviceName !== undefined && { serviceName: options.serviceName }),
    ...(spool === undefined ? exporting(options.endpoint, processor) : keeping(spool)),
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
  const commit = async (): Promise<void> => {
    if (spool === undefined)
      throw new StartError('NO_SPOOL', 'records are kept in memory only; see the warning at the start');
    await spool.commit();
  };
  const tooLate = (): void => {
    const waiting = processor?.waiting ?? 0;
    if (waiting === 0) return;
    diag.error(
      `the process ended before ${waiting} log records were delivered; await trail.shutdown() before process.exit()`,
    );
  };
  const removeHandlers = onEnd({ flush, shutdown, tooLate });
  running = { flush, commit, shutdown };
  return running;
}

type Processors = Pick<NodeSDKConfiguration, 'logRecordProcessors' | 'spanProcessors' | 'traceExporter'>;

/** All log records and spans go through the spool, in the order in which they were made. */
function keeping(spool: Spool): Partial<Processors> {
  return {
    logRecordProcessors: [new DurableLogRecordProcessor({ spool, records: 'all' })],
    ...(isOtlpProtobuf('TRACES') && { spanProcessors: [new DurableSpanProcessor({ spool, spans: 'all' })] }),
  };
}

/** All log records and spans go out from memory. */
function exporting(
  endpoint: string | undefined,
  processor: CountedLogRecordProcessor | undefined,
): Partial<Processors> {
  return {
    ...(endpoint !== undefined && { traceExporter: new OTLPTraceExporter({ url: url(endpoint, 'traces') }) }),
    ...(processor !== undefined && { logRecordProcessors: [processor] }),
  };
}

/**
 * The spool; `undefined` where the environment asks for another exporter or protocol than it delivers by, and where there is
 * no directory for it, which is told of.
 */
function openedSpool({ endpoint, spoolDirectory }: StartOptions, delivery: Delivery | undefined): Spool | undefined {
  const isRequired = delivery === 'required';
  if (!isOtlpProtobuf('LOGS')) {
    if (!isRequired) return undefined;
    throw new StartError('NO_SPOOL', 'with delivery "required", log records must go out by OTLP as http/protobuf');
  }
  try {
    return openSpool({
      ...(endpoint !== undefined && { endpoint }),
      ...(spoolDirectory !== undefined && { directory: spoolDirectory }),
    });
  } catch (error) {
    if (!(error instanceof SpoolError)) throw error;
    if (error.code === 'INVALID_OPTIONS') throw new StartError('INVALID_OPTIONS', error.message, { cause: error });
    if (isRequired) throw new StartError('NO_SPOOL', error.message, { cause: error });
    diag.warn(`${error.message}; records are kept in memory only until they are delivered, and lost with the process`);
    return undefined;
  }
}

function deliveryOf({ delivery }: StartOptions): Delivery | undefined {
  const given = delivery ?? getStringFromEnv('DECISION_TRAIL_DELIVERY');
  if (given === undefined || isDelivery(given)) return given;
  throw new StartError('INVALID_OPTIONS', `DECISION_TRAIL_DELIVERY must be one of ${DELIVERIES.join(', ')}`);
}

const DELIVERIES: readonly string[] = ['best-effort', 'durable', 'required'] satisfies Delivery[];

function isDelivery(value: unknown): value is Delivery {
  return typeof value === 'string' && DELIVERIES.includes(value);
}

/** Whether the environment has a signal sent by OTLP as protobuf over HTTP, which is the default. */
function isOtlpProtobuf(signal: 'LOGS' | 'TRACES'): boolean {
  const exporters = getStringListFromEnv(`OTEL_${signal}_EXPORTER`) ?? [];
  if (exporters.length > 1 || (exporters[0] ?? 'otlp') !== 'otlp') return false;
  return (protocolOf(signal) ?? 'http/protobuf') === 'http/protobuf';
}

function protocolOf(signal: 'LOGS' | 'TRACES'): string | undefined {
  const protocol =
    getStringFromEnv(`OTEL_EXPORTER_OTLP_${signal}_PROTOCOL`) ?? getStringFromEnv('OTEL_EXPORTER_OTLP_PROTOCOL');
  return protocol?.trim();
}

/** Counts the records on their way; `undefined` where the environment asks for something other than OTLP. */
function countedProcessor(endpoint: string | undefined): CountedLogRecordProcessor | undefined {
  if (endpoint !== undefined)
    return new CountedLogRecordProcessor(new ProtobufLogExporter({ url: url(endpoint, 'logs') }));
  const exporters = getStringListFromEnv('OTEL_LOGS_EXPORTER') ?? [];
  if (exporters.length > 1 || (exporters[0] ?? 'otlp') !== 'otlp') return undefined;
  return new CountedLogRecordProcessor(otlpLogExporter());
}

/** The exporter for the protocol that the environment names, with the standard's own default. */
function otlpLogExporter(): LogRecordExporter {
  switch (protocolOf('LOGS')) {
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
  spoolDirectory: ['the path of a directory', (value) => typeof value === 'string' && value !== ''],
  delivery: [`one of ${DELIVERIES.join(', ')}`, isDelivery],
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
