/**
 * Who writes or delivers a stream: the `owner` file of `docs/spec/spool.md`.
 *
 * Taking over from an owner that is gone must not take the place of one that came in between. So the one way to follow owner X is to
 * be the file `owner.X`, which `link` lets only one be, and the name of an owner is never used twice.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { threadId } from 'node:worker_threads';
import { crc32 } from 'node:zlib';

import type { Files } from './files.js';

/** How often an owner renews the time of its file, in milliseconds. */
export const HEARTBEAT_MS = 10_000;
/** How long after the last renewal an owner that cannot be looked at counts as gone, in milliseconds. */
export const GONE_AFTER_MS = 60_000;
/** Owners that follow one another without one finishing its take-over, at most. */
const CHAIN_MAX = 64;

/** What an owner file says. */
export interface OwnerFile {
  readonly pid: number;
  /** When the process was started, in the unit of the operating system; 0 where it does not tell. */
  readonly startedAt: number;
  /** Empty where it is not known. */
  readonly bootId: string;
  /** Empty where it is not known. */
  readonly pidNamespace: string;
  readonly host: string;
  /** 0 for the main thread. */
  readonly thread: number;
  readonly nonce: string;
}

/** What is known about processes. */
export interface Processes {
  /** This process and thread. */
  readonly self: Omit<OwnerFile, 'nonce'>;
  /**
   * When the process of an id was started, in this boot and namespace; `gone` where there is none, `unknown` where that cannot
   * be told.
   */
  startedAt(pid: number): number | 'gone' | 'unknown';
}

function attempt<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}

/** Field 22 of `/proc/{pid}/stat`, behind a name in parentheses that may hold anything. */
function statStartedAt(pid: number): number | 'gone' | 'unknown' {
  const stat = attempt(() => readFileSync(`/proc/${pid}/stat`, 'latin1'), '');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // A zombie has ended, and only waits to be asked for its exit code.
  if (fields[0] === 'Z' || fields[0] === 'X') return 'gone';
  const startedAt = Number(fields[19]);
  return stat !== '' && Number.isSafeInteger(startedAt) ? startedAt : 'unknown';
}

/** Processes as Linux tells of them in `/proc`; where that is not there, nothing is known. */
export const operatingSystem: Processes = {
  get self() {
    const startedAt = statStartedAt(process.pid);
    return {
      pid: process.pid,
      startedAt: typeof startedAt === 'number' ? startedAt : 0,
      bootId: attempt(() => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim(), ''),
      pidNamespace: attempt(() => readlinkSync('/proc/self/ns/pid'), ''),
      host: hostname(),
      thread: threadId,
    };
  },
  startedAt(pid) {
    const startedAt = statStartedAt(pid);
    if (startedAt !== 'unknown') return startedAt;
    try {
      process.kill(pid, 0);
      return 'unknown';
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'ESRCH' ? 'gone' : 'unknown';
    }
  },
};

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isText = (value: unknown): value is string => typeof value === 'string' && value.length <= 256;

/** Reads an owner file; `undefined` where it is none. */
export function parseOwner(bytes: Buffer): OwnerFile | undefined {
  const value = attempt<unknown>(() => JSON.parse(bytes.toString('utf8')), undefined);
  if (typeof value !== 'object' || value === null) return undefined;
  const { pid, startedAt, bootId, pidNamespace, host, thread, nonce } = value as { [key: string]: unknown };
  if (!isCount(pid) || pid === 0 || !isCount(startedAt) || !isCount(thread)) return undefined;
  if (!isText(bootId) || !isText(pidNamespace) || !isText(host)) return undefined;
  if (typeof nonce !== 'string' || !/^[0-9a-f]{32}$/.test(nonce)) return undefined;
  return { pid, startedAt, bootId, pidNamespace, host, thread, nonce };
}

/**
 * Whether an owner is there.
 *
 * @param ageMs since the last renewal, by the wall clock; far below 0 after the clock was set back, which counts as old: an owner
 *   that is there renews soon.
 */
export function isGone(owner: OwnerFile | undefined, ageMs: number, processes: Processes): boolean {
  const old = Math.abs(ageMs) > GONE_AFTER_MS;
  if (owner === undefined) return old;
  const { self } = processes;
  const visible =
    owner.bootId !== '' &&
    owner.bootId === self.bootId &&
    owner.pidNamespace !== '' &&
    owner.pidNamespace === self.pidNamespace;
  if (!visible) return old;
  const startedAt = processes.startedAt(owner.pid);
  if (startedAt === 'gone') return true;
  if (startedAt === 'unknown' || owner.startedAt === 0) return old;
  if (startedAt !== owner.startedAt) return true;
  // The process is there; of a worker thread in it nothing is known.
  return owner.thread !== 0 && old;
}

/** What `Ownership` needs, and tests replace. */
export interface OwnershipOptions {
  readonly files: Files;
  readonly processes?: Processes;
  /** Unix milliseconds. */
  readonly now?: () => number;
}

interface Judged {
  /** What the successor is named after. */
  readonly name: string;
  readonly gone: boolean;
  /** The names of those on the way from `owner` to it. */
  readonly chain: readonly string[];
}

/** That a stream is this process's own. */
export class Ownership {
  readonly #files: Files;
  readonly #now: () => number;
  readonly #path: string;
  readonly #nonce: string;
  readonly #timer: NodeJS.Timeout;
  #renewedMs: number;
  #held = true;

  private constructor(directory: string, nonce: string, options: OwnershipOptions) {
    this.#files = options.files;
    this.#now = options.now ?? Date.now;
    this.#path = join(directory, 'owner');
    this.#nonce = nonce;
    this.#renewedMs = this.#now();
    this.#timer = setInterval(() => this.renew(), HEARTBEAT_MS);
    this.#timer.unref();
  }

  /**
   * Becomes the owner of a stream that has none, or whose owner is gone; `undefined` where it has one. Throws system errors.
   */
  static acquire(directory: string, options: OwnershipOptions): Ownership | undefined {
    const { files } = options;
    const nonce = randomBytes(16).toString('hex');
    const bytes = Buffer.from(JSON.stringify({ ...(options.processes ?? operatingSystem).self, nonce }));
    const path = join(directory, 'owner');
    const temporary = join(directory, `.${nonce}`);
    const judged = judge(directory, options);
    if (judged === undefined) {
      return files.createWhole(path, temporary, bytes) ? new Ownership(directory, nonce, options) : undefined;
    }
    const claim = join(directory, `owner.${judged.name}`);
    if (!judged.gone || !files.createWhole(claim, temporary, bytes)) return undefined;
    // Who was judged may have been followed by another whose claim is no more: then this one follows nobody.
    const now = judge(directory, options);
    if (now?.name !== nonce) {
      files.remove(claim);
      return undefined;
    }
    files.replaceWhole(path, temporary, bytes);
    for (const name of now.chain) files.remove(join(directory, `owner.${name}`));
    return new Ownership(directory, nonce, options);
  }

  /** Whether the stream still is this process's own, as far as was seen at the last look. */
  get held(): boolean {
    return this.#held;
  }

  /** Looks again where the last renewal was so long ago that another may have taken the stream: after a pause of the process. */
  heldAt(nowMs: number): boolean {
    return Math.abs(nowMs - this.#renewedMs) > GONE_AFTER_MS / 2 ? this.renew() : this.#held;
  }

  /** Renews the time of the owner file; false where the stream has been taken over. */
  renew(): boolean {
    if (!this.#held) return false;
    const owner = attempt(() => this.#files.readSmall(this.#path), undefined);
    if (owner !== undefined && parseOwner(owner)?.nonce !== this.#nonce) {
      this.#held = false;
      clearInterval(this.#timer);
      return false;
    }
    // Where the file cannot be read or is gone with its directory, nobody has taken it; writing will tell.
    const now = this.#now();
    this.#renewedMs = now;
    attempt(() => this.#files.touch(this.#path, now), false);
    return true;
  }

  /** Leaves the stream to others. */
  release(): void {
    clearInterval(this.#timer);
    if (this.renew()) this.#files.remove(this.#path);
    this.#held = false;
  }
}

/** Whether somebody owns a stream at this time. */
export function isOwned(directory: string, options: OwnershipOptions): boolean {
  return judge(directory, options)?.gone === false;
}

/** Follows the owners of a stream to the last; `undefined` where it has none. */
function judge(directory: string, options: OwnershipOptions): Judged | undefined {
  const processes = options.processes ?? operatingSystem;
  const now = (options.now ?? Date.now)();
  const chain: string[] = [];
  let judged: Judged | undefined;
  for (let file = 'owner'; chain.length < CHAIN_MAX; file = `owner.${judged.name}`) {
    const path = join(directory, file);
    const bytes = options.files.readSmall(path);
    const stat = bytes === undefined ? undefined : options.files.stat(path);
    if (bytes === undefined || stat === undefined) break;
    const owner = parseOwner(bytes);
    const name = owner?.nonce ?? `x${crc32(bytes).toString(16)}`;
    if (chain.includes(name)) break;
    judged = { name, gone: isGone(owner, now - stat.mtimeMs, processes), chain: [...chain] };
    chain.push(name);
  }
  return judged;
}
