/**
 * A file system in memory that can go down at any system call, and then has what the disk may have: what was not synced is there or
 * not, page by page and entry by entry, or torn. It is harder than real ones, which keep some order.
 */
import type { FileSystem } from '../../src/spool/files.ts';

/** Smaller than real pages, so that small segments have several. */
const PAGE_BYTES = 128;

interface Inode {
  readonly directory: boolean;
  data: Buffer;
  /** What is on the disk, whatever happens. */
  stableData: Buffer;
  entries: Map<string, Inode>;
  stableEntries: Map<string, Inode>;
  /** Counts writes, and those that are stable. */
  version: number;
  stableVersion: number;
  /** Pages whose write-back failed: clean for the cache, and not on the disk unless they are written again. */
  readonly dropped: Set<number>;
  /** Counts failed write-backs. */
  failures: number;
  mtimeMs: number;
}

interface OpenFile {
  readonly inode: Inode;
  /** Failures that this open file was told of. */
  told: number;
}

/** A system call that is about to happen. */
export interface Call {
  readonly name: string;
  readonly path: string;
  readonly index: number;
}

/** What happens instead: an error, or a write of so many bytes only, with or without an error. */
export interface Fault {
  readonly code?: string;
  readonly bytes?: number;
}

export type Random = () => number;

/** A generator of numbers from 0 to 1, by xorshift. */
export function randomFrom(seed: number): Random {
  let state = (seed ^ 0x9e3779b9) | 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** Thrown by every call after the machine went down. */
export class Down extends Error {
  override readonly name = 'Down';
}

function systemError(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(code), { code });
}

function newInode(directory: boolean): Inode {
  const entries = new Map<string, Inode>();
  return {
    directory,
    data: Buffer.alloc(0),
    stableData: Buffer.alloc(0),
    entries,
    stableEntries: new Map<string, Inode>(),
    version: 0,
    stableVersion: 0,
    dropped: new Set<number>(),
    failures: 0,
    mtimeMs: 0,
  };
}

export class FakeFileSystem implements FileSystem {
  /** The call at which the machine goes down. */
  downAt = Infinity;
  calls = 0;
  down = false;
  fault: ((call: Call) => Fault | undefined) | undefined;
  /** Bytes that fit on the disk. */
  capacity = Infinity;
  readonly random: Random;
  readonly #root: Inode;
  readonly #open = new Map<number, OpenFile>();
  readonly #unfinished: (() => void)[] = [];
  #nextFd = 3;

  constructor(random: Random, root: Inode = newInode(true)) {
    this.random = random;
    this.#root = root;
  }

  get openFiles(): number {
    return this.#open.size;
  }

  /** Ends the oldest call that is under way in the thread pool; false where there is none. */
  settle(): boolean {
    const next = this.#unfinished.shift();
    next?.();
    return next !== undefined;
  }

  /** What is there for the next process after this one was killed. */
  afterKill(): FakeFileSystem {
    return new FakeFileSystem(this.random, this.#root);
  }

  /** What is there after a power cut. */
  afterPowerCut(): FakeFileSystem {
    return new FakeFileSystem(this.random, this.#survivor(this.#root, new Map()));
  }

  #survivor(inode: Inode, done: Map<Inode, Inode>): Inode {
    const known = done.get(inode);
    if (known !== undefined) return known;
    const survivor = newInode(inode.directory);
    done.set(inode, survivor);
    for (const name of new Set([...inode.entries.keys(), ...inode.stableEntries.keys()])) {
      const [stable, latest] = [inode.stableEntries.get(name), inode.entries.get(name)];
      const chosen = this.random() < 0.5 ? stable : latest;
      if (chosen !== undefined) survivor.entries.set(name, this.#survivor(chosen, done));
    }
    survivor.stableEntries = new Map(survivor.entries);
    survivor.data = this.#survivingData(inode);
    survivor.stableData = Buffer.from(survivor.data);
    return survivor;
  }

  #survivingData(inode: Inode): Buffer {
    const { data, stableData } = inode;
    const size = this.random() < 0.5 ? data.length : stableData.length;
    const bytes = Buffer.alloc(Math.max(data.length, stableData.length, size));
    stableData.copy(bytes);
    for (let at = 0; at < data.length; at += PAGE_BYTES) {
      const page = data.subarray(at, at + PAGE_BYTES);
      const fate = this.random();
      if (fate < 0.45) page.copy(bytes, at);
      else if (fate < 0.6) page.subarray(0, Math.floor(this.random() * PAGE_BYTES)).copy(bytes, at);
    }
    return bytes.subarray(0, size);
  }

  /** Before every call: goes down, or says what goes wrong. */
  #call(name: string, path = ''): Fault | undefined {
    if (this.down) throw new Down();
    this.calls += 1;
    if (this.calls < this.downAt) return this.fault?.({ name, path, index: this.calls });
    this.down = true;
    return { bytes: Math.floor(this.random() * 100) };
  }

  /** For calls that happen or do not. */
  #whole(name: string, path = ''): void {
    const fault = this.#call(name, path);
    if (this.down) throw new Down();
    if (fault?.code !== undefined) throw systemError(fault.code);
  }

  #find(path: string): Inode | undefined {
    let inode: Inode | undefined = this.#root;
    for (const part of path.split('/').filter((part) => part !== '')) inode = inode?.entries.get(part);
    return inode;
  }

  #parent(path: string): { readonly parent: Inode; readonly name: string } {
    const at = path.lastIndexOf('/');
    const parent = this.#find(path.slice(0, at));
    if (parent === undefined) throw systemError('ENOENT');
    return { parent, name: path.slice(at + 1) };
  }

  #existing(path: string): Inode {
    const inode = this.#find(path);
    if (inode === undefined) throw systemError('ENOENT');
    return inode;
  }

  #file(fd: number): OpenFile {
    const file = this.#open.get(fd);
    if (file === undefined) throw systemError('EBADF');
    return file;
  }

  #change(directory: Inode, name: string, inode: Inode | undefined): void {
    if (inode === undefined) directory.entries.delete(name);
    else directory.entries.set(name, inode);
    directory.version += 1;
  }

  openSync(path: string, flags: string): number {
    this.#whole('open', path);
    let inode = this.#find(path);
    if (flags === 'wx') {
      if (inode !== undefined) throw systemError('EEXIST');
      const { parent, name } = this.#parent(path);
      inode = newInode(false);
      this.#change(parent, name, inode);
    }
    if (inode === undefined) throw systemError('ENOENT');
    const fd = this.#nextFd;
    this.#nextFd += 1;
    this.#open.set(fd, { inode, told: inode.failures });
    return fd;
  }

  closeSync(fd: number): void {
    if (!this.#open.delete(fd)) throw systemError('EBADF');
  }

  writeSync(fd: number, buffer: Uint8Array, offset: number, length: number, position: number): number {
    const { inode } = this.#file(fd);
    const fault = this.#call('write');
    const room = Math.max(this.capacity - this.#used() + Math.max(inode.data.length - position, 0), 0);
    const count = Math.min(length, room, fault?.bytes ?? (fault?.code === undefined ? length : 0));
    const size = Math.max(inode.data.length, position + count);
    const data = Buffer.alloc(size);
    inode.data.copy(data);
    data.set(buffer.subarray(offset, offset + count), position);
    inode.data = data;
    inode.version += 1;
    for (let page = Math.floor(position / PAGE_BYTES); page * PAGE_BYTES < position + count; page += 1) {
      inode.dropped.delete(page);
    }
    if (this.down) throw new Down();
    if (fault?.code !== undefined) throw systemError(fault.code);
    if (count === 0 && length > 0) throw systemError('ENOSPC');
    return count;
  }

  #used(inode: Inode = this.#root): number {
    let bytes = inode.data.length;
    for (const entry of inode.entries.values()) bytes += this.#used(entry);
    return bytes;
  }

  ftruncateSync(fd: number, length: number): void {
    this.#whole('ftruncate');
    const { inode } = this.#file(fd);
    inode.data = Buffer.from(inode.data.subarray(0, length));
    inode.version += 1;
  }

  /** The two halves of a sync: what it covers, and what it has done when it ends. */
  #beginSync(name: string, fd: number): () => void {
    const file = this.#file(fd);
    const { inode } = file;
    const { version } = inode;
    const data = Buffer.from(inode.data);
    const entries = new Map(inode.entries);
    return () => {
      const fault = this.#call(name);
      if (this.down) throw new Down();
      if (fault?.code !== undefined) this.#failWriteBack(inode);
      if (inode.failures > file.told) {
        file.told = inode.failures;
        throw systemError(fault?.code ?? 'EIO');
      }
      // One that began earlier and ends later takes nothing back.
      if (version < inode.stableVersion) return;
      inode.stableEntries = entries;
      inode.stableVersion = version;
      const stable = inode.stableData;
      inode.stableData = data;
      for (const page of inode.dropped) {
        const at = page * PAGE_BYTES;
        const old = Buffer.alloc(PAGE_BYTES);
        stable.subarray(at, at + PAGE_BYTES).copy(old);
        old.copy(data, at);
      }
    };
  }

  #failWriteBack(inode: Inode): void {
    inode.failures += 1;
    for (let at = 0; at < inode.data.length; at += PAGE_BYTES) {
      const [cached, stable] = [
        inode.data.subarray(at, at + PAGE_BYTES),
        inode.stableData.subarray(at, at + PAGE_BYTES),
      ];
      if (!cached.equals(stable)) inode.dropped.add(at / PAGE_BYTES);
    }
  }

  fdatasyncSync(fd: number): void {
    this.#beginSync('fdatasync', fd)();
  }

  fsyncSync(fd: number): void {
    this.#beginSync('fsync', fd)();
  }

  fdatasync(fd: number, done: (error: Error | null) => void): void {
    this.#later(this.#beginSync('fdatasync', fd), done);
  }

  fsync(fd: number, done: (error: Error | null) => void): void {
    this.#later(this.#beginSync('fsync', fd), done);
  }

  #later(work: () => void, done: (error: Error | null) => void): void {
    this.#unfinished.push(() => {
      try {
        work();
      } catch (error) {
        // After the machine went down nobody is told of anything.
        if (!(error instanceof Down)) done(error as Error);
        return;
      }
      done(null);
    });
  }

  read(
    fd: number,
    buffer: Uint8Array,
    offset: number,
    length: number,
    position: number,
    done: (error: Error | null, count: number) => void,
  ): void {
    done(null, this.readSync(fd, buffer, offset, length, position));
  }

  readSync(fd: number, buffer: Uint8Array, offset: number, length: number, position: number): number {
    if (this.down) throw new Down();
    const bytes = this.#file(fd).inode.data.subarray(position, position + length);
    buffer.set(bytes, offset);
    return bytes.length;
  }

  fstatSync(fd: number): { readonly size: number; readonly nlink: number } {
    if (this.down) throw new Down();
    const { inode } = this.#file(fd);
    return { size: inode.data.length, nlink: this.#links(inode, this.#root) };
  }

  #links(inode: Inode, below: Inode): number {
    let links = 0;
    for (const entry of below.entries.values()) links += entry === inode ? 1 : this.#links(inode, entry);
    return links;
  }

  statSync(path: string): { readonly size: number; readonly mtimeMs: number } {
    if (this.down) throw new Down();
    const inode = this.#existing(path);
    return { size: inode.data.length, mtimeMs: inode.mtimeMs };
  }

  readdirSync(path: string): string[] {
    if (this.down) throw new Down();
    return [...this.#existing(path).entries.keys()];
  }

  mkdirSync(path: string, options: { readonly recursive: boolean }): string | undefined {
    this.#whole('mkdir', path);
    if (this.#find(path) !== undefined) {
      if (options.recursive) return undefined;
      throw systemError('EEXIST');
    }
    const above = path.slice(0, path.lastIndexOf('/'));
    const first = options.recursive && above !== '' ? this.mkdirSync(above, options) : undefined;
    const { parent, name } = this.#parent(path);
    this.#change(parent, name, newInode(true));
    return first ?? path;
  }

  rmdirSync(path: string): void {
    this.#whole('rmdir', path);
    if (this.#existing(path).entries.size > 0) throw systemError('ENOTEMPTY');
    const { parent, name } = this.#parent(path);
    this.#change(parent, name, undefined);
  }

  linkSync(from: string, to: string): void {
    this.#whole('link', to);
    const inode = this.#existing(from);
    const { parent, name } = this.#parent(to);
    if (parent.entries.has(name)) throw systemError('EEXIST');
    this.#change(parent, name, inode);
  }

  renameSync(from: string, to: string): void {
    this.#whole('rename', to);
    const inode = this.#existing(from);
    const target = this.#parent(to);
    this.#change(target.parent, target.name, inode);
    const source = this.#parent(from);
    this.#change(source.parent, source.name, undefined);
  }

  unlinkSync(path: string): void {
    this.#whole('unlink', path);
    this.#existing(path);
    const { parent, name } = this.#parent(path);
    this.#change(parent, name, undefined);
  }

  utimesSync(path: string, _atime: Date, mtime: Date): void {
    this.#whole('utimes', path);
    this.#existing(path).mtimeMs = mtime.getTime();
  }
}
