import { diag, trace } from '@opentelemetry/api';
import type { Context, HrTime, Tracer } from '@opentelemetry/api';
import { EVENT_DECISION_MADE, SCOPE_NAME } from './conventions.js';
import { unreadable } from './forms.js';
import { VERSION } from './version.js';

/**
 * The part of the OpenTelemetry Logs API that is used here. The two OpenTelemetry lines agree on it, but keep their
 * logger providers in different globals:
 *
 * - `@opentelemetry/api` >= 1.10 under the key `logs` of its own global;
 * - `@opentelemetry/api-logs` (beside `@opentelemetry/api` <= 1.9) in a global of its own, behind a version check.
 *
 * A plugin bound to one of them records nothing, without an error, in an application that uses the other. So neither
 * is imported, and both are looked at when a decision is made.
 */
export interface Logger {
  emit(record: LogRecord): void;
  /** Whether somebody wants the records; absent in older versions. */
  enabled?(options: { eventName: string }): boolean;
}

/** The fields of an OpenTelemetry log record that a decision fills. */
export interface LogRecord {
  eventName: string;
  timestamp: HrTime;
  severityNumber: number;
  severityText: string;
  body: string;
  attributes: Record<string, string | number | boolean | string[]>;
  context: Context;
}

/** Severities of the OpenTelemetry log data model. */
export const SEVERITY_INFO = { severityNumber: 9, severityText: 'INFO' };
export const SEVERITY_ERROR = { severityNumber: 17, severityText: 'ERROR' };

interface LoggerProvider {
  getLogger(name: string, version?: string): Logger;
}

interface Globals {
  [API_GLOBAL]?: { logs?: LoggerProvider; trace?: object };
  [LEGACY_LOGS_GLOBAL]?: (version: number) => LoggerProvider | undefined;
}

const API_GLOBAL: unique symbol = Symbol.for('opentelemetry.js.api.1');
const LEGACY_LOGS_GLOBAL: unique symbol = Symbol.for('io.opentelemetry.js.api.logs');
const LEGACY_LOGS_VERSION = 1;

/** Where a decision goes; at least one of the two is there. */
export interface Telemetry {
  readonly tracer: Tracer | undefined;
  readonly logger: Logger | undefined;
}

let loggerOf: { provider: LoggerProvider; logger: Logger } | undefined;
let tracerOf: { provider: object; tracer: Tracer } | undefined;
const warned = new Set<string>();

const NO_SDK =
  'decisions are not being recorded: no OpenTelemetry SDK is registered in this process. ' +
  'Start one before the first decision, for example with `node --import @decision-trail/node/register app.js`.';
const NO_LOGGER =
  'decisions are traced but not logged: no OpenTelemetry logger provider is registered, so there is no audit trail. ' +
  'Add a log record processor to your NodeSDK.';

/**
 * The tracer and logger that the application has registered by now, in either line of OpenTelemetry; `undefined` where
 * it has registered neither, and nothing can be recorded. Called for each decision, so that the order in which an
 * application starts its SDK and loads its models does not matter. Never throws.
 */
export function findTelemetry(): Telemetry | undefined {
  try {
    const globals = globalThis as Globals;
    const api = globals[API_GLOBAL];
    const provider = api?.logs ?? globals[LEGACY_LOGS_GLOBAL]?.(LEGACY_LOGS_VERSION);
    const tracing = api?.trace;
    if (provider === undefined && tracing === undefined) {
      warnOnce(NO_SDK);
      return undefined;
    }
    const logger = provider && findLogger(provider);
    const tracer = tracing && findTracer(tracing);
    if (logger === undefined) warnOnce(NO_LOGGER);
    return logger === undefined && tracer === undefined ? undefined : { tracer, logger };
  } catch (error) {
    report('decisions are not being recorded: OpenTelemetry failed', error);
    return undefined;
  }
}

function findLogger(provider: LoggerProvider): Logger | undefined {
  if (provider !== loggerOf?.provider) {
    loggerOf = { provider, logger: provider.getLogger(SCOPE_NAME, VERSION) };
  }
  const { logger } = loggerOf;
  return logger.enabled?.({ eventName: EVENT_DECISION_MADE }) === false ? undefined : logger;
}

function findTracer(provider: object): Tracer {
  if (provider !== tracerOf?.provider) tracerOf = { provider, tracer: trace.getTracer(SCOPE_NAME, VERSION) };
  return tracerOf.tracer;
}

/** Reports trouble of this package through OpenTelemetry's `diag`; never throws. */
export function report(message: string, error?: unknown): void {
  try {
    diag.error(`decision-trail: ${message}`, ...(error === undefined ? [] : [describe(error)]));
  } catch {
    // A diag logger of the application that throws must not reach the caller of a decorated function.
  }
}

/** Runs code of ours beside the user's call: whatever goes wrong in it is reported, and the call goes on. */
export function guard<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    report('a decision could not be recorded', error);
    return undefined;
  }
}

/** Says through `diag`, once, what keeps decisions from being recorded; never throws. */
export function warnOnce(message: string): void {
  if (warned.has(message)) return;
  warned.add(message);
  try {
    diag.warn(`decision-trail: ${message}`);
  } catch {
    // As in report().
  }
}

/** The kind of an error only: its message, and a name that is no identifier, may quote what is kept out of the logs. */
function describe(error: unknown): string {
  const kind = unreadable(error).$unreadable;
  return /^[A-Za-z_$][\w$]{0,63}$/.test(kind) ? kind : 'Error';
}
