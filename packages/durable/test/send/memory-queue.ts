import type { Batch, DeliveryQueue, Note } from '../../src/send/queue.ts';
import type { Frame } from '../../src/spool/frame.ts';

/** What a queue can be told to fail at. */
export type QueueAct = 'next' | 'acknowledge' | 'bury';

/** A queue in memory that does what the contract says, and fails where a test says so. */
export class MemoryQueue implements DeliveryQueue {
  readonly #frames: Frame[];
  readonly buried: { readonly frames: readonly Frame[]; readonly note: Note }[] = [];
  readonly acts: QueueAct[] = [];
  /** How often each act fails from now on. */
  readonly failures: Record<QueueAct, number> = { next: 0, acknowledge: 0, bury: 0 };
  /** Sizes of the batches that were acknowledged. */
  readonly acknowledged: number[] = [];

  constructor(frames: readonly Frame[] = []) {
    this.#frames = [...frames];
  }

  get waiting(): number {
    return this.#frames.length;
  }

  append(...frames: readonly Frame[]): void {
    this.#frames.push(...frames);
  }

  /** As a full spool does whose policy is to drop the oldest. */
  dropOldest(count: number): void {
    this.#frames.splice(0, count);
  }

  async next({ framesMax, bytesMax }: { framesMax: number; bytesMax: number }): Promise<Batch | undefined> {
    this.#may('next');
    let bytes = 0;
    const frames: Frame[] = [];
    for (const frame of this.#frames.slice(0, framesMax)) {
      bytes += frame.payload.length;
      if (bytes > bytesMax && frames.length > 0) break;
      frames.push(frame);
    }
    return frames.length === 0 ? undefined : { frames };
  }

  async acknowledge({ frames }: Batch): Promise<void> {
    this.#may('acknowledge');
    if (frames.some((frame, index) => this.#frames[index] !== frame)) throw new Error('not the head of the queue');
    this.#frames.splice(0, frames.length);
    this.acknowledged.push(frames.length);
  }

  async bury(frames: readonly Frame[], note: Note): Promise<void> {
    this.#may('bury');
    this.buried.push({ frames, note });
  }

  #may(act: QueueAct): void {
    this.acts.push(act);
    if (this.failures[act] === 0) return;
    this.failures[act] -= 1;
    throw Object.assign(new Error('input/output error'), { code: 'EIO' });
  }
}
