/**
 * The one place from which a spool is written. The order of the system calls is what its guarantees rest on:
 *
 * - **a frame**: `pwrite` at a known place, repeated on short counts; on stable storage after `fdatasync` of its segment, where
 *   before that the directory was synced that has the segment's entry, and the directory that has the stream's.
 * - **a small file that must be there only once** (owner): a temporary file, `write`, `link`, `unlink` of the temporary name.
 * - **a small file that replaces another**: a temporary file, `write`, `rename`.
 * - **a deletion** of what was acknowledged: `pwrite` and `fdatasync` of the cursor, then `unlink`.
 *
 * `fsync` of a file is not asked again on a descriptor on which it has failed: the kernel tells an error once, drops the pages,
 * and says that all is well from then on.
 */
import nodeFs from 'node:fs';
import { dirname } from 'node:path';

import { SpoolError } from '../errors.js';

type Done = (error: NodeJS.ErrnoException | null) => void;

/** What a spool asks of a file system: a part of `node:fs`. */
export interface FileSystem {
  openSync(path: string, flags: string, mode?: number): number;
  closeSync(fd: number): void;
  writeSync(fd: number, buffer: Uint8Array, offset: number, length: number, position: number): number;
  ftruncateSync(fd: number, length: number): void;
  fdatasyncSync(fd: number): void;
  fdatasync(fd: number, done: Done): void;
  fsyncSync(fd: number): void;
  fsync(fd: number, done: Done): void;
  read(
    fd: number,
    buffer: Uint8Array,
    offset: number,
    length: number,
    position: number,
    done: (error: NodeJS.ErrnoException | null, count: number) => void,
  ): void;
  readSync(fd: number, buffer: Uint8Array, offset: number, length: number, position: number): number;
  fstatSync(fd: number): { readonly size: number; readonly nlink: number };
  statSync(path: string): { readonly size: number; readonly mtimeMs: number };
  readdirSync(path: string): string[];
  mkdirSync(path: string, options: { readonly recursive: boolean; readonly mode: number }): string | undefined;
  rmdirSync(path: string): void;
  linkSync(from: string, to: string): void;
  renameSync(from: string, to: string): void;
  unlinkSync(path: string): void;
  utimesSync(path: string, atime: Date, mtime: Date): void;
}

/** Bytes of a small file at most. */
const SMALL_FILE_BYTES_MAX = 64 * 1024;

/** The code of a system error, such as `ENOENT`. */
export function errorCode(error: unknown): string {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return typeof code === 'string' ? code : '';
}

/** A system error as one of ours: `NO_SPACE` where a disk or a quota is full, else `IO`. */
export function spoolError(error: unknown, what: string): SpoolError {
  if (error instanceof SpoolError) return error;
  const code = errorCode(error);
  const full = code === 'ENOSPC' || code === 'EDQUOT';
  return new SpoolError(full ? 'NO_SPACE' : 'IO', `${what}: ${code === '' ? 'failed' : code}`, { cause: error });
}

/** Reads and writes the files of spools. Its methods throw system errors as they are. */
export class Files {
  readonly #fs: FileSystem;

  constructor(fs: FileSystem = nodeFs) {
    this.#fs = fs;
  }

  /**
   * Makes a directory and those above it, for its owner alone.
   *
   * @returns the directories that have new entries, which are to be synced.
   */
  makeDirectories(path: string): string[] {
    const first = this.#fs.mkdirSync(path, { recursive: true, mode: 0o700 });
    const changed: string[] = [];
    if (first === undefined) return changed;
    for (let made = path; made.length >= first.length; made = dirname(made)) changed.push(dirname(made));
    return changed;
  }

  /** Makes one directory; fails where it is there. */
  makeDirectory(path: string): void {
    this.#fs.mkdirSync(path, { recursive: false, mode: 0o700 });
  }

  /** Removes a directory; false where it is not empty or not there. */
  removeDirectory(path: string): boolean {
    return this.#succeeds(() => this.#fs.rmdirSync(path));
  }

  /** Opens a file that is not there yet. */
  create(path: string): number {
    return this.#fs.openSync(path, 'wx', 0o600);
  }

  /** Opens a file that is there; `r+` where it is to be written. */
  open(path: string, flags: 'r' | 'r+'): number {
    return this.#fs.openSync(path, flags);
  }

  close(fd: number): void {
    this.#fs.closeSync(fd);
  }

  /** Writes all bytes at a place: the first write on a full disk tells of fewer than asked, without an error. */
  write(fd: number, bytes: Uint8Array, position: number): void {
    let done = this.#fs.writeSync(fd, bytes, 0, bytes.length, position);
    while (done < bytes.length) {
      const count = this.#fs.writeSync(fd, bytes, done, bytes.length - done, position + done);
      if (count === 0) throw new SpoolError('NO_SPACE', 'a write has taken no bytes');
      done += count;
    }
  }

  /** Cuts off what a failed write left behind; false where that fails too. */
  truncate(fd: number, length: number): boolean {
    return this.#succeeds(() => this.#fs.ftruncateSync(fd, length));
  }

  syncSync(fd: number): void {
    this.#fs.fdatasyncSync(fd);
  }

  sync(fd: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#fs.fdatasync(fd, (error) => (error === null ? resolve() : reject(error)));
    });
  }

  /** Makes the entries of a directory stable. */
  syncDirectorySync(path: string): void {
    const fd = this.#openDirectory(path);
    if (fd === undefined) return;
    try {
      this.#fs.fsyncSync(fd);
    } catch (error) {
      if (!isUnsupported(error)) throw error;
    } finally {
      this.#fs.closeSync(fd);
    }
  }

  /** Makes the entries of a directory stable. */
  async syncDirectory(path: string): Promise<void> {
    const fd = this.#openDirectory(path);
    if (fd === undefined) return;
    try {
      await new Promise<void>((resolve, reject) => {
        this.#fs.fsync(fd, (error) => (error === null || isUnsupported(error) ? resolve() : reject(error)));
      });
    } finally {
      this.#fs.closeSync(fd);
    }
  }

  /** Windows does not open directories, and syncs their entries by itself. */
  #openDirectory(path: string): number | undefined {
    return process.platform === 'win32' ? undefined : this.#fs.openSync(path, 'r');
  }

  /** Reads up to as many bytes as fit, less only at the end of the file. */
  async read(fd: number, into: Buffer, position: number): Promise<number> {
    let done = 0;
    while (done < into.length) {
      const from = done;
      const count = await new Promise<number>((resolve, reject) => {
        this.#fs.read(fd, into, from, into.length - from, position + from, (error, count) =>
          error === null ? resolve(count) : reject(error),
        );
      });
      if (count === 0) break;
      done += count;
    }
    return done;
  }

  /** Reads up to as many bytes as fit, less only at the end of the file. */
  readSync(fd: number, into: Buffer, position: number): number {
    let done = 0;
    while (done < into.length) {
      const count = this.#fs.readSync(fd, into, done, into.length - done, position + done);
      if (count === 0) break;
      done += count;
    }
    return done;
  }

  size(fd: number): number {
    return this.#fs.fstatSync(fd).size;
  }

  /** Whether an open file still has a name. */
  isLinked(fd: number): boolean {
    return this.#fs.fstatSync(fd).nlink > 0;
  }

  /** Size and time of the last change of a file; `undefined` where it is not there. */
  stat(path: string): { readonly size: number; readonly mtimeMs: number } | undefined {
    return this.#orMissing(() => this.#fs.statSync(path));
  }

  /** The names in a directory, in order; none where it is not there or is a file. */
  list(path: string): string[] {
    return (this.#orMissing(() => this.#fs.readdirSync(path)) ?? []).sort();
  }

  /** The beginning of a small file; `undefined` where it is not there. */
  readSmall(path: string): Buffer | undefined {
    const fd = this.#orMissing(() => this.#fs.openSync(path, 'r'));
    if (fd === undefined) return undefined;
    try {
      const bytes = Buffer.alloc(Math.min(SMALL_FILE_BYTES_MAX, this.#fs.fstatSync(fd).size));
      return bytes.subarray(0, this.readSync(fd, bytes, 0));
    } finally {
      this.#fs.closeSync(fd);
    }
  }

  /**
   * Makes a file with all its bytes at once; false where it is there already.
   *
   * @param temporary a name in the same directory that nobody else uses.
   */
  createWhole(path: string, temporary: string, bytes: Uint8Array): boolean {
    this.#writeNew(temporary, bytes);
    try {
      this.#fs.linkSync(temporary, path);
      return true;
    } catch (error) {
      if (errorCode(error) === 'EEXIST') return false;
      if (!isUnsupported(error)) throw error;
      return this.#createWithoutLink(path, bytes);
    } finally {
      this.remove(temporary);
    }
  }

  /** For file systems without links. Who reads the file in between finds it empty, and waits until it is old. */
  #createWithoutLink(path: string, bytes: Uint8Array): boolean {
    try {
      this.#writeNew(path, bytes);
      return true;
    } catch (error) {
      if (errorCode(error) === 'EEXIST') return false;
      throw error;
    }
  }

  /** Replaces a file, or makes it, with all its bytes at once. */
  replaceWhole(path: string, temporary: string, bytes: Uint8Array): void {
    this.#writeNew(temporary, bytes);
    try {
      this.#fs.renameSync(temporary, path);
    } catch (error) {
      this.remove(temporary);
      throw error;
    }
  }

  #writeNew(path: string, bytes: Uint8Array): void {
    const fd = this.create(path);
    try {
      this.write(fd, bytes, 0);
    } catch (error) {
      this.remove(path);
      throw error;
    } finally {
      this.#fs.closeSync(fd);
    }
  }

  /** Gives a file a second name, unless there is such a file; false where the file system has no links, or the file is not there. */
  link(from: string, to: string): boolean {
    try {
      this.#fs.linkSync(from, to);
      return true;
    } catch (error) {
      return errorCode(error) === 'EEXIST';
    }
  }

  rename(from: string, to: string): void {
    this.#fs.renameSync(from, to);
  }

  /** Removes a file; false where it is not there, or cannot be removed. */
  remove(path: string): boolean {
    return this.#succeeds(() => this.#fs.unlinkSync(path));
  }

  /** Sets the time of the last change of a file to `nowMs`; false where it is not there. */
  touch(path: string, nowMs: number): boolean {
    const time = new Date(nowMs);
    return this.#succeeds(() => this.#fs.utimesSync(path, time, time));
  }

  #orMissing<T>(read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      const code = errorCode(error);
      if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
      throw error;
    }
  }

  #succeeds(work: () => void): boolean {
    try {
      work();
      return true;
    } catch (error) {
      if (errorCode(error) === '') throw error;
      return false;
    }
  }
}

/** Whether a file system says that it does not know an operation, rather than that it failed. */
function isUnsupported(error: unknown): boolean {
  return ['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EPERM'].includes(errorCode(error));
}
