import type { Delivery } from './delivery.js';
import type { RedactRule } from './redact/rules.js';

/** The model that decides. */
export interface Model {
  /** Stable name, at most 256 characters. */
  name: string;
  version?: string | undefined;
  /** Digest of the model's artefact, as `sha256:` and 64 hexadecimal digits. */
  digest?: string | undefined;
  /** Who or what runs it, for example `onnxruntime`. */
  provider?: string | undefined;
}

/** One reason for a decision, as an adverse-action notice (ECOA) or an explanation (AI Act, Art. 86) needs it. */
export interface Reason {
  /** Stable, for machines: `INCOME_TOO_LOW`. */
  code: string;
  /** For people. */
  text?: string | undefined;
  /** How much it counted, on the model's own scale. */
  weight?: number | undefined;
}

/** A decision that was possible and was not taken. */
export interface Alternative {
  decision: unknown;
  score?: number | undefined;
}

/** The person or thing that was decided about. */
export interface Subject {
  id: string;
  type?: string | undefined;
}

/** On whose behalf the model decided. */
export interface Actor {
  id: string;
  type?: 'user' | 'service' | 'system' | undefined;
}

/** Keys of the OpenTelemetry baggage, which travels with a request through all services. */
export interface BaggageKeys {
  /** Its value is the actor's id. */
  actor?: string | undefined;
  /** Its value is the subject's id. */
  subject?: string | undefined;
  /** Their values become attributes of the same names. */
  attributes?: readonly string[] | undefined;
}

/** How one call's arguments and result fall apart into rows and decisions, for example those of a tensor. */
export interface BatchParts<Args extends readonly unknown[], Result> {
  rows: (...args: Args) => BatchList;
  /** As many as rows, in the same order. */
  decisions: (result: Result, ...args: Args) => BatchList;
}

/** A list, or a typed array, of rows or of the decisions about them. */
export type BatchList = readonly unknown[] | (ArrayBufferView & ArrayLike<unknown>);

/** What a stream yielded, as callbacks get it when the stream has ended. */
export type StreamItems<Item, Returned = undefined> = readonly Item[] & {
  /** What a generator returned. */
  readonly returned?: Returned;
};

/** What can be told about a decision while it is made, by `currentDecision()` or by hand. */
export interface DecisionDetails {
  score?: number | undefined;
  threshold?: number | undefined;
  /** Added to those that are known already. */
  reasons?: readonly Reason[] | undefined;
  alternatives?: readonly Alternative[] | undefined;
  /** What turned out about the model: which version was in charge, for example. */
  model?: Partial<Omit<Model, 'name'>> | undefined;
  subject?: Subject | undefined;
  actor?: Actor | undefined;
  /** Added to those that are known already. */
  attributes?: Readonly<Record<string, unknown>> | undefined;
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
  input?: ((...args: Args) => unknown) | undefined;
  /** What to record as decision. Default: the result. */
  decision?: ((result: Result, ...args: Args) => unknown) | undefined;
  /** Confidence of the decision, on the model's own scale. */
  score?: ((result: Result, ...args: Args) => number | undefined) | undefined;
  /** The threshold in force, on the scale of the score. */
  threshold?: number | ((result: Result, ...args: Args) => number | undefined) | undefined;
  /** Why the model decided so, the weightiest reason first. */
  reasons?: ((result: Result, ...args: Args) => readonly Reason[] | undefined) | undefined;
  alternatives?: ((result: Result, ...args: Args) => readonly Alternative[] | undefined) | undefined;
  /** The person or thing decided about. */
  subject?: ((...args: Args) => Subject | undefined) | undefined;
  /** On whose behalf. */
  actor?: Actor | ((...args: Args) => Actor | undefined) | undefined;
  /** Fields of your own. */
  attributes?: Record<string, unknown> | ((...args: Args) => Record<string, unknown> | undefined) | undefined;
  /** Entries of the OpenTelemetry baggage that tell actor, subject or attributes, where no other option does. */
  baggage?: BaggageKeys | undefined;
  /**
   * One call decides about several rows: each row gets a record of its own, with a batch id that they share, and
   * callbacks get one row, and the decision about it. `true`: the first argument is a list (or typed array) of rows, the
   * result is a list of decisions in the same order.
   */
  batch?: boolean | BatchParts<any, any> | undefined;
  /** Redaction rules, before those of the process; the first that fits a value decides. */
  redact?: readonly RedactRule[] | undefined;
  /** Names of scalar fields of the input, at most 16, to be copied to attributes `decision.input.<field>` for filtering. */
  index?: readonly string[] | undefined;
  /** `false`: make the log record only, no span. Default: true. */
  span?: boolean | undefined;
  /** How safe the record is before the caller gets the decision. Default: that of the process, else `durable`. */
  delivery?: Delivery | undefined;
}
