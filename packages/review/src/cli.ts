import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { dev } from './commands/dev.js';
import { list } from './commands/list.js';
import { show } from './commands/show.js';
import { addDelivery, addSpoolCommands } from './commands/spool/program.js';
import { ReviewError, messageOf } from './errors.js';
import { EXIT, EXIT_HELP, exitCodeOf } from './exit-code.js';
import { REMOTE_SINCE_DAYS } from './limits.js';
import { READER_GONE, complain } from './output.js';
import { DEFAULT_SOURCE } from './sources/open.js';
import type { DeliveryFlags } from './spool/delivery.js';
import { parseTimeOption } from './time.js';
import { VERSION } from './version.js';

const SOURCE_HELP = 'where to read: sqlite:FILE, spool:DIR, loki:URL or jaeger:URL';
const TIME_HELP = 'an RFC 3339 time, a date (UTC), or an age such as 15m, 2h, 30d';

/**
 * Runs the command.
 *
 * @param args Without the interpreter and the file.
 * @returns The exit code. Never rejects: whatever went wrong is told on stderr in one line.
 */
export async function main(args: readonly string[]): Promise<number> {
  // What is thrown outside any promise of ours (by a stream, a timer) ends the same way.
  process.on('uncaughtException', (error) => process.exit(report(error)));
  try {
    await program().parseAsync(args, { from: 'user' });
    return EXIT.ok;
  } catch (error) {
    return report(error);
  }
}

function report(error: unknown): number {
  if (error === READER_GONE) return EXIT.ok;
  // Commander has told of it already.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (error instanceof ReviewError) {
    complain(error.message);
    return exitCodeOf(error.code);
  }
  complain(`a bug of decision-trail: ${messageOf(error)} (DECISION_TRAIL_DEBUG=1 shows where)`);
  if (process.env['DECISION_TRAIL_DEBUG'] === '1' && error instanceof Error) console.error(error.stack);
  return EXIT.bug;
}

function program(): Command {
  const root = new Command('decision-trail')
    .description('Receives, stores and reads the decisions that models made.')
    .version(VERSION)
    .exitOverride()
    .showSuggestionAfterError(false)
    .configureOutput({ outputError: (text) => complain(text.trim().replace(/^error: /, '')) })
    .addHelpText('after', EXIT_HELP)
    .allowExcessArguments()
    .action((_options: unknown, { args: [name] }: Command) => {
      const wrong = name === undefined ? 'no command given' : `unknown command '${name}'`;
      throw new ReviewError('USAGE', `${wrong}; use dev, list, show, spool or reconcile (--help tells more)`);
    });

  inherit(root, 'dev')
    .description('receive decisions over OTLP/HTTP on 127.0.0.1 and store them in one SQLite file')
    .option('--port <number>', 'TCP port; 0 takes any free one', parsePort, 4318)
    .option('--store <file>', 'the SQLite file; made where there is none', 'decision-trail.db')
    .action((options: { port: number; store: string }) => dev(options));

  inherit(root, 'list')
    .description('list decisions, oldest first')
    .option('--source <source>', SOURCE_HELP, DEFAULT_SOURCE)
    .option('--model <name>', 'only of the model with this name')
    .option(
      '--since <time>',
      `from then on: ${TIME_HELP}; by default the last ${REMOTE_SINCE_DAYS} days of loki and jaeger, all of sqlite and spool`,
      parseTime,
    )
    .option('--until <time>', 'before then; written as for --since', parseTime)
    .option('--limit <number>', 'that many at most, the oldest first', parseLimit)
    .option('--json', 'print the records themselves, byte for byte, one a line')
    .action((options: ListFlags) => {
      const { source, model, since, until, limit = Number.POSITIVE_INFINITY, json = false } = options;
      if (since !== undefined && until !== undefined && since >= until) {
        throw new ReviewError('USAGE', '--since must be before --until');
      }
      return list({ source, limit, json, query: { model, sinceUnixNano: since, untilUnixNano: until } });
    });

  inherit(root, 'show')
    .description('show one decision in full')
    .argument('<id>', 'id of the decision')
    .option('--source <source>', SOURCE_HELP, DEFAULT_SOURCE)
    .option('--json', 'print the record itself, byte for byte')
    .action((id: string, { source, json = false }: { source: string; json?: boolean }) => show({ id, source, json }));

  addSpoolCommands(root);

  addDelivery(
    inherit(root, 'reconcile')
      .description(
        'compare the decisions that a spool still holds with a backend, and send again what that does not have',
      )
      .argument('<dir>', 'directory of the spool')
      .requiredOption('--source <source>', 'the backend: sqlite:FILE, loki:URL or jaeger:URL')
      .option('--since <time>', `only decisions from then on: ${TIME_HELP}`, parseTime)
      .option('--dry-run', 'send nothing'),
  ).action(async (directory: string, { dryRun = false, ...flags }: ReconcileFlags) => {
    // Loads all that delivers, which takes a while.
    const { reconcile } = await import('./commands/reconcile.js');
    await reconcile(directory, { dryRun, ...flags });
  });

  return root;
}

interface ReconcileFlags extends DeliveryFlags {
  source: string;
  since?: bigint;
  dryRun?: boolean;
}

interface ListFlags {
  source: string;
  model?: string;
  since?: bigint;
  until?: bigint;
  limit?: number;
  json?: boolean;
}

/** A sub-command takes its settings for errors from its parent. */
function inherit(root: Command, name: string): Command {
  return root.command(name).allowExcessArguments(false).addHelpText('after', EXIT_HELP);
}

function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port <= 65_535)) throw new InvalidArgumentError('It is no TCP port (0 to 65535).');
  return port;
}

function parseLimit(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new InvalidArgumentError('It is no positive number.');
  return Number(text);
}

function parseTime(text: string): bigint {
  const nanos = parseTimeOption(text, Date.now());
  if (nanos === undefined) throw new InvalidArgumentError(`It is no time: use ${TIME_HELP}.`);
  return nanos;
}
