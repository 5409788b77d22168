import { context, createContextKey } from '@opentelemetry/api';
import type { Context } from '@opentelemetry/api';
import type { DecisionDetails } from './options.js';
import { Remembered } from './redact/remembered.js';
import { findTelemetry, warnOnce } from './telemetry.js';

/** Under this key the OpenTelemetry context carries the decision being made, for the code and the decisions inside it. */
const DECISION_KEY = createContextKey('decision-trail decision');

/** Under this key the OpenTelemetry context carries the lists of those who want to know of the decisions made inside. */
const COLLECTORS_KEY = createContextKey('decision-trail collectors');

/** The decision that is being made. */
export interface CurrentDecision {
  /** The id of its record; in a batch, the batch's id. */
  readonly id: string;
  /** Adds what only the model knows; in a batch, to the decision about every row. Never throws. */
  update(details: DecisionDetails): void;
}

/** A decision that was made inside `withDecisions`. */
export interface MadeDecision {
  readonly id: string;
  /** The model's name. */
  readonly model: string;
  /** The enclosing decision, when one model called another. */
  readonly parentId?: string;
  /** The span of the decision. */
  readonly trace?: { readonly traceId: string; readonly spanId: string };
}

/**
 * The decision that the calling code is a part of, so that it can add a score, reasons or the version of the model;
 * `undefined` outside a decision, and where decisions are not recorded.
 *
 * ```ts
 * currentDecision()?.update({ score: 0.83, reasons: [{ code: 'INCOME_TOO_LOW' }] });
 * ```
 */
export function currentDecision(): CurrentDecision | undefined {
  return context.active().getValue(DECISION_KEY) as CurrentDecision | undefined;
}

/** What a function returned, or a promise of what it resolves to, and the decisions made inside it. */
export type WithDecisions<T> =
  T extends PromiseLike<infer Settled>
    ? Promise<{ result: Settled; decisions: readonly MadeDecision[] }>
    : { result: T; decisions: readonly MadeDecision[] };

/**
 * Runs a function and tells which decisions were made inside it, also by functions that it awaits; a service puts their
 * ids into its answer.
 *
 * ```ts
 * const { result, decisions } = await withDecisions(() => model.predict(applicant));
 * ```
 *
 * @param fn Gets the list, which grows as decisions begin: of use where it throws.
 * @returns What it returned, or resolved to, and the decisions in the order in which they began; empty where decisions
 * are not recorded. It throws what `fn` throws.
 */
export function withDecisions<T>(fn: (decisions: readonly MadeDecision[]) => T): WithDecisions<T>;
export function withDecisions(fn: (decisions: readonly MadeDecision[]) => unknown): unknown {
  const decisions: MadeDecision[] = [];
  const outer = context.active();
  const inner = outer.setValue(COLLECTORS_KEY, [...collectorsOf(outer), decisions]);
  const result = context.with(inner, () => {
    if (context.active() !== inner && findTelemetry() !== undefined) {
      warnOnce(
        'withDecisions() cannot tell the decisions made inside it: no OpenTelemetry context manager is registered. ' +
          'Start a NodeSDK, or register the AsyncLocalStorageContextManager of @opentelemetry/context-async-hooks.',
      );
    }
    return fn(decisions);
  });
  const isThenable = typeof (result as { then?: unknown } | undefined | null)?.then === 'function';
  if (!isThenable) return { result, decisions };
  return Promise.resolve(result).then((value) => ({ result: value, decisions }));
}

/** A decision, or a batch, as those inside it know it. */
export interface Enclosing extends CurrentDecision {
  /** What was masked in it. */
  readonly remembered: Remembered;
}

/** The context inside a decision. */
export function withCurrent(outer: Context, decision: Enclosing): Context {
  return outer.setValue(DECISION_KEY, decision);
}

/** What was masked in the decision that a context is inside of; absent where that is one of another copy of this package. */
export function rememberedAround(inner: Context): Remembered | undefined {
  const remembered = (inner.getValue(DECISION_KEY) as Partial<Enclosing> | undefined)?.remembered;
  return remembered instanceof Remembered ? remembered : undefined;
}

/** The id of the decision that a context is inside of. */
export function enclosingId(inner: Context): string | undefined {
  return (inner.getValue(DECISION_KEY) as CurrentDecision | undefined)?.id;
}

export function collectorsOf(inner: Context): readonly MadeDecision[][] {
  return (inner.getValue(COLLECTORS_KEY) as MadeDecision[][] | undefined) ?? [];
}
