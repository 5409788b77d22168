import { context, SpanKind, trace } from '@opentelemetry/api';
import type { SpanContext } from '@opentelemetry/api';
import { defined, scalar, text } from './attributes.js';
import type { Attributes } from './attributes.js';
import { checkNames, checkTimestamp, invalid, isObject } from './checks.js';
import {
  ATTR_AUDIT_ACTION,
  ATTR_AUDIT_ACTOR_ID,
  ATTR_AUDIT_ACTOR_TYPE,
  ATTR_AUDIT_OUTCOME,
  ATTR_AUDIT_RECORD_ID,
  ATTR_AUDIT_SCHEMA_VERSION,
  ATTR_AUDIT_TARGET_ID,
  ATTR_AUDIT_TARGET_TYPE,
  ATTR_DECISION_ID,
  ATTR_DECISION_OUTCOME_LABEL,
  ATTR_DECISION_REVIEW_ACTION,
  EVENT_DECISION_OUTCOME,
  EVENT_DECISION_REVIEW,
  SCHEMA_OUTCOME,
  SCHEMA_REVIEW,
} from './conventions.js';
import { handOver, UNRECORDED } from './delivery.js';
import type { Hold } from './delivery.js';
import { encodeJson } from './json.js';
import type { Truncation } from './json.js';
import { field, maskAgain, valueOf, writeRecord } from './record.js';
import type { RecordFields } from './record.js';
import { Masker } from './redact/masker.js';
import type { Masked } from './redact/masker.js';
import { registry } from './registry.js';
import { deliveryOf, processRules } from './settings.js';
import { findTelemetry, guard, SEVERITY_INFO } from './telemetry.js';
import type { LogRecord } from './telemetry.js';
import { hrTime, isoTime } from './time.js';
import { uuidv7 } from './uuid.js';

/** An earlier decision: its id, or the id together with the span in which it was made, as `withDecisions` gives them. */
export type DecisionReference =
  | string
  | { readonly id: string; readonly trace?: { readonly traceId: string; readonly spanId: string } | undefined };

/** What really happened after a decision: the loan defaulted, the diagnosis was right. */
export interface DecisionOutcome {
  /** What happened, in the terms of the decision, so that the two can be compared. */
  label: string | number | boolean;
  /** Anything to go with it: an amount, a measurement. */
  value?: unknown;
  /** Who or what knows it, for example `collections`. */
  source?: string | undefined;
  /** When it happened or became known. Default: now. */
  timestamp?: Date | undefined;
}

/** What a person said of a decision. */
export interface DecisionReview {
  /** Who. */
  reviewer: { id: string; type?: string | undefined };
  /** `appeal`: the person concerned objects; `escalate`: the reviewer hands it on. */
  action: 'confirm' | 'override' | 'appeal' | 'escalate';
  /** What holds instead of the model's decision, where it is overridden. */
  decision?: unknown;
  /** Why. */
  rationale?: string | undefined;
  /** When. Default: now. */
  timestamp?: Date | undefined;
}

/** The body of a `decision.outcome` log record, as a reader gets it by `JSON.parse`. */
export interface OutcomeRecord {
  /** `decision-outcome/1`. */
  schema: string;
  /** UUIDv7 of this record. */
  id: string;
  decisionId: string;
  timestamp: string;
  label: string | number | boolean;
  value?: unknown;
  source?: string;
  trace?: { traceId: string; spanId: string };
  masked?: Masked[];
  truncated?: Truncation[];
}

/** The body of a `decision.review` log record, as a reader gets it by `JSON.parse`. */
export interface ReviewRecord {
  /** `decision-review/1`. */
  schema: string;
  /** UUIDv7 of this record. */
  id: string;
  decisionId: string;
  timestamp: string;
  reviewer: { id: string; type?: string };
  action: DecisionReview['action'];
  decision?: unknown;
  rationale?: string;
  trace?: { traceId: string; spanId: string };
  masked?: Masked[];
  truncated?: Truncation[];
}

const ACTIONS: readonly unknown[] = ['confirm', 'override', 'appeal', 'escalate'];

/**
 * Records what really happened after a decision, in any process and at any later time, as a log record of the same
 * trail; a span links to the decision's trace where that is known.
 *
 * @param decision The decision, as `withDecisions` gives it, or its id.
 * @returns The id of this record; `undefined` where nothing is recorded because no OpenTelemetry SDK is registered.
 * @throws {DecisionTrailError} `INVALID_OPTIONS`, naming what is wrong; `AUDIT_UNAVAILABLE` where `configureDecisions` has
 * `delivery: 'required'` and the record is not on stable storage.
 */
export function recordOutcome(decision: DecisionReference, outcome: DecisionOutcome): string | undefined {
  const where = 'recordOutcome()';
  const { label, value, source, timestamp } = checked(where, outcome, ['label', 'value', 'source', 'timestamp']);
  if (!['string', 'number', 'boolean'].includes(typeof label)) {
    throw invalid(where, 'expects "label" to be a string, a number or a boolean: what really happened');
  }
  checkText(where, 'source', source);
  return send(where, decision, timestamp, {
    schema: SCHEMA_OUTCOME,
    event: EVENT_DECISION_OUTCOME,
    action: 'OUTCOME',
    fields: { label, value, source },
    attributes: (fields) => ({ [ATTR_DECISION_OUTCOME_LABEL]: scalar(valueOf(fields['label'])) }),
  });
}

/**
 * Records that a person confirmed, overrode, appealed or escalated a decision, as {@link recordOutcome} does.
 *
 * @returns The id of this record; `undefined` where nothing is recorded because no OpenTelemetry SDK is registered.
 * @throws {DecisionTrailError} `INVALID_OPTIONS`, naming what is wrong.
 */
export function recordReview(decision: DecisionReference, review: DecisionReview): string | undefined {
  const where = 'recordReview()';
  const names = ['reviewer', 'action', 'decision', 'rationale', 'timestamp'];
  const { reviewer, action, decision: instead, rationale, timestamp } = checked(where, review, names);
  if (!isObject(reviewer) || typeof reviewer['id'] !== 'string' || reviewer['id'] === '') {
    throw invalid(where, 'expects "reviewer" to be { id, type? }: the person who reviewed');
  }
  if (!ACTIONS.includes(action)) throw invalid(where, `expects "action" to be one of ${ACTIONS.join(', ')}`);
  checkText(where, 'rationale', rationale);
  return send(where, decision, timestamp, {
    schema: SCHEMA_REVIEW,
    event: EVENT_DECISION_REVIEW,
    action: 'REVIEW',
    fields: { reviewer: { id: reviewer.id, type: reviewer.type }, action, decision: instead, rationale },
    attributes: (fields) => ({
      [ATTR_DECISION_REVIEW_ACTION]: action,
      [ATTR_AUDIT_ACTOR_ID]: text(valueOf(fields['reviewer']), 'id'),
      [ATTR_AUDIT_ACTOR_TYPE]: text(valueOf(fields['reviewer']), 'type'),
    }),
  });
}

interface FollowUp {
  schema: string;
  event: string;
  action: string;
  fields: Record<string, unknown>;
  attributes: (fields: RecordFields) => Record<string, Attributes[string] | undefined>;
}

function send(where: string, decision: DecisionReference, at: Date | undefined, what: FollowUp): string | undefined {
  const { decisionId, linked } = referred(where, decision);
  let hold: Hold | undefined = deliveryOf({}) === 'required' ? UNRECORDED : undefined;
  const recorded = guard(() => {
    const telemetry = findTelemetry();
    if (telemetry === undefined) return undefined;
    const id = uuidv7();
    const atMs = at?.getTime() ?? Date.now();
    const links = linked === undefined ? [] : [{ context: linked }];
    const span = telemetry.tracer?.startSpan(what.event, { kind: SpanKind.INTERNAL, links }, context.active());
    const inner = span === undefined ? context.active() : trace.setSpan(context.active(), span);
    const place = trace.getSpanContext(inner);

    const { settings } = registry();
    const masker = new Masker(processRules(), settings);
    const encoding = { masker, digestBytesMax: settings.digestBytesMax };
    const fields: RecordFields = {
      schema: field(what.schema),
      id: field(id),
      decisionId: field(decisionId),
      timestamp: field(isoTime(atMs)),
      trace: field(place && { traceId: place.traceId, spanId: place.spanId }),
    };
    for (const [name, value] of Object.entries(what.fields)) {
      if (value !== undefined) fields[name] = encodeJson(value, `/${name}`, encoding);
    }
    maskAgain(fields, encoding);
    if (masker.count > 0) fields['masked'] = field(masker.masked);

    const attributes = defined({
      [ATTR_DECISION_ID]: decisionId,
      [ATTR_AUDIT_RECORD_ID]: id,
      [ATTR_AUDIT_ACTION]: what.action,
      [ATTR_AUDIT_OUTCOME]: 'success',
      [ATTR_AUDIT_TARGET_ID]: decisionId,
      [ATTR_AUDIT_TARGET_TYPE]: 'decision',
      [ATTR_AUDIT_SCHEMA_VERSION]: what.schema,
      ...what.attributes(fields),
    });
    const log: LogRecord = {
      eventName: what.event,
      timestamp: hrTime(atMs),
      ...SEVERITY_INFO,
      body: writeRecord(fields).body,
      attributes,
      context: inner,
    };
    hold = handOver(log, telemetry.logger, deliveryOf({}));
    span?.setAttributes(attributes);
    span?.end();
    return id;
  });
  hold?.sync();
  return recorded;
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function referred(where: string, decision: DecisionReference): { decisionId: string; linked: SpanContext | undefined } {
  const reference = typeof decision === 'string' ? { id: decision } : decision;
  if (!isObject(reference) || typeof reference.id !== 'string' || !UUID.test(reference.id)) {
    throw invalid(where, 'expects the id of a decision, a UUID in lower case, or { id, trace? }');
  }
  const { id, trace: place } = reference;
  if (place === undefined) return { decisionId: id, linked: undefined };
  const { traceId, spanId } = place;
  if (!/^[0-9a-f]{32}$/.test(traceId) || !/^[0-9a-f]{16}$/.test(spanId)) {
    throw invalid(where, 'expects "trace" to be { traceId, spanId } in lower-case hexadecimal');
  }
  return { decisionId: id, linked: { traceId, spanId, traceFlags: 1, isRemote: true } };
}

function checked<T extends { timestamp?: Date | undefined }>(where: string, value: T, names: readonly string[]): T {
  if (!isObject(value)) throw invalid(where, `expects an object with ${names.join(', ')}`);
  checkNames(where, value, names);
  checkTimestamp(where, value.timestamp);
  return value;
}

function checkText(where: string, name: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'string') throw invalid(where, `expects "${name}" to be a string`);
}
