import { DELIVERIES } from './delivery.js';
import { DecisionTrailError } from './errors.js';
import type { DecisionOptions } from './options.js';

/** Fields named by `index`, and keys of the baggage, at most. */
const NAMES_MAX = 16;
const NAME_CHARS_MAX = 256;

export type Check = (value: unknown) => boolean;

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isFunction: Check = (value) => typeof value === 'function';
export const isName: Check = (value) => typeof value === 'string' && value !== '' && value.length <= NAME_CHARS_MAX;
const isNames: Check = (value) => Array.isArray(value) && value.length <= NAMES_MAX && value.every(isName);

/** An object with these members alone, each of them absent or right. */
export const isRecord =
  (members: Record<string, Check>) =>
  (value: unknown): value is Record<string, never> =>
    isObject(value) &&
    Object.entries(value).every(
      ([name, part]) => Object.hasOwn(members, name) && (part === undefined || members[name]!(part)),
    );

const isModel: Check = (value) =>
  isRecord({ name: isName, version: isName, digest: isName, provider: isName })(value) &&
  (value as { name?: unknown }).name !== undefined;

/** What each option must be, in words for the error message and as a check. */
export const OPTIONS: Record<keyof DecisionOptions, readonly [expected: string, check: Check]> = {
  model: [
    'a name, or { name, version?, digest?, provider? } of strings of 1 to 256 characters',
    (value) => isName(value) || isModel(value),
  ],
  input: ['a function of the arguments', isFunction],
  decision: ['a function of the result and the arguments', isFunction],
  score: ['a function of the result and the arguments', isFunction],
  threshold: [
    'a number, or a function of the result and the arguments',
    (value) => typeof value === 'number' || isFunction(value),
  ],
  reasons: ['a function of the result and the arguments', isFunction],
  alternatives: ['a function of the result and the arguments', isFunction],
  subject: ['a function of the arguments', isFunction],
  actor: ['{ id, type? }, or a function of the arguments', (value) => isFunction(value) || isObject(value)],
  attributes: ['an object, or a function of the arguments', (value) => isFunction(value) || isObject(value)],
  baggage: [
    `{ actor?, subject?, attributes? }: a key of the baggage for the first two, a list of at most ${NAMES_MAX} keys for the last`,
    isRecord({ actor: isName, subject: isName, attributes: isNames }),
  ],
  batch: [
    'true, or { rows, decisions }, a function of the arguments and one of the result',
    (value) => typeof value === 'boolean' || isBatch(value),
  ],
  redact: ['a list of redaction rules', Array.isArray],
  index: [`a list of at most ${NAMES_MAX} names of input fields`, isNames],
  span: ['true or false', (value) => typeof value === 'boolean'],
  delivery: [`one of ${DELIVERIES.join(', ')}`, (value) => DELIVERIES.includes(value)],
};

function isBatch(value: unknown): boolean {
  return (
    isRecord({ rows: isFunction, decisions: isFunction })(value) &&
    isFunction((value as { rows?: unknown }).rows) &&
    isFunction((value as { decisions?: unknown }).decisions)
  );
}

/**
 * Checks options that may come from JavaScript.
 *
 * @throws {DecisionTrailError} `INVALID_OPTIONS`, naming the option and what it must be.
 */
export function checkOptions(options: unknown): asserts options is DecisionOptions {
  const where = 'audited()';
  if (!isObject(options)) {
    throw invalid(where, 'expects an options object, for example audited({ model: "loan-approval" })');
  }
  checkMembers(where, 'option', options, OPTIONS);
  checkModel(where, options['model']);
}

/**
 * @param kind What a member is called.
 * @throws {DecisionTrailError} `INVALID_OPTIONS`, where there is no such member, or its value is wrong.
 */
export function checkMembers(
  where: string,
  kind: string,
  given: object,
  known: Readonly<Record<string, readonly [expected: string, check: Check]>>,
): void {
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(known, name)) {
      throw invalid(where, `has no ${kind} "${name}"; it has ${Object.keys(known).join(', ')}`);
    }
    const [expected, check] = known[name]!;
    if (value !== undefined && !check(value)) throw invalid(where, `expects "${name}" to be ${expected}`);
  }
}

/** @throws {DecisionTrailError} `INVALID_OPTIONS`, where there is another member than those. */
export function checkNames(where: string, given: object, names: readonly string[]): void {
  for (const name of Object.keys(given)) {
    if (!names.includes(name)) throw invalid(where, `knows no "${name}"; it knows ${names.join(', ')}`);
  }
}

/** @throws {DecisionTrailError} `INVALID_OPTIONS`, where it is given and no time. */
export function checkTimestamp(where: string, timestamp: unknown): void {
  if (timestamp !== undefined && !(timestamp instanceof Date && !Number.isNaN(timestamp.getTime()))) {
    throw invalid(where, 'expects "timestamp" to be a valid Date');
  }
}

/** @throws {DecisionTrailError} `INVALID_OPTIONS`, where the value of an option is wrong. */
export function checkOption(where: string, name: keyof DecisionOptions, value: unknown): void {
  const [expected, check] = OPTIONS[name];
  if (!check(value)) throw invalid(where, `expects "${name}" to be ${expected}`);
}

/** @throws {DecisionTrailError} `INVALID_OPTIONS`, where it does not say which model decides. */
export function checkModel(where: string, model: unknown): void {
  if (model === undefined) throw invalid(where, 'needs "model": the name of the model that decides');
  checkOption(where, 'model', model);
}

export function invalid(where: string, problem: string): DecisionTrailError {
  return new DecisionTrailError('INVALID_OPTIONS', `${where} ${problem}`);
}
