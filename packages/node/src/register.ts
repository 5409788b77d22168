/**
 * Starts Decision Trail before the application: `node --import @decision-trail/node/register app.js`. Settings come from
 * the standard `OTEL_*` variables. In a process that runs an OpenTelemetry SDK by then, that SDK is left alone: it records
 * the decisions, and one line says so.
 */
import { StartError } from './errors.js';
import { startDecisionTrail } from './start.js';

try {
  startDecisionTrail();
} catch (error) {
  if (!(error instanceof StartError)) throw error;
  process.stderr.write(`decision-trail: warning: ${error.message}\n`);
}
