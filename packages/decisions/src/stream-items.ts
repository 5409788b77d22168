import { context } from '@opentelemetry/api';
import type { Call, DecisionSite } from './decision.js';
import { afterwards } from './delivery.js';
import { read } from './forms.js';
import type { ListEncoder } from './json.js';
import type { DecisionOptions } from './options.js';
import type { Stream } from './record.js';
import type { StreamObserver } from './streams/observe.js';
import { report } from './telemetry.js';

/** Items of a stream that callbacks get at most; where no callback wants them, only their JSON is kept. */
const ITEMS_MAX = 10_000;

const CALLBACKS = ['decision', 'score', 'threshold', 'reasons', 'alternatives'] as const;

/** Collects what a stream yields, and makes a decision of it when the stream has ended. Nothing of it throws. */
export class StreamCollector implements StreamObserver {
  readonly #site: DecisionSite;
  readonly #call: Call;
  readonly #args: readonly unknown[];
  readonly #kept: unknown[] | undefined;
  #list: ListEncoder | undefined;
  #items = 0;
  #isOver = false;

  constructor(site: DecisionSite, call: Call, args: readonly unknown[]) {
    this.#site = site;
    this.#call = call;
    this.#args = args;
    this.#kept = wantsItems(site.options) ? [] : undefined;
  }

  /** Steps are the user's code, and run in the decision's context. */
  run<T>(step: () => T): T {
    return context.with(this.#call.context, step);
  }

  item(value: unknown): void {
    if (this.#isOver) return;
    const index = this.#items++;
    if (this.#kept !== undefined && index < ITEMS_MAX) this.#kept.push(value);
    if (index === 0) this.#list = this.#call.listEncoder();
    this.#list?.add(value, index);
  }

  end(how: Exclude<Stream['ended'], 'aborted'>, value?: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const signal = how === 'completed' ? undefined : abortedSignal(this.#args);
    const isAborted = signal !== undefined || (how === 'failed' && nameOf(value) === 'AbortError');
    const stream: Stream = { items: this.#items, ended: isAborted ? 'aborted' : how };
    if ((how === 'completed' || how === 'returned') && value !== undefined) stream.returned = value;
    if (this.#kept !== undefined && this.#items > ITEMS_MAX) {
      report(`model "${this.#site.model.name}": callbacks get the first ${ITEMS_MAX} items of ${this.#items}`);
    }
    this.#call.end({
      stream,
      items: Object.assign(this.#kept ?? [], how === 'completed' && value !== undefined ? { returned: value } : {}),
      list: this.#items === 0 ? this.#call.listEncoder() : this.#list,
      ...(how === 'failed' && { error: { value } }),
      ...(how !== 'failed' && signal !== undefined && { error: { value: read(() => signal.reason as unknown) } }),
    });
    // The consumer has the items already.
    afterwards(this.#call.hold);
  }
}

function wantsItems(options: DecisionOptions): boolean {
  return Boolean(options.batch) || CALLBACKS.some((name) => typeof options[name] === 'function');
}

/** The signal that the call was given, as an argument or as a member of one, if it has fired. */
function abortedSignal(args: readonly unknown[]): AbortSignal | undefined {
  for (const arg of args) {
    const signal = read(() => (arg instanceof AbortSignal ? arg : (arg as { signal?: unknown } | undefined)?.signal));
    if (signal instanceof AbortSignal && signal.aborted) return signal;
  }
  return undefined;
}

function nameOf(error: unknown): unknown {
  return read(() => (error as { name?: unknown } | undefined)?.name);
}
