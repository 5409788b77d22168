import type { Frame } from '../spool/frame.js';
import type { Note } from './queue.js';

/** Server errors in a row before a part is split, and before a single frame is given up or put behind the others. */
const SERVER_ERRORS_MAX = 3;

/**
 * Refusals in a row before a single frame is given up. A receiver that refuses one request in ten for no reason of the
 * record's then takes one record in 100,000 out of the stream, and of those that were sent in company practically none.
 */
const REFUSALS_MAX = 5;

/** What follows from an answer. */
export type Step =
  /** Send the current part, which may be another one now, at once. */
  | { readonly then: 'go-on' }
  /** Send the current part after a pause. */
  | { readonly then: 'pause' }
  /** After a pause, begin again with all that waits by then: only in company can be told who is to blame. */
  | { readonly then: 'begin-again' }
  /** Bury the current part, then say `settled`. */
  | { readonly then: 'bury'; readonly reason: Note['reason'] };

interface Part {
  /** Places of its frames in the batch. */
  readonly places: readonly number[];
  refusals: number;
  serverErrors: number;
  /** Frames of the batch that had been accepted when the receiver began to fail over these. */
  acceptedBefore?: number;
  /** Whether it was put behind the others. */
  putBack: boolean;
}

const GO_ON: Step = { then: 'go-on' };
const PAUSE: Step = { then: 'pause' };

/**
 * A batch on its way, in the parts that it had to be split into. Decides what follows from each answer; sends nothing
 * itself. Order is that of the batch, but for single frames over which the server fails: they wait behind the others.
 */
export class Parts {
  readonly #frames: readonly Frame[];
  readonly #parts: Part[];
  readonly #done: Map<number, Frame>;
  #accepted = 0;
  #untouched = true;

  /** @param done frames of the batch, by place, that an earlier attempt has settled. */
  constructor(frames: readonly Frame[], done: ReadonlyMap<number, Frame> = new Map()) {
    this.#frames = frames;
    this.#done = new Map(done);
    const places = [...frames.keys()].filter((place) => !this.#done.has(place));
    this.#parts = places.length === 0 ? [] : [part(places)];
  }

  /** What to send next; `undefined` where every frame was accepted or buried. */
  get current(): readonly Frame[] | undefined {
    return this.#parts[0]?.places.flatMap((place) => this.#frames[place] ?? []);
  }

  /** Frames that were accepted or buried, by place. */
  get done(): ReadonlyMap<number, Frame> {
    return this.#done;
  }

  /** Whether nothing was settled or learnt yet, so that beginning again costs nothing. */
  get untouched(): boolean {
    return this.#untouched;
  }

  /** The current part was accepted. */
  accepted(): void {
    this.#accepted += this.#parts[0]?.places.length ?? 0;
    this.settled();
  }

  /** The current part is done with. */
  settled(): void {
    this.#untouched = false;
    for (const place of this.#parts.shift()?.places ?? []) {
      const frame = this.#frames[place];
      if (frame !== undefined) this.#done.set(place, frame);
    }
  }

  /** The current part is more than the receiver takes at once. */
  tooLarge(): Step {
    return this.#split() ? GO_ON : { then: 'bury', reason: 'too-large' };
  }

  /** The receiver says that something in the current part is not valid. */
  refused(): Step {
    const current = this.#parts[0];
    if (current === undefined || this.#split()) return GO_ON;
    this.#untouched = false;
    current.refusals += 1;
    return current.refusals < REFUSALS_MAX ? GO_ON : { then: 'bury', reason: 'refused' };
  }

  /**
   * The receiver has failed over the current part. A frame is to blame only where the receiver has taken another one of the
   * same batch since it began to fail: a receiver that is broken for all would otherwise bury all.
   */
  serverError(): Step {
    const current = this.#parts[0];
    if (current === undefined) return GO_ON;
    this.#untouched = false;
    current.serverErrors += 1;
    current.acceptedBefore ??= this.#accepted;
    if (current.serverErrors < SERVER_ERRORS_MAX || this.#split()) return PAUSE;
    if (this.#accepted > current.acceptedBefore) return { then: 'bury', reason: 'server-error' };
    current.serverErrors = 0;
    current.putBack = true;
    this.#parts.push(...this.#parts.splice(0, 1));
    return this.#parts.every((part) => part.putBack) ? { then: 'begin-again' } : PAUSE;
  }

  /** Halves the current part, so that the first half is the current one; false where it is a single frame. */
  #split(): boolean {
    const current = this.#parts[0];
    if (current === undefined || current.places.length < 2) return false;
    this.#untouched = false;
    const middle = Math.ceil(current.places.length / 2);
    const halves = [current.places.slice(0, middle), current.places.slice(middle)].map((places) => {
      const half = part(places);
      if (current.acceptedBefore !== undefined) half.acceptedBefore = current.acceptedBefore;
      // What has failed in company often enough is split further at the next failure.
      if (places.length > 1) half.serverErrors = Math.max(0, current.serverErrors - 1);
      return half;
    });
    this.#parts.splice(0, 1, ...halves);
    return true;
  }
}

function part(places: readonly number[]): Part {
  return { places, refusals: 0, serverErrors: 0, putBack: false };
}
