import { isRegExp } from 'node:util/types';
import { DecisionTrailError } from '../errors.js';
import { KeyIndex, normaliseName } from './names.js';
import { compilePattern } from './pattern.js';
import type { ScanBudget, Span } from './pattern.js';
import { parsePointer, PathIndex, PointerError } from './pointer.js';
import { PatternError } from './translate.js';

/**
 * What becomes of a value that a rule fits:
 *
 * - `drop`: it is left out; in a list, where something must stand in its place, it becomes null;
 * - `mask`: it becomes `***`, with `keepLast` followed by its last characters;
 * - `hash`: it becomes `hmac-sha256:<key id>:<hex>`, the HMAC-SHA-256 of its text under the key that
 *   `configureDecisions({ hashKey })` sets: equal values stay equal, and nobody without the key can try values. Without a
 *   key it is masked;
 * - `encrypt`: it becomes what `configureDecisions({ encrypt })` returns for it. Without that it is masked.
 */
export type RedactMethod = 'drop' | 'mask' | 'hash' | 'encrypt';

/**
 * Says what must not be recorded as it is. Where several rules fit a value, the first decides; rules by path and by key
 * go before those by pattern. A value that was replaced is replaced wherever else in the record it
 * occurs; a short word, only where it is not a part of another.
 */
export type RedactRule = (PathRule | KeyRule | PatternRule) & {
  /** What becomes of the value. */
  method: RedactMethod;
  /**
   * With `mask`: how many characters are kept of the end, 1 to 64, as long as that is at most half of the value. Default:
   * none.
   */
  keepLast?: number | undefined;
};

/** Fits the value at a place, whatever it is, with all that is in it. */
interface PathRule {
  /**
   * JSON Pointer (RFC 6901: `~1` stands for `/`, `~0` for `~`) from the record, as `/input/applicant/ssn`, or from any
   * field of it: `/applicant/ssn` fits in input, decision, attributes, ... alike. `*` is exactly one name or index, `**`
   * any number of them, also none. The value of a Map is named by its key.
   */
  path: string;
  key?: never;
  pattern?: never;
}

/** Fits the value of every member of this name, wherever it is, with all that is in it. */
interface KeyRule {
  /** The whole name; case, `-`, `_`, `.` and blanks make no difference: `api_key` fits `apiKey` and `API-Key`. */
  key: string;
  path?: never;
  pattern?: never;
}

/** Fits parts of texts, wherever they are; numbers and the names of members are texts as well. */
interface PatternRule {
  /**
   * Fits each match; `drop` drops the whole text. It runs in linear time (RE2), so look-around and back-references are
   * refused. The flags `i`, `m`, `s`, `u` and `v` count, `g` and `y` make no difference.
   */
  pattern: RegExp;
  path?: never;
  key?: never;
}

/** A rule that is ready for use. */
export interface Rule {
  readonly method: RedactMethod;
  /** 0: nothing is kept. */
  readonly keepLast: number;
  /** Whether what it fits is a secret whatever it looks like. */
  readonly isSecret?: true;
}

/** A rule that finds what it fits in a text. */
export interface TextRule extends Rule {
  /** What the rule fits, in the order of the text, without overlaps; `undefined` where that is nothing. */
  find(text: string, budget: ScanBudget): readonly Span[] | undefined;
}

/** A list of rules that is ready for use; immutable, so that all decisions share it. */
export interface CompiledRules {
  /** The first rule by path or key that fits the value at a place. */
  ruleAt(names: readonly (string | number)[]): Rule | undefined;
  readonly textRules: readonly TextRule[];
}

/** Rules of one list at most. */
const RULES_MAX = 256;

/** Characters that `keepLast` keeps at most. */
const KEEP_LAST_MAX = 64;

/** UTF-16 units of a path or key at most. */
const NAME_CHARS_MAX = 1024;

const METHODS: ReadonlySet<unknown> = new Set<RedactMethod>(['drop', 'mask', 'hash', 'encrypt']);
const FIELDS = ['path', 'key', 'pattern', 'method', 'keepLast'] as const;

/**
 * Makes rules ready for use. They are read once: nothing that happens to them later makes a difference.
 *
 * @throws {DecisionTrailError} `INVALID_OPTIONS`, naming the rule by its number, from 1, and what it must be.
 */
export function compileRules(rules: unknown): CompiledRules {
  const list = readList(rules);
  const paths = new PathIndex<Rule>();
  const keys = new KeyIndex<Rule>();
  const textRules: TextRule[] = [];
  for (const [index, fields] of list.entries()) {
    const where = `rule ${index + 1}`;
    const rule = checkMethod(where, fields);
    if (fields.path !== undefined) paths.add(checkPath(where, fields.path), index, rule);
    else if (fields.key !== undefined) keys.add(checkKey(where, fields.key), index, rule);
    else textRules.push({ ...rule, ...checkPattern(where, fields.pattern) });
  }
  return Object.freeze({
    textRules: Object.freeze(textRules),
    ruleAt(names: readonly (string | number)[]): Rule | undefined {
      const byPath = paths.first(names);
      const byKey = keys.first(names.at(-1));
      if (byPath === undefined || byKey === undefined) return (byPath ?? byKey)?.rule;
      return byPath.index < byKey.index ? byPath.rule : byKey.rule;
    },
  });
}

type Fields = { [Name in (typeof FIELDS)[number]]?: unknown };

/** The fields of all rules. Own ones only: what someone put on `Object.prototype` is no rule. */
function readList(rules: unknown): Fields[] {
  try {
    if (!Array.isArray(rules)) throw invalid('expects a list of rules, for example [{ key: "ssn", method: "drop" }]');
    const { length } = rules;
    if (length > RULES_MAX) throw invalid(`has ${length} rules; at most ${RULES_MAX} are possible`);
    return Array.from({ length }, (_, index) => readFields(`rule ${index + 1}`, rules[index]));
  } catch (error) {
    if (error instanceof DecisionTrailError) throw error;
    throw new DecisionTrailError('INVALID_OPTIONS', 'redact: the rules cannot be read; give a list of plain objects', {
      cause: error,
    });
  }
}

function readFields(where: string, rule: unknown): Fields {
  if (typeof rule !== 'object' || rule === null || Array.isArray(rule)) {
    throw invalid(`expects ${where} to be an object, for example { key: "ssn", method: "drop" }`);
  }
  const fields: Fields = Object.create(null) as Fields;
  for (const name of Object.keys(rule)) {
    if (!isField(name))
      throw invalid(`${where} has a field "${name}", which there is not; it has ${FIELDS.join(', ')}`);
    fields[name] = (rule as Fields)[name];
  }
  const kinds = [fields.path, fields.key, fields.pattern].filter((kind) => kind !== undefined).length;
  if (kinds !== 1) {
    throw invalid(`${where} has ${kinds} of "path", "key" and "pattern"; give it exactly one, and one rule for each`);
  }
  return fields;
}

function isField(name: string): name is keyof Fields {
  return (FIELDS as readonly string[]).includes(name);
}

function checkMethod(where: string, { method, keepLast }: Fields): Rule {
  if (!METHODS.has(method)) throw invalid(`${where} expects "method" to be one of ${[...METHODS].join(', ')}`);
  if (keepLast !== undefined) {
    const isCount = Number.isInteger(keepLast) && (keepLast as number) >= 1 && (keepLast as number) <= KEEP_LAST_MAX;
    if (!isCount) throw invalid(`${where} expects "keepLast" to be a whole number from 1 to ${KEEP_LAST_MAX}`);
    if (method !== 'mask') {
      throw invalid(`${where} has "keepLast", which goes with the method "mask" only; leave it out with "${method}"`);
    }
  }
  return { method: method as RedactMethod, keepLast: (keepLast as number | undefined) ?? 0 };
}

function checkPath(where: string, path: unknown): string[] {
  try {
    if (typeof path === 'string' && path.length <= NAME_CHARS_MAX) return parsePointer(path);
  } catch (error) {
    if (error instanceof PointerError) throw invalid(`${where}: the path ${JSON.stringify(path)} ${error.message}`);
    throw error;
  }
  throw invalid(
    `${where} expects "path" to be a JSON Pointer of at most ${NAME_CHARS_MAX} characters, such as "/applicant/ssn"`,
  );
}

function checkKey(where: string, key: unknown): string {
  const name = typeof key === 'string' && key.length <= NAME_CHARS_MAX ? normaliseName(key) : '';
  if (name !== '') return name;
  throw invalid(`${where} expects "key" to be a name of 1 to ${NAME_CHARS_MAX} characters, such as "ssn"`);
}

function checkPattern(where: string, pattern: unknown): Pick<TextRule, 'find'> {
  // By its internal slot: an object that only inherits from RegExp, or a proxy of one, has no source.
  if (!isRegExp(pattern)) throw invalid(`${where} expects "pattern" to be a regular expression, such as /\\d{4}/`);
  try {
    return compilePattern(pattern);
  } catch (error) {
    if (error instanceof PatternError) throw invalid(`${where}: the pattern ${error.message}`);
    throw error;
  }
}

function invalid(problem: string): DecisionTrailError {
  return new DecisionTrailError('INVALID_OPTIONS', `redact: ${problem}`);
}
