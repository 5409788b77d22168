import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { Context, Span } from '@opentelemetry/api';
import { logAttributes, spanAttributes } from './attributes.js';
import type { Projected } from './attributes.js';
import { isName, isObject } from './checks.js';
import { EVENT_DECISION_MADE, SCHEMA } from './conventions.js';
import { collectorsOf, enclosingId, rememberedAround, withCurrent } from './current.js';
import { handOver, UNRECORDED } from './delivery.js';
import type { Delivery, Hold } from './delivery.js';
import { isError, read, unreadable } from './forms.js';
import { asciiJson, encodeJson, ListEncoder } from './json.js';
import type { EncodedJson, EncodeOptions } from './json.js';
import type { BaggageKeys, DecisionDetails, DecisionOptions, Model, Reason, StreamItems } from './options.js';
import { field, fieldText, maskAgain, valueOf, writeRecord } from './record.js';
import type { Batch, RecordFields, Stream } from './record.js';
import { Masker } from './redact/masker.js';
import { MASK } from './redact/replacement.js';
import { Remembered } from './redact/remembered.js';
import type { CompiledRules } from './redact/rules.js';
import { registry } from './registry.js';
import { deliveryOf, processRules } from './settings.js';
import { guard, report, SEVERITY_ERROR, SEVERITY_INFO } from './telemetry.js';
import type { LogRecord, Telemetry } from './telemetry.js';
import { wellFormed } from './text.js';
import { hrTime, isoTime } from './time.js';
import { uuidv7 } from './uuid.js';

const SCHEMA_JSON = asciiJson(`"${SCHEMA}"`);

/** Reasons of one decision at most, of one callback or update. */
const REASONS_MAX = 1024;

/** UTF-16 units of an error's message in the record and in the span's status at most. */
const ERROR_MESSAGE_CHARS_MAX = 1024;

/** UTF-16 units of an error's message beyond those that are looked at, so that no secret is recorded up to the cut. */
const ERROR_OVERLAP_CHARS = 4 * 1024;

/** What cutting leaves of a character of two UTF-16 units. */
const HALF_AT_END = /[\ud800-\udbff]$/;

/** One place in the application where decisions are made. */
export interface DecisionSite {
  readonly options: DecisionOptions;
  readonly model: Model;
  readonly modelJson: EncodedJson;
  /** Those of the option `redact`; the process's follow. */
  readonly rules: CompiledRules | undefined;
}

/** A call of a model under way, which becomes one decision or, of a batch, several. Nothing of it throws. */
export interface Call {
  /** The context in which the model is called. */
  readonly context: Context;
  /** What its caller has to wait for, once it is over; `undefined` where nothing. */
  readonly hold: Hold | undefined;
  update(details: DecisionDetails): void;
  /** The model decided. */
  succeed(result: unknown): void;
  /** The model failed: it threw, or its promise was rejected. */
  fail(error: unknown): void;
  /** The model decided bit by bit, and that has ended. */
  end(items: StreamedItems): void;
  /** Writes the items of a stream as they come; `undefined` where a callback says what the decision is. */
  listEncoder(): ListEncoder | undefined;
  /** Lets go of an argument that is the result as well: a stream that is held is never abandoned. */
  forget(result: unknown): void;
}

/** What came of a stream. */
export interface StreamedItems {
  stream: Stream;
  /** What was yielded, where a callback wants it. */
  items: StreamItems<unknown, unknown>;
  /** The same as JSON; absent where a callback says what the decision is. */
  list: ListEncoder | undefined;
  /** Why it failed or was aborted. */
  error?: { value: unknown };
}

/** What a decision is a part of. */
export interface Origin {
  /** Default: the active one. */
  readonly parent?: Context;
  /** Reading of the monotonic clock when the call began. Default: now. */
  readonly startedMs?: number;
  /** Unix time at which the span begins. Default: now. */
  readonly spanStartMs?: number;
  readonly batch?: Batch;
  /** What was masked around it. Default: in the decision that the parent is inside of. */
  readonly around?: Remembered;
}

/** When a decision was made that is recorded later. */
export interface Made {
  readonly timestampMs: number;
  readonly durationMs: number;
}

/**
 * One decision in the making: what can be known when the call begins is captured by the constructor, the rest is added
 * by the other methods, the last of which sends the span and the log record off. None of them throws.
 */
export class Decision implements Call {
  readonly id: string = uuidv7();
  readonly context: Context;
  readonly remembered: Remembered;
  readonly #site: DecisionSite;
  readonly #telemetry: Telemetry;
  #args: readonly unknown[];
  readonly #masker: Masker;
  readonly #encoding: EncodeOptions;
  readonly #span: Span | undefined;
  readonly #startedMs: number;
  /** The record as far as it is known, masked and encoded when it became known. */
  readonly #fields: RecordFields = {};
  #model: Model;
  #batch: Batch | undefined;
  /** Whether the decision was made before it is recorded. */
  readonly #isLater: boolean;
  readonly #delivery: Delivery;
  #hold: Hold | undefined;
  #isOver = false;

  constructor(site: DecisionSite, telemetry: Telemetry, args: readonly unknown[], origin: Origin = {}) {
    const { options, model, rules } = site;
    const { settings } = registry();
    const parent = origin.parent ?? context.active();
    this.#site = site;
    this.#telemetry = telemetry;
    this.#args = args;
    this.#model = model;
    this.#batch = origin.batch;
    this.#isLater = origin.spanStartMs !== undefined;
    this.#delivery = deliveryOf(options);
    this.#hold = this.#delivery === 'required' ? UNRECORDED : undefined;
    this.remembered = new Remembered(origin.around ?? rememberedAround(parent));
    const allRules = rules === undefined ? processRules() : [rules, ...processRules()];
    this.#masker = new Masker(allRules, settings, this.remembered);
    this.#encoding = { masker: this.#masker, digestBytesMax: settings.digestBytesMax };

    if (options.span !== false) {
      const { spanStartMs } = origin;
      const startTime = spanStartMs === undefined ? {} : { startTime: hrTime(spanStartMs) };
      this.#span = telemetry.tracer?.startSpan(
        `decision ${model.name}`,
        { kind: SpanKind.INTERNAL, ...startTime },
        parent,
      );
    }
    this.context = withCurrent(this.#span === undefined ? parent : trace.setSpan(parent, this.#span), this);

    const parentId = enclosingId(parent);
    this.#fields['parentId'] = field(parentId);
    const spanContext = this.#span?.spanContext() ?? trace.getSpanContext(parent);
    if (spanContext !== undefined) {
      const { traceId, spanId } = spanContext;
      this.#fields['trace'] = asciiJson(`{"traceId":"${traceId}","spanId":"${spanId}"}`);
    }
    for (const collector of collectorsOf(parent)) {
      const place = spanContext && { trace: { traceId: spanContext.traceId, spanId: spanContext.spanId } };
      collector.push({ id: this.id, model: model.name, ...(parentId && { parentId }), ...place });
    }

    this.#set('input', this.#captureInput());
    const baggage = propagation.getBaggage(parent);
    const said = (key: string | undefined): string | undefined => (key ? baggage?.getEntry(key)?.value : undefined);
    const keys: BaggageKeys = { ...settings.baggage, ...options.baggage };
    this.#set('subject', this.#ask('subject', isParty) ?? party(said(keys.subject)));
    this.#set('actor', this.#ask('actor', isParty) ?? party(said(keys.actor)) ?? settings.actor);
    this.#set('attributes', settings.attributes);
    if (keys.attributes !== undefined) {
      this.#set('attributes', Object.fromEntries(keys.attributes.map((key) => [key, said(key)])));
    }
    this.#set('attributes', this.#ask('attributes', isObject));
    this.#startedMs = origin.startedMs ?? performance.now();
  }

  get hold(): Hold | undefined {
    return this.#hold;
  }

  update(details: DecisionDetails): void {
    guard(() => this.#update(details));
  }

  #update(details: DecisionDetails): void {
    if (this.#isOver) return report(`${this.#name}: a decision was updated after it had been made`);
    const { score, threshold, reasons, alternatives, model, subject, actor, attributes } = details;
    this.#set('score', this.#checked('score', score, isNumber));
    this.#set('threshold', this.#checked('threshold', threshold, isNumber));
    this.#set('reasons', this.#checked('reasons', reasons, isReasons));
    this.#set('alternatives', this.#checked('alternatives', alternatives, Array.isArray));
    this.#set('subject', this.#checked('subject', subject, isParty));
    this.#set('actor', this.#checked('actor', actor, isParty));
    this.#set('attributes', this.#checked('attributes', attributes, isObject));
    if (model === undefined) return;
    const part = this.#checked(
      'model',
      read(() => modelPart(model)),
      isModelPart,
    );
    if (part !== undefined) this.#model = { ...this.#model, ...given(part) };
  }

  /** @param made When, if not now. */
  succeed(result: unknown, made: Made = this.#now()): void {
    this.#askAbout(result);
    this.#fields['decision'] = this.#encode('/decision', this.#decisionOf(result));
    this.#finish(made, 'success');
  }

  fail(error: unknown, made: Made = this.#now()): void {
    this.#failWith(error);
    this.#finish(made, 'failure');
  }

  /** An error without what was masked here, for the other rows of a batch that failed with it. */
  conceal(error: unknown): unknown {
    if (this.#masker.remembersNothing) return error;
    const { type, message } = describeError(error, (thrown) => fieldText(this.#encode('/error', thrown)));
    const masker = new Masker([], {}, this.remembered);
    const [shownType, shownMessage] = [type, message].map((text) => masker.text(text, () => '/error') ?? MASK);
    if (masker.count === 0) return error;
    const concealed = Object.assign(new Error(shownMessage), { name: shownType });
    concealedErrors.add(concealed);
    return concealed;
  }

  /** Says that the batch returned another number of decisions than it was given rows. */
  mismatch(decisions: number): void {
    if (this.#batch !== undefined) this.#batch = { ...this.#batch, decisions };
  }

  end({ stream, items, list, error }: StreamedItems): void {
    const made = this.#now();
    if (error !== undefined) this.#failWith(error.value);
    else if (stream.ended !== 'abandoned') this.#askAbout(items);
    if (stream.items > 0 || stream.ended === 'completed') {
      if (list !== undefined) this.#fields['decision'] = list.end();
      else if (error === undefined) this.#fields['decision'] = this.#encode('/decision', this.#decisionOf(items));
    }
    this.#fields['stream'] = this.#encode('/stream', stream);
    const isWhole = stream.ended === 'completed';
    this.#finish(made, isWhole ? 'success' : error === undefined ? 'unknown' : 'failure');
  }

  forget(result: unknown): void {
    this.#args = without(this.#args, result);
  }

  listEncoder(): ListEncoder | undefined {
    return this.#site.options.decision === undefined ? new ListEncoder('/decision', this.#encoding) : undefined;
  }

  #finish({ timestampMs, durationMs }: Made, known: Projected['outcome']): void {
    if (this.#isOver) return report(`${this.#name}: a decision was made twice; the first one is recorded`);
    this.#isOver = true;
    const fields = this.#fields;
    const { id } = this;
    const timestamp = isoTime(timestampMs);
    // Where rows and decisions do not pair off, it is in doubt which decision is about which row.
    const outcome = this.#batch?.decisions === undefined ? known : 'unknown';

    // What the options say of the model is the application's own text; what was told later may be anything.
    if (this.#model !== this.#site.model) fields['model'] = this.#encode('/model', this.#model);
    maskAgain(fields, this.#encoding);
    const told = valueOf(fields['model']);
    const model = told === undefined ? this.#model : { ...(isObject(told) && told), name: this.#model.name };
    fields['model'] ??= this.#site.modelJson;
    fields['schema'] = SCHEMA_JSON;
    fields['id'] = asciiJson(`"${id}"`);
    fields['timestamp'] = asciiJson(`"${timestamp}"`);
    fields['durationMs'] = asciiJson(String(durationMs));
    fields['batch'] = field(this.#batch);
    if (this.#masker.count > 0) fields['masked'] = field(this.#masker.masked);
    const { body, truncated } = writeRecord(fields);

    const { index = [] } = this.#site.options;
    const masked = this.#masker.count;
    const projected: Projected = { id, timestamp, model, batch: this.#batch, outcome, index, truncated, masked };
    const attributes = spanAttributes(fields, projected);
    const hasFailed = fields['error'] !== undefined;
    const log: LogRecord = {
      eventName: EVENT_DECISION_MADE,
      timestamp: hrTime(timestampMs),
      ...(hasFailed ? SEVERITY_ERROR : SEVERITY_INFO),
      body,
      attributes: logAttributes(attributes, fields, projected),
      context: this.context,
    };
    this.#hold = handOver(log, this.#telemetry.logger, this.#delivery);
    if (this.#span === undefined) return;
    this.#span.setAttributes(attributes);
    if (hasFailed) {
      const { message } = valueOf(fields['error']) as { message?: unknown };
      this.#span.setStatus({ code: SpanStatusCode.ERROR, message: wellFormed(String(message ?? '')) });
    }
    this.#span.end(this.#isLater ? hrTime(timestampMs) : undefined);
  }

  /** Adds to what is known; lists and attributes grow, the rest is replaced. */
  #set(name: string, value: unknown): void {
    if (value === undefined) return;
    const earlier = this.#fields[name];
    const encoded = this.#encode(`/${name}`, value);
    if (name === 'attributes' && encoded.text === '{}') return;
    this.#fields[name] = earlier === undefined ? encoded : joined(name, earlier, encoded);
  }

  #encode(path: string, value: unknown): EncodedJson {
    return encodeJson(value, path, this.#encoding);
  }

  #captureInput(): unknown {
    const { input } = this.#site.options;
    const args = this.#args;
    if (input !== undefined) return this.#read('input', () => input(...args)) ?? null;
    return args.length === 1 ? (args[0] ?? null) : args;
  }

  #decisionOf(result: unknown): unknown {
    const { decision } = this.#site.options;
    return decision === undefined ? result : this.#read('decision', () => decision(result, ...this.#args));
  }

  /** Asks the callbacks about a result; what the model itself has said already holds. */
  #askAbout(result: unknown): void {
    const fields = this.#fields;
    if (fields['score'] === undefined) this.#set('score', this.#ask('score', isNumber, result));
    this.#set('reasons', this.#ask('reasons', isReasons, result));
    if (fields['alternatives'] === undefined)
      this.#set('alternatives', this.#ask('alternatives', Array.isArray, result));
    if (fields['threshold'] === undefined) this.#set('threshold', this.#ask('threshold', isNumber, result));
  }

  #failWith(error: unknown): void {
    const { threshold } = this.#site.options;
    if (typeof threshold === 'number' && this.#fields['threshold'] === undefined) this.#set('threshold', threshold);
    const { type, message } = describeError(error, (thrown) => fieldText(this.#encode('/error', thrown)));
    const encoded = this.#encode('/error', { type, message });
    if (concealedErrors.has(error as object)) this.#masker.note('/error/message', 'mask');
    const isCut = message.length > ERROR_MESSAGE_CHARS_MAX;
    const masked = valueOf(encoded);
    if (!isCut || !isObject(masked)) {
      this.#fields['error'] = isObject(masked) ? encoded : field({ type: 'Error', message: masked });
      return;
    }
    const said = typeof masked['message'] === 'string' ? masked['message'] : '';
    const isClipped = message.length === ERROR_MESSAGE_CHARS_MAX + ERROR_OVERLAP_CHARS;
    const chars = isClipped ? said.length - ERROR_OVERLAP_CHARS : said.length;
    const kept = said.slice(0, Math.max(0, Math.min(ERROR_MESSAGE_CHARS_MAX, chars))).replace(HALF_AT_END, '');
    this.#fields['error'] = field({ ...masked, message: kept });
  }

  /**
   * The value of an option that is given as it is or by a callback, on the call's arguments, after its result where
   * there is one; `undefined`, and a report, where the callback throws or returns something of the wrong kind.
   */
  #ask<T>(name: keyof DecisionOptions, is: (value: unknown) => value is T, ...result: [] | [unknown]): T | undefined {
    const option = this.#site.options[name] as unknown;
    try {
      const value = typeof option === 'function' ? (option(...result, ...this.#args) as unknown) : option;
      return this.#checked(name, value, is);
    } catch (error) {
      report(`${this.#name}: "${name}" threw, and is left out of the record`, error);
      return undefined;
    }
  }

  #checked<T>(name: string, value: unknown, is: (value: unknown) => value is T): T | undefined {
    const isRight = read(() => value === undefined || is(value));
    if (isRight === true) return value as T | undefined;
    report(`${this.#name}: "${name}" gave no usable value and is left out of the record`, value);
    return undefined;
  }

  #read(name: keyof DecisionOptions, get: () => unknown): unknown {
    try {
      return get();
    } catch (error) {
      report(`${this.#name}: "${name}" threw`, error);
      return unreadable(error);
    }
  }

  get #name(): string {
    return `model "${this.#site.model.name}"`;
  }

  /** Now, and the time since the model was called, to the microsecond. */
  #now(): Made {
    const durationMs = Math.round((performance.now() - this.#startedMs) * 1000) / 1000;
    return { timestampMs: Date.now(), durationMs };
  }
}

/** Errors without what was masked in the rows of a batch. Known by identity: anything can be thrown, and asked nothing. */
const concealedErrors = new WeakSet<object>();

/** The arguments of a call, with nothing in the place of one. */
export function without(args: readonly unknown[], arg: unknown): readonly unknown[] {
  return args.includes(arg) ? args.map((other) => (other === arg ? undefined : other)) : args;
}

/** What was known of a field, and what is added to it. */
function joined(name: string, earlier: EncodedJson, later: EncodedJson): EncodedJson {
  if (name !== 'reasons' && name !== 'attributes') return later;
  const [a, b] = [valueOf(earlier), valueOf(later)];
  const truncated = [...earlier.truncated, ...later.truncated];
  if (Array.isArray(a) && Array.isArray(b)) return { ...encodeJson([...a, ...b], `/${name}`), truncated };
  if (isObject(a) && isObject(b)) return { ...encodeJson({ ...a, ...b }, `/${name}`), truncated };
  return later;
}

/** The type and message of anything that can be thrown; of an object that is no error, its JSON. */
function describeError(error: unknown, json: (thrown: object) => string): { type: string; message: string } {
  const described = read(() => {
    if (!isError(error)) {
      const isObjectLike = (typeof error === 'object' && error !== null) || typeof error === 'function';
      return { type: typeof error, message: isObjectLike ? json(error) : String(error) };
    }
    const type = error.name === 'Error' ? error.constructor.name : error.name;
    return { type: String(type) || 'Error', message: String(error.message) };
  });
  if ('$unreadable' in described) return { type: typeof error, message: '' };
  const { type, message } = described;
  return { type: type.slice(0, 256), message: message.slice(0, ERROR_MESSAGE_CHARS_MAX + ERROR_OVERLAP_CHARS) };
}

function party(id: string | undefined): { id: string } | undefined {
  return id === undefined ? undefined : { id };
}

/** The members that have a value. */
function given<T extends object>(members: T): T {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as T;
}

const isNumber = (value: unknown): value is number => typeof value === 'number';
const isParty = (value: unknown): value is { id: string } => isObject(value) && typeof value['id'] === 'string';

/** What is told of the model, read once; nothing else of it is looked at, for it may be anything of any size. */
function modelPart(told: unknown): object | null {
  if (!isObject(told)) return null;
  const { version, digest, provider } = told as Record<keyof Model, string | undefined>;
  return { version, digest, provider };
}

const isModelPart = (value: unknown): value is Partial<Omit<Model, 'name'>> =>
  isObject(value) && !('$unreadable' in value) && Object.values(given(value)).every(isName);

/** A list of reasons, of a length that a person can read. */
function isReasons(value: unknown): value is Reason[] {
  if (!Array.isArray(value)) return false;
  const { length } = value;
  if (!(length <= REASONS_MAX)) return false;
  for (let index = 0; index < length; index++) {
    const reason: unknown = value[index];
    if (!isObject(reason) || typeof reason['code'] !== 'string') return false;
  }
  return true;
}
