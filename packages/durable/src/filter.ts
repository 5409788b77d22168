import { conventions } from '@decision-trail/decisions';
import { SpoolError } from './errors.js';

/** Whether spans and log records of a scope are those of decisions. */
export function isDecisionScope(scope: { readonly name: string } | undefined): boolean {
  return scope?.name === conventions.SCOPE_NAME;
}

/** @throws SpoolError `INVALID_OPTIONS` for an option that a processor does not have, or a value that is none of those. */
export function checkProcessorOptions(
  options: object,
  known: Readonly<Record<string, readonly unknown[] | undefined>>,
): void {
  const isPlain = Object.getPrototypeOf(options) === Object.prototype;
  const unknown = isPlain ? Object.keys(options).find((name) => !Object.hasOwn(known, name)) : options.constructor.name;
  if (unknown !== undefined) {
    const names = Object.keys(known).join(', ');
    throw new SpoolError('INVALID_OPTIONS', `a durable processor takes an object with ${names}, not "${unknown}"`);
  }
  for (const [name, value] of Object.entries(options)) {
    const values = known[name];
    if (value === undefined || values === undefined || values.includes(value)) continue;
    throw new SpoolError('INVALID_OPTIONS', `a durable processor expects "${name}" to be one of ${values.join(', ')}`);
  }
}

interface LogRecordProcessor {
  onEmit(record: never, context?: never): void;
  forceFlush(): Promise<void>;
  shutdown(): Promise<void>;
}

interface SpanProcessor {
  onStart(span: never, parent: never): void;
  onEnd(span: never): void;
  forceFlush(): Promise<void>;
  shutdown(): Promise<void>;
}

/**
 * A processor of your own that gets everything but decisions, for use beside a durable one: so that nothing is delivered twice.
 *
 * ```ts
 * logRecordProcessors: [new DurableLogRecordProcessor(), withoutDecisions(new BatchLogRecordProcessor({ exporter }))];
 * ```
 *
 * @param processor For log records, or for spans.
 */
export function withoutDecisions<P extends LogRecordProcessor | SpanProcessor>(processor: P): P {
  const passes = (item: unknown): boolean =>
    !isDecisionScope((item as { instrumentationScope?: { name: string } }).instrumentationScope);
  return new Proxy(processor, {
    get(target, name) {
      const value = Reflect.get(target, name, target) as unknown;
      if (typeof value !== 'function') return value;
      const isHook = name === 'onEmit' || name === 'onStart' || name === 'onEnd';
      return (...args: unknown[]): unknown => {
        if (isHook && !passes(args[0])) return undefined;
        return Reflect.apply(value, target, args) as unknown;
      };
    },
  });
}
