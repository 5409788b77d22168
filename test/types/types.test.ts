/**
 * What users see of the types: what compiles, under several settings, and what the compiler says of the rest.
 *
 * In `refused/`, a comment that begins with `//!` states an error that the next lines must get, up to an empty line, in
 * the compiler's own words; lines that begin with `//` and four spaces continue it. Without such a comment there must be
 * no error.
 */
import { spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';

const here = import.meta.dirname;
const tsc = path.resolve(here, '../../node_modules/.bin/tsc');

/** Lines between two empty ones, and the errors that a comment among them promises. */
interface Paragraph {
  firstLine: number;
  lastLine: number;
  name: string;
  errors: string[];
}

/** What the compiler says of each file of a project, by path and line. */
function compile(project: string): { file: string; line: number; message: string }[] {
  const { stdout } = spawnSync(tsc, ['-p', project, '--pretty', 'false'], { cwd: here, encoding: 'utf8' });
  const errors: { file: string; line: number; message: string }[] = [];
  for (const text of stdout.split('\n').filter((line) => line !== '')) {
    const [, file, line, message] = /^(\S+?)\((\d+),\d+\): error TS\d+: (.*)$/.exec(text) ?? [];
    if (file !== undefined) errors.push({ file, line: Number(line), message: message! });
    else if (text.startsWith(' ')) errors.at(-1)!.message += ` ${text.trim()}`;
    else throw new Error(`tsc: ${text}`);
  }
  return errors;
}

function paragraphs(file: string): Paragraph[] {
  const all: Paragraph[] = [];
  let open: Paragraph | undefined;
  for (const [index, text] of readFileSync(path.join(here, file), 'utf8').split('\n').entries()) {
    const line = text.trim();
    if (line === '') {
      open = undefined;
      continue;
    }
    if (open === undefined) all.push((open = { firstLine: index + 1, lastLine: index + 1, name: '', errors: [] }));
    open.lastLine = index + 1;
    if (line.startsWith('//!')) open.errors.push(line.slice(3).trim());
    else if (line.startsWith('//    ')) open.errors.push(`${open.errors.pop()} ${line.slice(2).trim()}`);
    else open.name ||= line;
  }
  return all;
}

describe.each([
  { project: 'nodenext.json', refused: globSync('refused/*.ts', { cwd: here }).filter(isStandard) },
  { project: 'experimental-decorators.json', refused: ['refused/experimental-decorators.ts'] },
  { project: 'bundler.json', refused: [] },
])('under $project', ({ project, refused }) => {
  const errors = compile(project);

  test('all that should compile does', () => {
    expect(errors.filter(({ file }) => !refused.includes(file))).toEqual([]);
  });

  describe.each(refused)('%s', (file) => {
    test.each(paragraphs(file))('line $firstLine: $name', ({ firstLine, lastLine, errors: expected }) => {
      const said = errors.filter((error) => error.file === file && error.line >= firstLine && error.line <= lastLine);
      expect(said.map(({ message }) => message)).toEqual(expected);
    });
  });
});

function isStandard(file: string): boolean {
  return !file.endsWith('experimental-decorators.ts');
}
