import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** All files below a directory and the digest of what is in them, to tell whether something was changed. */
export function contentOf(directory: string): Map<string, string> {
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort();
  return new Map(
    names.map((name) => {
      const path = join(directory, name);
      return [name, statSync(path).isDirectory() ? 'a directory' : digestOf(path)];
    }),
  );
}

/** The files of a spool with some ending. */
export function filesOf(directory: string, ending: string): string[] {
  return [...contentOf(directory).keys()].filter((name) => name.endsWith(ending)).map((name) => join(directory, name));
}

function digestOf(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}
