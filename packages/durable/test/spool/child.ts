/**
 * A process of its own, for tests with real ones: `node child.ts race DIRECTORY` or `node child.ts write SPOOL`.
 */
import { once } from 'node:events';
import { writeSync } from 'node:fs';

// The built package: it has no source that plain Node could run in every supported version.
const dist = new URL('../../dist/spool/', import.meta.url);
const { Files } = (await import(new URL('files.js', dist).href)) as typeof import('../../src/spool/files.ts');
const { Ownership } = (await import(new URL('owner.js', dist).href)) as typeof import('../../src/spool/owner.ts');
const { StreamWriter } = (await import(new URL('writer.js', dist).href)) as typeof import('../../src/spool/writer.ts');

const [what, directory] = process.argv.slice(2) as [string, string];
const say = (text: string): number => writeSync(1, `${text}\n`);

if (what === 'race') {
  say('ready');
  await once(process.stdin, 'data');
  const ownership = Ownership.acquire(directory, { files: new Files() });
  say(ownership === undefined ? 'lost' : 'won');
  // Stays, as an owner does, until it is told to end.
  await once(process.stdin, 'data');
  say(ownership?.renew() === true ? 'still' : 'not');
  process.exit(0);
}

const writer = new StreamWriter(directory, { segmentBytes: 20_000 });
const from = { resource: Buffer.from('resource'), scope: Buffer.from('scope') };
for (;;) {
  const sequence = writer.nextSequence;
  const frame = Buffer.alloc(64 + (sequence % 500) + 20, `record ${sequence} `);
  frame.write(`record ${sequence} `, 64);
  writer.append(1, from, frame);
  say(String(sequence));
  if (sequence % 50 === 0) await writer.commit();
}
