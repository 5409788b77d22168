import { dirname } from 'node:path';

import { SpoolError } from '../errors.js';
import { errorCode, spoolError } from './files.js';
import type { Files } from './files.js';
import { encodeCursorSlot, parseCursorSlot, SLOT_BYTES } from './format.js';
import type { CursorSlot, Position } from './format.js';

/**
 * How far one signal of a stream has been acknowledged, in a file of two slots that are written in turn: the one that is torn by a
 * power cut leaves the other.
 */
export class Cursor {
  readonly #path: string;
  readonly #files: Files;
  #fd: number | undefined;
  #slot: CursorSlot | undefined;
  /** The position that a sync has covered. */
  #stable: Position | undefined;
  /** The directory's entry of the file may not outlive a power cut. */
  #entryChanged = true;

  /** Reads the file; one that is not there, or has no good slot, is a cursor at the beginning. Throws a `SpoolError` of code `IO`. */
  constructor(path: string, files: Files) {
    this.#path = path;
    this.#files = files;
    try {
      const bytes = files.readSmall(path);
      this.#slot = bytes === undefined ? undefined : newerSlot(bytes);
    } catch (error) {
      throw spoolError(error, `cannot read ${path}`);
    }
  }

  /** The first frame that is not acknowledged; `undefined` at the beginning of the stream. */
  get position(): Position | undefined {
    return this.#slot;
  }

  /** The position that outlives a power cut: what is before it may be deleted. */
  get stable(): Position | undefined {
    return this.#stable;
  }

  /** Moves on; outlives the process. Throws a `SpoolError` of code `IO` or `NO_SPACE`, and has not moved then. */
  move(to: Position): void {
    const generation = (this.#slot?.generation ?? 0) + 1;
    const slot = { generation, segment: to.segment, offset: to.offset, sequence: to.sequence };
    try {
      this.#fd ??= this.#open();
      this.#files.write(this.#fd, encodeCursorSlot(slot), (generation % 2) * SLOT_BYTES);
    } catch (error) {
      throw spoolError(error, `cannot write ${this.#path}`);
    }
    this.#slot = slot;
  }

  #open(): number {
    try {
      return this.#files.create(this.#path);
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error;
      return this.#files.open(this.#path, 'r+');
    }
  }

  /**
   * Takes up the space that it will need, while there is some: on a full disk delivery could not be noted, and so nothing of what was
   * delivered be deleted. Where that fails, it is tried again when it moves.
   */
  reserve(): void {
    if (this.#fd !== undefined || this.#slot !== undefined) return;
    try {
      this.#fd = this.#open();
      this.#files.write(this.#fd, Buffer.alloc(2 * SLOT_BYTES), 0);
    } catch (error) {
      if (errorCode(error) === '') throw error;
    }
  }

  /** Puts the position on stable storage. Throws a `SpoolError` of code `IO` or `NO_SPACE`. */
  async sync(): Promise<void> {
    const slot = this.#slot;
    if (slot === undefined || slot === this.#stable) return;
    try {
      this.#fd ??= this.#open();
      await this.#files.sync(this.#fd);
      if (this.#entryChanged) await this.#files.syncDirectory(dirname(this.#path));
      this.#entryChanged = false;
    } catch (error) {
      this.#abandon();
      throw spoolError(error, `cannot put ${this.#path} on stable storage`);
    }
    this.#stable = slot;
  }

  /** A descriptor on which a sync has failed says that all is well from then on. */
  #abandon(): void {
    this.close();
    const slot = this.#slot;
    if (slot === undefined) return;
    try {
      // Written again, since the pages of the failed sync count as clean and are never written by themselves.
      this.move(slot);
    } catch (error) {
      if (!(error instanceof SpoolError)) throw error;
    }
  }

  close(): void {
    if (this.#fd !== undefined) this.#files.close(this.#fd);
    this.#fd = undefined;
  }
}

function newerSlot(bytes: Buffer): CursorSlot | undefined {
  const first = parseCursorSlot(bytes.subarray(0, SLOT_BYTES));
  const second = parseCursorSlot(bytes.subarray(SLOT_BYTES, 2 * SLOT_BYTES));
  if (first === undefined || second === undefined) return first ?? second;
  return first.generation > second.generation ? first : second;
}
