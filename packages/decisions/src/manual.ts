import { checkModel, checkNames, checkOption, checkTimestamp, invalid, isObject } from './checks.js';
import { runIn } from './call.js';
import { Decision } from './decision.js';
import { afterwards, UNRECORDED } from './delivery.js';
import type { Delivery } from './delivery.js';
import type { DecisionSite, Made } from './decision.js';
import type { Actor, BaggageKeys, DecisionDetails, DecisionOptions, Model, Subject } from './options.js';
import { settled } from './outcome.js';
import type { RedactRule } from './redact/rules.js';
import { isRequired } from './settings.js';
import { siteOf } from './site.js';
import { findTelemetry, guard } from './telemetry.js';

/** What is known when a decision begins that no function stands for. */
export interface DecisionStart {
  /** The model that decides; a string is its name. */
  model: string | Model;
  /** What it is given. Captured now; what changes in it later does not change the record. */
  input: unknown;
  threshold?: number | undefined;
  subject?: Subject | undefined;
  actor?: Actor | undefined;
  attributes?: Readonly<Record<string, unknown>> | undefined;
  /** As the option of `audited`. */
  baggage?: BaggageKeys | undefined;
  /** As the option of `audited`; give the same array each time, so that it is compiled once. */
  redact?: readonly RedactRule[] | undefined;
  /** As the option of `audited`. */
  index?: readonly string[] | undefined;
  /** `false`: make the log record only, no span. Default: true. */
  span?: boolean | undefined;
  /** As the option of `audited`. With `required`, `end` and `recordDecision` throw where the record is not on stable storage. */
  delivery?: Delivery | undefined;
}

/** A decision that has begun and is not made yet. */
export interface PendingDecision {
  /** The id of its record; `undefined` where decisions are not recorded. */
  readonly id: string | undefined;
  /** Runs a part of the work inside the decision: spans and decisions made in it become its children. */
  run<T>(fn: () => T): T;
  /** Adds what has become known. */
  update(details: DecisionDetails): void;
  /**
   * The model decided. The first of `end` and `fail` counts; another is reported through `diag`.
   *
   * @throws {AuditUnavailableError} with `delivery: 'required'` alone.
   */
  end(decision: unknown, details?: DecisionDetails): void;
  /** The model failed, with whatever it threw. Never throws. */
  fail(error: unknown, details?: DecisionDetails): void;
}

/** A decision that has been made already: it has a result, or the error with which the model failed. */
export type MadeAlready = DecisionStart &
  DecisionDetails & {
    /** What it decided. */
    decision?: unknown;
    /** Why it failed, instead of a decision. */
    error?: unknown;
    /** When the decision was made. Default: now. */
    timestamp?: Date | undefined;
    /** How long it took, in milliseconds. Default: 0. */
    durationMs?: number | undefined;
  };

/**
 * Begins a decision by hand, where no single function call makes it: callbacks, events, job queues.
 *
 * ```ts
 * const decision = startDecision({ model: 'loan', input: applicant });
 * model.predict(applicant, (error, label) => (error ? decision.fail(error) : decision.end(label)));
 * ```
 *
 * @throws {DecisionTrailError} `INVALID_OPTIONS`, naming what is wrong with `start`.
 */
export function startDecision(start: DecisionStart): PendingDecision {
  const site = siteOfStart('startDecision()', start, STARTS);
  const decision = guard(() => begin(site, start.input));
  if (decision === undefined) return isRequired(site) ? WITHHELD : NOT_RECORDED;
  return {
    id: decision.id,
    run: (fn) => settled(runIn(decision, fn)),
    update: (details) => decision.update(details),
    end: (result, details) => {
      guard(() => {
        if (details !== undefined) decision.update(details);
        decision.succeed(result);
      });
      decision.hold?.sync();
    },
    fail: (error, details) => {
      guard(() => {
        if (details !== undefined) decision.update(details);
        decision.fail(error);
      });
      afterwards(decision.hold);
    },
  };
}

/**
 * Records a decision that was made elsewhere: by a batch job, a rules engine or another process.
 *
 * @returns The id of its record; `undefined` where decisions are not recorded.
 * @throws {DecisionTrailError} `INVALID_OPTIONS`, naming what is wrong with `made`; `AUDIT_UNAVAILABLE` with `delivery: 'required'`,
 * where the record is not on stable storage.
 */
export function recordDecision(made: MadeAlready): string | undefined {
  const where = 'recordDecision()';
  const site = siteOfStart(where, made, [...STARTS, ...DETAILS, 'decision', 'error', 'timestamp', 'durationMs']);
  if ('decision' in made === 'error' in made) throw invalid(where, 'needs either "decision" or "error"');
  const { timestamp, durationMs = 0 } = made;
  checkTimestamp(where, timestamp);
  if (typeof durationMs !== 'number' || !(durationMs >= 0)) {
    throw invalid(where, 'expects "durationMs" to be a number of milliseconds');
  }
  const when: Made = { timestampMs: timestamp?.getTime() ?? Date.now(), durationMs };
  const decision = guard(() => begin(site, made.input, when));
  guard(() => {
    const { score, reasons, alternatives } = made;
    decision?.update({ score, reasons, alternatives });
    if ('error' in made) decision?.fail(made.error, when);
    else decision?.succeed(made.decision, when);
  });
  const hold = decision === undefined && isRequired(site) ? UNRECORDED : decision?.hold;
  hold?.sync();
  return decision?.id;
}

const STARTS = [
  'model',
  'input',
  'threshold',
  'subject',
  'actor',
  'attributes',
  'baggage',
  'redact',
  'index',
  'span',
  'delivery',
];
const DETAILS = ['score', 'reasons', 'alternatives'];

const NOT_RECORDED: PendingDecision = {
  id: undefined,
  run: (fn) => fn(),
  update: () => {},
  end: () => {},
  fail: () => {},
};

/** A decision that must not be released, for nothing records it. */
const WITHHELD: PendingDecision = { ...NOT_RECORDED, end: () => UNRECORDED.sync() };

function begin(site: DecisionSite, input: unknown, when?: Made): Decision | undefined {
  const telemetry = findTelemetry();
  return (
    telemetry && new Decision(site, telemetry, [input], when && { spanStartMs: when.timestampMs - when.durationMs })
  );
}

function siteOfStart(where: string, start: DecisionStart, names: readonly string[]): DecisionSite {
  if (!isObject(start)) throw invalid(where, 'expects an object with "model" and "input"');
  checkNames(where, start, names);
  checkModel(where, start.model);
  const { model, threshold, subject, actor, attributes, baggage, redact, index, span, delivery } = start;
  const options: DecisionOptions = { model, input: (input) => input };
  const asGiven = { threshold, actor, attributes, baggage, redact, index, span, delivery };
  for (const [name, value] of Object.entries(asGiven)) {
    if (value === undefined) continue;
    checkOption(where, name as keyof DecisionOptions, value);
    Object.assign(options, { [name]: value });
  }
  if (subject !== undefined) options.subject = () => subject;
  return siteOf(options);
}
