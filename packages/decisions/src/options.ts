import { DecisionTrailError } from './errors.js';

/** The model that decides. */
export interface Model {
  /** Stable name, at most 256 characters. */
  name: string;
  version?: string;
  /** Digest of the model's artefact, as `sha256:` and 64 hexadecimal digits. */
  digest?: string;
  /** Who or what runs it, for example `onnxruntime`. */
  provider?: string;
}

/** One reason for a decision, as an adverse-action notice (ECOA) or an explanation (AI Act, Art. 86) needs it. */
export interface Reason {
  /** Stable, for machines: `INCOME_TOO_LOW`. */
  code: string;
  /** For people. */
  text?: string;
  /** How much it counted, on the model's own scale. */
  weight?: number;
}

/** A decision that was possible and was not taken. */
export interface Alternative {
  decision: unknown;
  score?: number;
}

/** The person or thing that was decided about. */
export interface Subject {
  id: string;
  type?: string;
}

/** On whose behalf the model decided. */
export interface Actor {
  id: string;
  type?: 'user' | 'service' | 'system';
}

/**
 * What `audited` can be told about a decision. Callbacks never change the decision: one that throws is reported through
 * OpenTelemetry's `diag`, and its field stays out of the record or says that it could not be read.
 *
 * @typeParam Args The parameters of the decorated function.
 * @typeParam Result What it returns; for an async function, what its promise resolves to.
 */
export interface DecisionOptions<Args extends readonly unknown[] = readonly any[], Result = any> {
  /** The model that decides; a string is its name. The only required option. */
  model: string | Model;
  /** What to record as input. Default: the argument, or the list of arguments when there is not exactly one. */
  input?: (...args: Args) => unknown;
  /** What to record as decision. Default: the result. */
  decision?: (result: Result, ...args: Args) => unknown;
  /** Confidence of the decision, on the model's own scale. */
  score?: (result: Result, ...args: Args) => number | undefined;
  /** The threshold in force, on the scale of the score. */
  threshold?: number | ((result: Result, ...args: Args) => number | undefined);
  /** Why the model decided so, the weightiest reason first. */
  reasons?: (result: Result, ...args: Args) => readonly Reason[] | undefined;
  alternatives?: (result: Result, ...args: Args) => readonly Alternative[] | undefined;
  /** The person or thing decided about. */
  subject?: (...args: Args) => Subject | undefined;
  /** On whose behalf. */
  actor?: Actor | ((...args: Args) => Actor | undefined);
  /** Fields of your own. */
  attributes?: Record<string, unknown> | ((...args: Args) => Record<string, unknown> | undefined);
  /** Names of scalar fields of the input, at most 16, to be copied to attributes `decision.input.<field>` for filtering. */
  index?: readonly string[];
  /** `false`: make the log record only, no span. Default: true. */
  span?: boolean;
}

/** Fields named by `index` at most. */
const INDEX_FIELDS_MAX = 16;
const NAME_CHARS_MAX = 256;

type Check = (value: unknown) => boolean;

const isFunction: Check = (value) => typeof value === 'function';
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isName: Check = (value) => typeof value === 'string' && value !== '' && value.length <= NAME_CHARS_MAX;

/** What each option must be, in words for the error message and as a check. */
const OPTIONS: Record<keyof DecisionOptions, readonly [expected: string, check: Check]> = {
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
  index: [
    `a list of at most ${INDEX_FIELDS_MAX} names of input fields`,
    (value) => Array.isArray(value) && value.length <= INDEX_FIELDS_MAX && value.every(isName),
  ],
  span: ['true or false', (value) => typeof value === 'boolean'],
};

const MODEL_FIELDS = ['name', 'version', 'digest', 'provider'];

function isModel(value: unknown): boolean {
  if (!isObject(value) || !isName(value['name'])) return false;
  return Object.entries(value).every(
    ([key, part]) => MODEL_FIELDS.includes(key) && (part === undefined || isName(part)),
  );
}

/**
 * Checks options that may come from JavaScript.
 *
 * @throws {DecisionTrailError} `INVALID_OPTIONS`, naming the option and what it must be.
 */
export function checkOptions(options: unknown): asserts options is DecisionOptions {
  if (!isObject(options)) throw invalid('expects an options object, for example audited({ model: "loan-approval" })');
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(OPTIONS, name)) {
      throw invalid(`has no option "${name}"; it has ${Object.keys(OPTIONS).join(', ')}`);
    }
    const [expected, check] = OPTIONS[name as keyof DecisionOptions];
    if (value !== undefined && !check(value)) throw invalid(`expects "${name}" to be ${expected}`);
  }
  if (options['model'] === undefined) throw invalid('needs "model": the name of the model that decides');
}

function invalid(problem: string): DecisionTrailError {
  return new DecisionTrailError('INVALID_OPTIONS', `audited() ${problem}`);
}
