import { context, createContextKey, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { Context, HrTime, Span } from '@opentelemetry/api';
import { logAttributes, spanAttributes } from './attributes.js';
import type { Projected } from './attributes.js';
import { EVENT_DECISION_MADE } from './conventions.js';
import { encodeJson, read, unreadable } from './json.js';
import type { EncodedJson } from './json.js';
import type { Actor, DecisionOptions, Model, Reason, Subject } from './options.js';
import { field, writeRecord } from './record.js';
import { report } from './telemetry.js';
import type { Telemetry } from './telemetry.js';
import { uuidv7 } from './uuid.js';

/** Under this key the OpenTelemetry context carries the id of the decision being made, for the decisions inside it. */
const DECISION_ID_KEY = createContextKey('decision-trail decision id');

/** SeverityNumber of the OpenTelemetry log data model. */
const SEVERITY_INFO = 9;
const SEVERITY_ERROR = 17;

/** UTF-16 units of an error's message in the record and in the span's status at most. */
const ERROR_MESSAGE_CHARS_MAX = 1024;

/** One place in the application where decisions are made. */
export interface DecisionSite {
  readonly options: DecisionOptions;
  readonly model: Model;
}

/**
 * One decision in the making: what can be known when the call begins is captured by the constructor, the rest is added
 * by `succeed` or `fail`, which send the span and the log record off. None of the three throws.
 */
export class Decision {
  readonly #site: DecisionSite;
  readonly #telemetry: Telemetry;
  readonly #args: readonly unknown[];
  readonly #id = uuidv7();
  readonly #span: Span | undefined;
  readonly #parentId: string | undefined;
  readonly #input: EncodedJson;
  readonly #subject: Subject | undefined;
  readonly #actor: Actor | undefined;
  readonly #attributes: EncodedJson | undefined;
  readonly #startedMs: number;

  /** The context in which the model is called: its spans become children of the decision's span. */
  readonly context: Context;

  constructor(site: DecisionSite, telemetry: Telemetry, args: readonly unknown[]) {
    this.#site = site;
    this.#telemetry = telemetry;
    this.#args = args;
    const { options, model } = site;

    const parent = context.active();
    const parentId = parent.getValue(DECISION_ID_KEY);
    this.#parentId = typeof parentId === 'string' ? parentId : undefined;
    if (options.span !== false) {
      this.#span = telemetry.tracer?.startSpan(`decision ${model.name}`, { kind: SpanKind.INTERNAL }, parent);
    }
    const spanContext = this.#span === undefined ? parent : trace.setSpan(parent, this.#span);
    this.context = spanContext.setValue(DECISION_ID_KEY, this.#id);

    this.#input = this.#captureInput();
    this.#subject = this.#ask('subject', isParty);
    this.#actor = this.#ask('actor', isParty);
    this.#attributes = field('attributes', this.#ask('attributes', isObject));
    this.#startedMs = performance.now();
  }

  /** The model decided. */
  succeed(result: unknown): void {
    const durationMs = this.#elapsedMs();
    const { options } = this.#site;
    const decide = options.decision;
    const decision = decide === undefined ? result : this.#read('decision', () => decide(result, ...this.#args));
    this.#finish(durationMs, {
      decision: encodeJson(decision, '/decision'),
      error: undefined,
      score: this.#ask('score', isNumber, result),
      reasons: this.#ask('reasons', isReasons, result),
      alternatives: field('alternatives', this.#ask('alternatives', Array.isArray, result)),
      threshold: this.#ask('threshold', isNumber, result),
    });
  }

  /** The model failed: it threw, or its promise was rejected. */
  fail(error: unknown): void {
    const durationMs = this.#elapsedMs();
    const { threshold } = this.#site.options;
    this.#finish(durationMs, {
      decision: undefined,
      error: describeError(error),
      score: undefined,
      reasons: undefined,
      alternatives: undefined,
      threshold: typeof threshold === 'number' ? threshold : undefined,
    });
  }

  #finish(durationMs: number, outcome: Outcome): void {
    const madeMs = Date.now();
    const { model, options } = this.#site;
    const { decision, error, score, threshold, reasons, alternatives } = outcome;
    const id = this.#id;
    const timestamp = new Date(madeMs).toISOString();
    const spanContext = this.#span?.spanContext() ?? trace.getSpanContext(this.context);

    const { body, truncated } = writeRecord({
      id: field('id', id),
      timestamp: field('timestamp', timestamp),
      durationMs: field('durationMs', durationMs),
      model: field('model', model),
      input: this.#input,
      decision,
      error: field('error', error),
      score: field('score', score),
      threshold: field('threshold', threshold),
      reasons: field('reasons', reasons),
      alternatives,
      subject: field('subject', this.#subject),
      actor: field('actor', this.#actor),
      parentId: field('parentId', this.#parentId),
      trace: field('trace', spanContext && { traceId: spanContext.traceId, spanId: spanContext.spanId }),
      attributes: this.#attributes,
    });

    const projected: Projected = {
      id,
      timestamp,
      model,
      input: this.#input,
      decision,
      errorType: error?.type,
      score,
      threshold,
      reasons,
      subject: this.#subject,
      actor: this.#actor,
      index: options.index ?? [],
      truncated,
    };
    const attributes = spanAttributes(projected);
    this.#telemetry.logger?.emit({
      eventName: EVENT_DECISION_MADE,
      timestamp: hrTime(madeMs),
      severityNumber: error === undefined ? SEVERITY_INFO : SEVERITY_ERROR,
      severityText: error === undefined ? 'INFO' : 'ERROR',
      body,
      attributes: logAttributes(attributes, projected),
      context: this.context,
    });
    if (this.#span === undefined) return;
    this.#span.setAttributes(attributes);
    if (error !== undefined) this.#span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
    this.#span.end();
  }

  #captureInput(): EncodedJson {
    const { input } = this.#site.options;
    const args = this.#args;
    const value =
      input === undefined ? (args.length === 1 ? args[0] : args) : this.#read('input', () => input(...args));
    return encodeJson(value, '/input');
  }

  /**
   * The value of an option that is given as it is or by a callback, on the call's arguments, after its result where
   * there is one; `undefined`, and a report, where the callback throws or returns something of the wrong kind.
   */
  #ask<T>(name: keyof DecisionOptions, is: (value: unknown) => value is T, ...result: [] | [unknown]): T | undefined {
    const option = this.#site.options[name] as unknown;
    const value = typeof option === 'function' ? read(() => option(...result, ...this.#args) as unknown) : option;
    if (value === undefined || is(value)) return value;
    report(`model "${this.#site.model.name}": "${name}" gave no usable value and is left out of the record`, value);
    return undefined;
  }

  #read(name: keyof DecisionOptions, get: () => unknown): unknown {
    try {
      return get();
    } catch (error) {
      report(`model "${this.#site.model.name}": "${name}" threw`, error);
      return unreadable(error);
    }
  }

  /** Milliseconds since the model was called, to the microsecond. */
  #elapsedMs(): number {
    return Math.round((performance.now() - this.#startedMs) * 1000) / 1000;
  }
}

interface Outcome {
  decision: EncodedJson | undefined;
  error: { type: string; message: string } | undefined;
  score: number | undefined;
  threshold: number | undefined;
  reasons: readonly Reason[] | undefined;
  alternatives: EncodedJson | undefined;
}

/** The type and message of anything that can be thrown. */
function describeError(error: unknown): { type: string; message: string } {
  const described = read(() => {
    if (!(error instanceof Error)) return { type: typeof error, message: String(error) };
    const type = error.name === 'Error' ? error.constructor.name : error.name;
    return { type: String(type), message: String(error.message).slice(0, ERROR_MESSAGE_CHARS_MAX) };
  });
  return '$unreadable' in described ? { type: typeof error, message: '' } : described;
}

/** OpenTelemetry's [seconds, nanoseconds]: a plain number could be taken for a reading of the monotonic clock. */
function hrTime(ms: number): HrTime {
  const seconds = Math.floor(ms / 1000);
  return [seconds, (ms - seconds * 1000) * 1_000_000];
}

const isNumber = (value: unknown): value is number => typeof value === 'number';
const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
const isParty = (value: unknown): value is { id: string } => isObject(value) && typeof value['id'] === 'string';
const isReasons = (value: unknown): value is Reason[] =>
  Array.isArray(value) && value.every((reason) => isObject(reason) && typeof reason['code'] === 'string');
