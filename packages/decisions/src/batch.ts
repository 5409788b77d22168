import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { Context, Span } from '@opentelemetry/api';
import { ATTR_DECISION_BATCH_ID, ATTR_DECISION_MODEL_NAME } from './conventions.js';
import { rememberedAround, withCurrent } from './current.js';
import { holdOf } from './delivery.js';
import type { Hold } from './delivery.js';
import { Decision, without } from './decision.js';
import type { Call, DecisionSite, StreamedItems } from './decision.js';
import type { BatchParts, DecisionDetails } from './options.js';
import { Remembered } from './redact/remembered.js';
import { report } from './telemetry.js';
import type { Telemetry } from './telemetry.js';
import { uuidv7 } from './uuid.js';

/** Told in the record of a row where rows and decisions do not pair off. */
class BatchLengthMismatch extends Error {
  override readonly name = 'BatchLengthMismatch';
}

/**
 * One call that decides about several rows: each becomes a decision with a record and a span of its own, under one span
 * for the call, which is no decision.
 */
export class BatchCall implements Call {
  readonly id: string = uuidv7();
  readonly context: Context;
  readonly remembered: Remembered;
  readonly #site: DecisionSite;
  readonly #telemetry: Telemetry;
  #args: readonly unknown[];
  readonly #span: Span | undefined;
  /** Where the rows' spans belong. */
  readonly #parent: Context;
  readonly #startedMs = performance.now();
  readonly #rows: Decision[];

  constructor(site: DecisionSite, telemetry: Telemetry, args: readonly unknown[], rows: ArrayLike<unknown>) {
    this.#site = site;
    this.#telemetry = telemetry;
    this.#args = args;
    const outer = context.active();
    const { model, options } = site;
    if (options.span !== false) {
      const attributes = { [ATTR_DECISION_BATCH_ID]: this.id, [ATTR_DECISION_MODEL_NAME]: model.name };
      const name = `decision batch ${model.name}`;
      this.#span = telemetry.tracer?.startSpan(name, { kind: SpanKind.INTERNAL, attributes }, outer);
    }
    this.#parent = this.#span === undefined ? outer : trace.setSpan(outer, this.#span);
    this.remembered = new Remembered(rememberedAround(outer));
    this.context = withCurrent(this.#parent, this);
    this.#rows = Array.from(rows, (row, index) => this.#decision([row, ...args.slice(1)], index, rows.length));
  }

  get hold(): Hold | undefined {
    return holdOf(this.#rows.map(({ hold }) => hold));
  }

  update(details: DecisionDetails): void {
    for (const row of this.#rows) row.update(details);
  }

  succeed(result: unknown): void {
    this.#decide(result);
    this.#span?.end();
  }

  #decide(result: unknown): void {
    const decisions = decisionsOf(this.#site, result, this.#args);
    const size = this.#rows.length;
    if (decisions.length === size) return this.#rows.forEach((row, index) => row.succeed(decisions[index]));

    // Which decision belongs to which row is in doubt now, and each record says so.
    const message = `${size} rows, ${decisions.length} decisions`;
    report(`model "${this.#site.model.name}": a batch of ${message}`);
    for (let index = 0; index < Math.max(size, decisions.length); index++) {
      const row = (this.#rows[index] ??= this.#decision([null, ...this.#args.slice(1)], index, size));
      row.mismatch(decisions.length);
      if (index < decisions.length) row.succeed(decisions[index]);
      else row.fail(new BatchLengthMismatch(message));
    }
  }

  fail(error: unknown): void {
    // It may quote any of the rows, and each record knows what was masked in its own.
    const concealed = this.#rows.reduce((told, row) => row.conceal(told), error);
    for (const row of this.#rows) row.fail(concealed);
    this.#span?.setStatus({ code: SpanStatusCode.ERROR });
    this.#span?.end();
  }

  end({ stream, items, error }: StreamedItems): void {
    if (error !== undefined) this.fail(error.value);
    else if (stream.ended === 'completed') this.succeed(items);
    else {
      this.#rows.forEach((row, index) => this.#endRow(row, stream, items.slice(index, index + 1)));
      this.#span?.end();
    }
  }

  /** The row of a stream that nobody read to its end: decided about, if the stream had got to it. */
  #endRow(row: Decision, stream: StreamedItems['stream'], decisions: readonly unknown[]): void {
    if (decisions.length > 0) row.succeed(decisions[0]);
    else row.end({ stream: { ...stream, items: 0 }, items: [], list: undefined });
  }

  forget(result: unknown): void {
    this.#args = without(this.#args, result);
    for (const row of this.#rows) row.forget(result);
  }

  listEncoder(): undefined {
    return undefined;
  }

  #decision(args: readonly unknown[], index: number, size: number): Decision {
    const batch = { id: this.id, index, size };
    const origin = { parent: this.#parent, startedMs: this.#startedMs, batch, around: this.remembered };
    return new Decision(this.#site, this.#telemetry, args, origin);
  }
}

/** The rows that a call decides about; `undefined` where it is no batch. */
export function rowsOf(site: DecisionSite, args: readonly unknown[]): ArrayLike<unknown> | undefined {
  const { batch } = site.options;
  if (batch === undefined || batch === false) return undefined;
  const rows = batch === true ? args[0] : attempt(site, () => (batch as BatchParts<any, any>).rows(...args));
  if (isList(rows)) return rows.length === 0 ? undefined : rows;
  report(`model "${site.model.name}": "batch" found no list of rows; the call is recorded as one decision`);
  return undefined;
}

function decisionsOf(site: DecisionSite, result: unknown, args: readonly unknown[]): ArrayLike<unknown> {
  const { batch } = site.options;
  const parts = batch as BatchParts<any, any>;
  const decisions = batch === true ? result : attempt(site, () => parts.decisions(result, ...args));
  return isList(decisions) ? decisions : [];
}

function attempt(site: DecisionSite, get: () => unknown): unknown {
  try {
    return get();
  } catch (error) {
    report(`model "${site.model.name}": "batch" threw`, error);
    return undefined;
  }
}

function isList(value: unknown): value is ArrayLike<unknown> {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));
}
