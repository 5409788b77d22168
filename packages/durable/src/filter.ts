import { conventions } from '@decision-trail/decisions';

/** Whether spans and log records of a scope are those of decisions. */
export function isDecisionScope(scope: { readonly name: string } | undefined): boolean {
  return scope?.name === conventions.SCOPE_NAME;
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
