#!/usr/bin/env node
// Nothing is imported before the check, and nothing newer than dynamic import() is used: an old Node must be able to
// read this file to say that it is old.

const NODE_MAJOR_MIN = 22;
const NODE_MINOR_MIN = 13;
const EXIT_USAGE = 2;
const EXIT_BUG = 70;

const [major, minor] = process.versions.node.split('.').map(Number) as [number, number];

if (major < NODE_MAJOR_MIN || (major === NODE_MAJOR_MIN && minor < NODE_MINOR_MIN)) {
  process.stderr.write(
    `decision-trail: needs Node.js ${NODE_MAJOR_MIN}.${NODE_MINOR_MIN} or newer, and this is ${process.versions.node}\n`,
  );
  process.exitCode = EXIT_USAGE;
} else {
  hideSqliteWarning();
  import('./cli.js')
    .then((cli) => cli.main(process.argv.slice(2)))
    .then(
      (code) => {
        process.exitCode = code;
      },
      (error: Error) => {
        process.stderr.write(`decision-trail: is not installed completely: ${error.message.split('\n', 1)[0]}\n`);
        process.exitCode = EXIT_BUG;
      },
    );
}

/** node:sqlite says at its import that it is experimental, on some versions of Node; all other warnings stay. */
function hideSqliteWarning(): void {
  const emitWarning = process.emitWarning;
  process.emitWarning = ((warning: string | Error, ...rest: unknown[]): void => {
    const type = typeof rest[0] === 'object' && rest[0] !== null ? (rest[0] as { type?: unknown }).type : rest[0];
    if (type === 'ExperimentalWarning' && String(warning).includes('SQLite')) return;
    Reflect.apply(emitWarning, process, [warning, ...rest]);
  }) as typeof process.emitWarning;
}
