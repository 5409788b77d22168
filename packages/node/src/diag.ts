import { diag, DiagLogLevel } from '@opentelemetry/api';
import type { DiagLogger } from '@opentelemetry/api';
import { diagLogLevelFromString, getStringFromEnv, setGlobalErrorHandler } from '@opentelemetry/core';

/** Characters of one message at most. */
const MESSAGE_CHARS_MAX = 500;

/**
 * Sends what OpenTelemetry and Decision Trail have to say to standard error, a line a message, warnings and worse unless
 * `OTEL_LOG_LEVEL` says otherwise. An export that failed names its cause, and no stack trace.
 */
export function reportToStderr(): void {
  const level = getStringFromEnv('OTEL_LOG_LEVEL');
  const logLevel = level === undefined ? DiagLogLevel.WARN : (diagLogLevelFromString(level) ?? DiagLogLevel.WARN);
  diag.setLogger(stderrLogger, { logLevel, suppressOverrideMessage: true });
  setGlobalErrorHandler((error) => diag.error(`export failed: ${describe(error)}`));
}

const stderrLogger: DiagLogger = {
  error: (...parts) => print('error', parts),
  warn: (...parts) => print('warning', parts),
  info: (...parts) => print('info', parts),
  debug: (...parts) => print('debug', parts),
  verbose: (...parts) => print('verbose', parts),
};

function print(level: string, parts: unknown[]): void {
  const message = parts
    .map(describe)
    .join(' ')
    .replace(/^decision-trail: /, '');
  const line = message.replaceAll(/\s*\n\s*/g, ' ');
  const short = line.length <= MESSAGE_CHARS_MAX ? line : `${line.slice(0, MESSAGE_CHARS_MAX)}…`;
  process.stderr.write(`decision-trail: ${level}: ${short}\n`);
}

/** The message of an error, never its stack. */
function describe(problem: unknown): string {
  if (typeof problem === 'string') return problem;
  if (!(problem instanceof Error)) return JSON.stringify(problem) ?? String(problem);
  // A host name with several addresses fails with one error for each of them, and no message of its own.
  if (problem instanceof AggregateError && problem.errors.length > 0) return problem.errors.map(describe).join(', ');
  const { code } = problem as { code?: unknown };
  const message = problem.message === '' ? problem.name : problem.message;
  return code === undefined || message.includes(String(code)) ? message : `${message} (${String(code)})`;
}
