import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import { ReviewError } from '../../errors.js';
import { EXIT_HELP } from '../../exit-code.js';
import type { DeliveryFlags } from '../../spool/delivery.js';
import { parseAge } from '../../time.js';
import type { SendFlags } from './send.js';

const DIRECTORY_HELP = 'directory of the spool (DECISION_TRAIL_SPOOL_DIR, or "directory" of openSpool)';
const JSON_HELP = 'print JSON, an object a line';

/** Adds `spool` and its sub-commands, each of which is loaded when it runs: they load all that delivers, which takes a while. */
export function addSpoolCommands(root: Command): void {
  const spool = root
    .command('spool')
    .description('look into the spool that @decision-trail/durable keeps, and deliver what is left in one')
    .allowExcessArguments()
    .action((_options: unknown, { args: [name] }: Command) => {
      const wrong = name === undefined ? 'no command for the spool given' : `unknown command 'spool ${name}'`;
      throw new ReviewError('USAGE', `${wrong}; use status, ls, cat, send, repair or dead-letters (--help tells more)`);
    });

  addReading(spool);
  addDelivering(spool);
}

function addReading(spool: Command): void {
  command(spool, 'status', 'count what waits and what was delivered, stream by stream; changes nothing')
    .option('--json', JSON_HELP)
    .action(async (directory: string, { json = false }: JsonFlag) => {
      const { spoolStatus } = await import('./status.js');
      await spoolStatus(directory, { json });
    });

  command(spool, 'ls', 'list the segments; changes nothing')
    .option('--json', JSON_HELP)
    .action(async (directory: string, { json = false }: JsonFlag) => {
      const { spoolLs } = await import('./ls.js');
      await spoolLs(directory, { json });
    });

  command(spool, 'cat', 'print the log records, delivered ones included, in the order of each stream; changes nothing')
    .option('--stream <id>', 'only of this stream')
    .option('--spans', 'print the spans as well')
    .option('--json', 'print whole log records and spans, and where they stand, an object a line')
    .action(async (directory: string, { stream, spans = false, json = false }: CatFlags) => {
      const { spoolCat } = await import('./cat.js');
      await spoolCat(directory, { spans, json, ...(stream !== undefined && { stream }) });
    });
}

function addDelivering(spool: Command): void {
  addDelivery(command(spool, 'send', 'deliver what no process that is alive delivers: for a cron job or a sidecar'))
    .option(
      '--retention <age>',
      'how long delivered records are kept for reconcile, such as 12h or 7d; default: 1d',
      parseKept,
    )
    .action(async (directory: string, flags: SendFlags) => {
      const { spoolSend } = await import('./send.js');
      await spoolSend(directory, flags);
    });

  command(
    spool,
    'repair',
    'tell of all damage and of what is readable, and remove what interrupted starts have left; streams are never rewritten',
  ).action(async (directory: string) => {
    const { spoolRepair } = await import('./repair.js');
    await spoolRepair(directory);
  });

  const letters = command(spool, 'dead-letters', 'list what a Collector has refused for good')
    .option('--json', JSON_HELP)
    .action(async (directory: string, { json = false }: JsonFlag) => {
      const { listDeadLetters } = await import('./dead-letters.js');
      await listDeadLetters(directory, { json });
    });
  addDelivery(command(letters, 'retry', 'send all of it again, and remove what is accepted')).action(
    async (directory: string, flags: DeliveryFlags) => {
      const { retryAll } = await import('./dead-letters.js');
      await retryAll(directory, flags);
    },
  );
}

interface JsonFlag {
  json?: boolean;
}

interface CatFlags extends JsonFlag {
  stream?: string;
  spans?: boolean;
}

function command(parent: Command, name: string, description: string): Command {
  return parent
    .command(name)
    .description(description)
    .argument('<dir>', DIRECTORY_HELP)
    .allowExcessArguments(false)
    .addHelpText('after', EXIT_HELP);
}

/** Adds the options that say where to deliver to. */
export function addDelivery(command: Command): Command {
  return command
    .option(
      '--endpoint <url>',
      'base URL of an OTLP/HTTP receiver; default: OTEL_EXPORTER_OTLP_ENDPOINT, else http://localhost:4318. Certificates, ' +
        'compression and proxies are taken from the standard variables as well',
    )
    .option('--header <name=value>', 'send this header, over OTEL_EXPORTER_OTLP_HEADERS; may be repeated', parseHeader)
    .option('--timeout <seconds>', 'give up when nothing was accepted for so long; default: 30', parseSeconds);
}

function parseHeader(text: string, before: Record<string, string> = {}): Record<string, string> {
  const equals = text.indexOf('=');
  // The value may be a secret, which no message quotes.
  if (equals < 1) throw new ReviewError('USAGE', "option '--header' wants name=value");
  return { ...before, [text.slice(0, equals).trim()]: text.slice(equals + 1).trim() };
}

function parseSeconds(text: string): number {
  const seconds = /^\d{1,5}(\.\d{1,3})?$/.test(text) ? Number(text) : 0;
  if (seconds <= 0) throw new InvalidArgumentError('It is no positive number of seconds.');
  return seconds;
}

function parseKept(text: string): number {
  const ms = parseAge(text);
  if (ms === undefined) throw new InvalidArgumentError('It is no age: use one such as 12h or 7d.');
  return ms;
}
