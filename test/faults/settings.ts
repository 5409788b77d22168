/** What the harness tells an application, and what the application tells the harness. */

export type Pipeline = 'stock' | 'durable';
export const PIPELINES: readonly Pipeline[] = ['stock', 'durable'];

/** How the process of an application ends once all decisions are made. */
export type Ending =
  /** It waits for {@link Finish}, flushes, shuts down and ends. */
  | 'told'
  /** It does nothing more: it ends when its event loop is empty. */
  | 'itself'
  | 'process.exit'
  | 'uncaught exception';

export interface SpoolLimits {
  readonly bytesMax?: number;
  readonly freeBytesMin?: number;
  readonly segmentBytesMax?: number;
  readonly whenFull?: 'refuse' | 'block' | 'drop-oldest';
}

/** The one argument of `app.ts`, as JSON. */
export interface Settings {
  readonly pipeline: Pipeline;
  /** Base URL of OTLP/HTTP. */
  readonly endpoint: string;
  /** Of the spool. */
  readonly directory: string;
  readonly spool: SpoolLimits;
  /** File to which the 16 bytes of each id are appended whose `predict` has returned. */
  readonly returnedFile: string;
  /** Decisions to make; 0 only delivers what earlier processes have left. */
  readonly decisions: number;
  /** `undefined`: in one synchronous burst. */
  readonly ratePerS?: number | undefined;
  readonly isAsync: boolean;
  readonly delivery: 'durable' | 'required';
  /** Whether each decision has a span as well. */
  readonly spans: boolean;
  /** Every so many decisions, one is about something that can hardly be recorded, and such a log record is emitted beside it. */
  readonly poisonEvery?: number | undefined;
  /** Decisions that nothing keeps, made before memory is first measured: a young process grows whatever it does. */
  readonly warmUpDecisions: number;
  readonly ending: Ending;
  /** Of one request. */
  readonly timeoutMs: number;
  /** Of the flush at the end. */
  readonly flushTimeoutMs: number;
}

/** From the harness: deliver, and end. */
export interface Finish {
  readonly type: 'finish';
}

/** What the durable pipeline says of its log records. */
export interface Account {
  readonly emitted: number;
  readonly acknowledged: number;
  readonly spooled: number;
  readonly deadLettered: number;
  readonly refused: number;
}

export type Report =
  /** The first decision comes next. */
  | { readonly type: 'begun' }
  | { readonly type: 'progress'; readonly made: number }
  /** For the first time a decision was refused, or has waited for long: there is no room. */
  | { readonly type: 'no-room' }
  /** All decisions are made. */
  | { readonly type: 'made'; readonly refused: number; readonly seconds: number }
  | {
      readonly type: 'flushed';
      /** Whether the pipeline says that everything was delivered; the stock one never says. */
      readonly delivered?: boolean | undefined;
      readonly account?: Account | undefined;
      /** What was wrong with the account, at any time. */
      readonly imbalance?: string | undefined;
      readonly rssGrowthBytes: number;
      /** Of the event loop, after the decisions were made. */
      readonly loopDelayMaxMs: number;
    };
