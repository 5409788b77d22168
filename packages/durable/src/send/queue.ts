import type { Frame } from '../spool/frame.js';

/** Frames to be sent in one request, in the order of the stream. */
export interface Batch {
  /** At least one, all of the queue's kind. */
  readonly frames: readonly Frame[];
}

/** Why frames were given up. */
export interface Note {
  /** Unix milliseconds. */
  readonly at: number;
  readonly signal: 'logs' | 'traces';
  /** One of a few fixed words. */
  readonly reason: 'refused' | 'too-large' | 'partial-success' | 'server-error';
  /** HTTP status. */
  readonly status?: number;
  /** What the Collector said, 1,024 characters at most. */
  readonly message?: string;
}

/** What waits for delivery, of one stream and one signal. */
export interface DeliveryQueue {
  /**
   * The frames behind the last acknowledged ones, the same again until they are acknowledged: as many as fit, and at least
   * one. `undefined` where nothing waits.
   */
  next(limits: { readonly framesMax: number; readonly bytesMax: number }): Promise<Batch | undefined>;
  /** Forgets a batch, which the Collector has or which is in the dead letters. */
  acknowledge(batch: Batch): Promise<void>;
  /** Keeps frames that the Collector does not take, on stable storage, before they are acknowledged. */
  bury(frames: readonly Frame[], note: Note): Promise<void>;
}
