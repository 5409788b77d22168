import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Taken } from '@decision-trail/decisions';
import { Courier } from './courier.js';
import type { DroppedRange } from './courier.js';
import { SpoolError } from './errors.js';
import { leafHashOf } from './leaf-hash.js';
import { Losses, lossRecord } from './losses.js';
import type { Loss, LossReason } from './losses.js';
import { SpoolMetrics } from './metrics.js';
import { diskLimits, spoolSettings } from './options.js';
import type { DiskLimits, SpoolOptions, SpoolSettings } from './options.js';
import { ByteWriter } from './otlp/bytes.js';
import { encodeLogRecord } from './otlp/log-record.js';
import type { LogRecordLike } from './otlp/log-record.js';
import type { Encoded } from './otlp/message.js';
import { originOf } from './otlp/origin.js';
import type { ResourceLike, ScopeLike } from './otlp/origin.js';
import { encodeSpan } from './otlp/span.js';
import type { SpanLike } from './otlp/span.js';
import { FRAME_HEADER_BYTES, KIND } from './spool/frame.js';
import type { Origin } from './spool/frame.js';
import { StreamWriter } from './spool/writer.js';
import type { Commit } from './spool/writer.js';
import { Trouble } from './trouble.js';
import { VERSION } from './version.js';

/** What became of the log records and spans of this process, and how much the spool holds. */
export interface SpoolStatus {
  readonly directory: string;
  /** Id of the stream that this process writes. */
  readonly streamId: string;
  readonly logs: SignalStatus;
  readonly traces: SignalStatus;
  /** Records that are not on stable storage yet. */
  readonly pending: number;
  /** Bytes of all files of the spool. */
  readonly bytes: number;
}

/** `emitted` is the sum of the others. */
export interface SignalStatus {
  /** Records that were handed over, losses that were told of included. */
  readonly emitted: number;
  /** Those that the Collector has acknowledged. */
  readonly acknowledged: number;
  /** Those that wait on disk. */
  readonly spooled: number;
  /** Those that the Collector has refused for good, and that are kept among the dead letters. */
  readonly deadLettered: number;
  /** Those that were never kept, or were dropped to make room. */
  readonly refused: number;
}

/** How often free space is looked at while records come in, and losses that could not be told of are tried again. */
const LOOK_INTERVAL_MS = 1_000;
/** Of its time, a process spends at most one part in so many on looking. */
const LOOK_SHARE = 200;
/** Losses that were told of and are remembered, at most: the last ones. */
const TOLD_MAX = 1_000;
/** How often a record is encoded anew because encoding it has run code that made another. */
const ENCODINGS_MAX = 3;

/** Who delivers a spool without an application, and wants to see what happens. */
export interface Watch {
  /** In whose name losses are told of. */
  readonly resource: ResourceLike;
  delivered(streamId: string, signal: 'logs' | 'traces', count: number): void;
  lost(loss: Loss): void;
  released(streamId: string, isEmpty: boolean): void;
  /** Gets what OpenTelemetry's `diag` would. */
  trouble(message: string): void;
}

const SCOPE: ScopeLike = { name: '@decision-trail/durable', version: VERSION };

/**
 * Keeps log records and spans on disk until a Collector has them, and delivers them.
 *
 * What was kept is with the operating system when the call returns, so that no end of the process loses it; it is on stable
 * storage within the commit interval, or when `commit` resolves. A later start on the same directory delivers what this process
 * could not.
 */
export class Spool {
  readonly #settings: SpoolSettings;
  readonly #limits: DiskLimits;
  readonly #metrics: SpoolMetrics;
  readonly #trouble: Trouble;
  readonly #watch: Watch | undefined;
  readonly #losses = new Losses();
  readonly #courier: Courier;
  readonly #bytes = new ByteWriter();
  #writer: StreamWriter;
  readonly #stamp: { streamId: string; sequence: number; leafHash: Buffer | undefined };
  /** Counted where records come in, so that the sum of what became of them can be held against it. */
  readonly #emitted = { logs: 0, traces: 0 };
  readonly #refused = { logs: 0, traces: 0 };
  /** Where the last record came from; losses are told of in its name. */
  #resource: ResourceLike = {
    attributes: { 'service.name': process.env['OTEL_SERVICE_NAME'] || 'unknown_service:node' },
  };
  /** When to look at the disk again. */
  #lookAtMs = 0;
  #hasSpace = true;
  /** Bytes that waited for delivery at the last look, and that the writer had written by then. */
  #looked = { waitingBytes: 0, writtenBytes: 0 };
  /** Records were delivered since the last look. */
  #isStale = false;
  /** The last losses that were told of, and the numbers of the records that did: these may be dropped in their turn. */
  #told: { sequence: number; loss: Loss }[] = [];
  #waiting: (() => void)[] = [];
  #lossTimer: NodeJS.Timeout | undefined;
  #users = 0;
  #end: Promise<void> | undefined;
  /** Records that had been handed over when the process was last at its end: it ends where none came since. */
  #emittedAtEnd = -1;
  readonly #onBeforeExit = (): void => {
    const emitted = this.#emitted.logs + this.#emitted.traces;
    if (emitted === this.#emittedAtEnd) return;
    void this.flush().finally(() => (this.#emittedAtEnd = this.#emitted.logs + this.#emitted.traces));
  };

  /** Use {@link openSpool}. */
  constructor(options: SpoolOptions, watch?: Watch) {
    this.#settings = spoolSettings(options);
    this.#limits = diskLimits(this.#settings, bytesOfDisk(this.#settings.directory));
    this.#watch = watch;
    if (watch !== undefined) this.#resource = watch.resource;
    this.#trouble = new Trouble(watch && ((_, message) => watch.trouble(message)));
    this.#writer = this.#newWriter();
    this.#stamp = { streamId: this.#writer.streamId, sequence: 0, leafHash: undefined };
    this.#courier = new Courier(options, this.#settings, {
      delivered: (signal, count, streamId) => {
        this.#metrics.exported(signal, count);
        watch?.delivered(streamId, signal, count);
      },
      freed: () => {
        this.#isStale = true;
        if (!this.#hasSpace) this.#lookAtMs = 0;
        if (this.#waiting.length > 0 || this.#losses.pending > 0) this.#makeRoom();
      },
      lost: (loss) => this.#lose(loss),
      released: (streamId, isEmpty) => watch?.released(streamId, isEmpty),
      trouble: (level, kind, message) => this.#trouble.report(level, kind, message),
    });
    this.#metrics = new SpoolMetrics({
      pending: () => this.#writer.pending,
      bytes: () => this.#totals().bytes,
      ageSeconds: () => this.#ageSeconds(),
    });
    this.#courier.start(this.#writer);
    process.on('beforeExit', this.#onBeforeExit);
  }

  get directory(): string {
    return this.#settings.directory;
  }

  /**
   * Hands a log record to the operating system. Never throws.
   *
   * @returns `kept`; `full` where there is no room and the policy is to wait; `refused` where it is lost, counted and told of.
   */
  keepLogRecord(record: LogRecordLike, resource: ResourceLike, scope: ScopeLike): Taken {
    this.#resource = resource;
    const failure = this.#room() ?? this.#keepLog(record, originOf(resource, scope));
    if (failure !== undefined) return this.#turnAway(failure, idOf(record));
    this.#emitted.logs += 1;
    this.#courier.wake('logs');
    return 'kept';
  }

  /** Hands a span to the operating system, or counts it as lost. Never throws. */
  keepSpan(span: SpanLike, resource: ResourceLike, scope: ScopeLike): void {
    this.#resource = resource;
    const failure =
      this.#room() ?? this.#append(KIND.span, originOf(resource, scope), (bytes) => encodeSpan(bytes, span));
    if (failure !== undefined) return this.#refuse('traces', failure, undefined);
    this.#emitted.traces += 1;
    this.#courier.wake('traces');
  }

  /** Counts, and tells of, a log record that found no room and did not wait for it. */
  giveUp(record: { readonly attributes?: unknown }): void {
    this.#refuse('logs', { reason: 'full' }, idOf(record));
  }

  /** Resolves when there may be room again. */
  room(): Promise<void> {
    // Whoever waits keeps the process alive, as whatever else is awaited does.
    this.#lossTimer?.ref();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Resolves when all that was kept so far is on stable storage. @throws SpoolError where it cannot be. */
  commit(): Promise<void> {
    return this.#writer.commit();
  }

  /** The same at once. @throws SpoolError */
  commitSync(): void {
    this.#writer.commitSync();
  }

  /**
   * Brings all to stable storage and delivers what can be delivered. Never rejects. Ends before the time is over where no attempt
   * can be made until then, because the Collector has asked for a pause, or has refused credentials or address.
   *
   * @param timeoutMs Default: `flushTimeoutMs`.
   * @returns Whether nothing is left to deliver.
   */
  async flush(timeoutMs: number = this.#settings.flushTimeoutMs): Promise<boolean> {
    this.#tellLosses();
    await this.commit().catch(() => {});
    return this.#courier.drain(timeoutMs);
  }

  /** Flushes and ends. What is not delivered by then stays on disk, and the next start delivers it. Never rejects. */
  shutdown(timeoutMs?: number): Promise<void> {
    this.#end ??= this.#shutdown(timeoutMs);
    return this.#end;
  }

  status(): SpoolStatus {
    return {
      directory: this.directory,
      streamId: this.#writer.streamId,
      logs: this.#statusOf('logs'),
      traces: this.#statusOf('traces'),
      pending: this.#writer.pending,
      bytes: this.#totals().bytes,
    };
  }

  /** A processor uses this spool, which ends when the last of them is shut down. */
  addUser(): void {
    this.#users += 1;
  }

  async removeUser(): Promise<void> {
    this.#users -= 1;
    await (this.#users > 0 ? this.flush() : this.shutdown());
  }

  #newWriter(): StreamWriter {
    const { directory, commitIntervalMs } = this.#settings;
    const { segmentBytes } = this.#limits;
    const onCommit = (commit: Commit): void => this.#committed(commit);
    return new StreamWriter(directory, { segmentBytes, commitIntervalMs, onCommit });
  }

  #committed({ durationMs, error }: Commit): void {
    this.#metrics.committed(durationMs);
    if (error !== undefined)
      this.#trouble.report('error', 'commit', `records are not on stable storage: ${error.message}`);
  }

  #keepLog(record: LogRecordLike, origin: Origin): Failure | undefined {
    const leafHash = leafHashOf(record.body);
    return this.#append(
      KIND.logRecord,
      origin,
      (bytes) => {
        this.#stamp.sequence = this.#writer.nextSequence;
        this.#stamp.leafHash = leafHash;
        return encodeLogRecord(bytes, record, this.#stamp);
      },
      leafHash,
    );
  }

  /** Encodes a frame and appends it; tells why that was not possible. */
  #append(
    kind: typeof KIND.logRecord | typeof KIND.span,
    origin: Origin,
    encode: (bytes: ByteWriter) => Encoded,
    leafHash?: Buffer,
  ): Failure | undefined {
    // Encoding may run code of the application that makes records itself: they get a buffer of their own.
    const bytes = this.#bytes.inUse ? new ByteWriter() : this.#bytes;
    for (let attempt = 1; ; attempt++) {
      const { nextSequence } = this.#writer;
      bytes.reset(FRAME_HEADER_BYTES);
      const encoded = encode(bytes);
      if (encoded !== 'encoded') return { reason: encoded === 'too-large' ? 'too-large' : 'io', detail: encoded };
      // A record that was made meanwhile has taken the number that is in this one.
      if (this.#writer.nextSequence === nextSequence) break;
      if (attempt === ENCODINGS_MAX) return { reason: 'io', detail: 'encoding it makes further records without end' };
    }
    try {
      this.#writer.append(kind, origin, bytes.buffer.subarray(0, bytes.length), leafHash);
      return undefined;
    } catch (error) {
      if (!(error instanceof SpoolError)) return { reason: 'io', detail: String(error) };
      if (error.code === 'CLOSED' && this.#end === undefined && this.#renewWriter()) {
        return this.#append(kind, origin, encode, leafHash);
      }
      return this.#failureOf(error);
    }
  }

  /** Another process has taken over the stream of this one, which was stopped for a while: a new stream goes on. */
  #renewWriter(): boolean {
    try {
      const writer = this.#newWriter();
      this.#writer = writer;
      this.#stamp.streamId = writer.streamId;
      this.#courier.start(writer);
      return true;
    } catch (error) {
      this.#trouble.report('error', 'io', `cannot begin a new stream: ${String(error)}`);
      return false;
    }
  }

  #failureOf(error: SpoolError): Failure {
    if (error.code === 'NO_SPACE') {
      this.#hasSpace = false;
      this.#lookAtMs = Date.now() + LOOK_INTERVAL_MS;
      this.#courier.reclaim();
      return { reason: 'no-space' };
    }
    return { reason: error.code === 'TOO_LARGE' ? 'too-large' : 'io', detail: error.message };
  }

  /** Why there is no room for a record now; `undefined` where there is. */
  #room(): Failure | undefined {
    const now = Date.now();
    if (now >= this.#lookAtMs) this.#look(now);
    if (!this.#hasSpace) return { reason: 'no-space' };
    if (this.#hasRoom()) return undefined;
    if (this.#isStale) this.#look(now);
    if (this.#hasRoom()) return undefined;
    if (this.#settings.whenFull !== 'drop-oldest') return { reason: 'full' };
    for (let dropped = this.#courier.dropOldest(); dropped !== undefined; dropped = this.#courier.dropOldest()) {
      this.#tellAgain(dropped);
      this.#look(now);
      if (this.#hasRoom()) return undefined;
    }
    return { reason: 'full' };
  }

  /** What told of losses was lost itself. */
  #tellAgain({ from, to }: DroppedRange): void {
    const isDropped = ({ sequence }: { sequence: number }): boolean => sequence > from && sequence < to;
    for (const { loss } of this.#told.filter(isDropped)) this.#losses.add(loss);
    this.#told = this.#told.filter((told) => !isDropped(told));
  }

  #hasRoom(): boolean {
    const { waitingBytes, writtenBytes } = this.#looked;
    return waitingBytes + this.#writer.bytes - writtenBytes < this.#settings.bytesMax;
  }

  /** Looks at the disk: not so often that it would show. */
  #look(now: number): void {
    const began = performance.now();
    this.#isStale = false;
    try {
      this.#looked = { waitingBytes: this.#courier.totals().waitingBytes, writtenBytes: this.#writer.bytes };
      const { bavail, bsize } = statfsSync(this.directory);
      this.#hasSpace = bavail * bsize > this.#limits.freeBytesMin;
      // What is kept only in case makes room for what must be kept.
      if (!this.#hasSpace) this.#courier.reclaim();
    } catch {
      // Where it cannot be told, writing will.
      this.#hasSpace = true;
    }
    const tookMs = performance.now() - began;
    this.#lookAtMs = now + Math.max(LOOK_INTERVAL_MS, tookMs * LOOK_SHARE);
  }

  #totals(): { readonly bytes: number; readonly oldestWaitingMs: number | undefined } {
    try {
      return this.#courier.totals();
    } catch {
      return { bytes: 0, oldestWaitingMs: undefined };
    }
  }

  #ageSeconds(): number {
    const { oldestWaitingMs } = this.#totals();
    return oldestWaitingMs === undefined ? 0 : Math.max(0, Date.now() - oldestWaitingMs) / 1000;
  }

  #turnAway(failure: Failure, id: string | undefined): Taken {
    const canPass = failure.reason === 'full' || failure.reason === 'no-space';
    if (canPass && this.#settings.whenFull === 'block' && this.#end === undefined) {
      this.#lookAgain();
      return 'full';
    }
    this.#refuse('logs', failure, id);
    return 'refused';
  }

  #refuse(signal: 'logs' | 'traces', { reason, detail }: Failure, id: string | undefined): void {
    this.#emitted[signal] += 1;
    this.#refused[signal] += 1;
    this.#lose({ reason, count: 1, ...(id !== undefined && { ids: [id] }), ...(detail !== undefined && { detail }) });
  }

  #lose(loss: Loss): void {
    this.#losses.add(loss);
    this.#watch?.lost(loss);
    const { reason, count, detail, stream } = loss;
    this.#metrics.lost(reason, count ?? 0);
    const what = count === undefined ? 'records' : `${count} ${count === 1 ? 'record' : 'records'}`;
    const where = [stream === undefined ? '' : ` of stream ${stream}`, detail === undefined ? '' : ` (${detail})`].join(
      '',
    );
    this.#trouble.report('error', `loss ${reason}`, `${what}${where}: ${MEANINGS[reason]}`);
    this.#lookAgain();
  }

  /** Writes what was lost into the trail, as soon as that is possible. */
  #tellLosses(): void {
    this.#losses.tellAll((loss) => {
      const record = lossRecord(loss, Date.now());
      const isTold = this.#room() === undefined && this.#keepLog(record, originOf(this.#resource, SCOPE)) === undefined;
      if (!isTold) return false;
      this.#told = [...this.#told.slice(-TOLD_MAX), { sequence: this.#stamp.sequence, loss }];
      this.#emitted.logs += 1;
      this.#courier.wake('logs');
      return true;
    });
  }

  /** While losses are untold or callers wait, looks from time to time whether there is room again. */
  #lookAgain(): void {
    if (this.#lossTimer !== undefined || this.#end !== undefined) return;
    this.#lossTimer = setTimeout(() => {
      this.#lossTimer = undefined;
      this.#makeRoom();
      if (this.#losses.pending > 0 || this.#waiting.length > 0) this.#lookAgain();
    }, LOOK_INTERVAL_MS);
    if (this.#waiting.length === 0) this.#lossTimer.unref();
  }

  /** There may be room again: those who wait for it try, and losses are told of. */
  #makeRoom(): void {
    if (this.#room() !== undefined) return;
    this.#tellLosses();
    for (const resume of this.#waiting.splice(0)) resume();
  }

  async #shutdown(timeoutMs?: number): Promise<void> {
    process.off('beforeExit', this.#onBeforeExit);
    await this.flush(timeoutMs);
    clearTimeout(this.#lossTimer);
    for (const resume of this.#waiting.splice(0)) resume();
    this.#tellLosses();
    await this.#courier.stop();
    try {
      this.#writer.close();
    } catch (error) {
      this.#trouble.report('error', 'commit', `the last records are not on stable storage: ${String(error)}`);
    }
  }

  #statusOf(signal: 'logs' | 'traces'): SignalStatus {
    const { acknowledged, spooled, deadLettered, dropped } = this.#courier.counts(signal);
    const refused = this.#refused[signal] + dropped;
    return { emitted: this.#emitted[signal], acknowledged, spooled, deadLettered, refused };
  }
}

/** Of the disk that a directory is on, or will be. */
function bytesOfDisk(directory: string): number | undefined {
  for (let at = directory; ; at = dirname(at)) {
    try {
      const { blocks, bsize } = statfsSync(at);
      return blocks * bsize;
    } catch {
      if (at === dirname(at)) return undefined;
    }
  }
}

interface Failure {
  readonly reason: LossReason;
  readonly detail?: string;
}

const MEANINGS: Record<LossReason, string> = {
  full: 'refused, for the spool is full; deliver it, or raise "bytesMax"',
  'dropped-oldest': 'dropped to make room for newer ones, for the spool is full',
  'no-space': 'refused, for the disk has too little free space',
  io: 'refused, for they could not be written',
  'too-large': 'refused, for each was larger than 4 MiB',
  torn: 'a process or the machine went down while one was being written',
  corrupt: 'unreadable: the spool holds something else than was written',
  missing: 'missing from the spool',
  'dead-letter': 'refused by the Collector, and kept among the dead letters; see `decision-trail spool dead-letters`',
};

function idOf({ attributes }: { readonly attributes?: unknown }): string | undefined {
  const id = (attributes as Record<string, unknown> | undefined)?.['audit.record.id'];
  return typeof id === 'string' ? id : undefined;
}

let ofProcess: Spool | undefined;

/** The spool of this process with the settings of the environment, opened when it is first asked for. @throws SpoolError */
export function defaultSpool(): Spool {
  ofProcess ??= new Spool({});
  return ofProcess;
}

/**
 * Opens a spool: makes the directory, takes over what earlier processes could not deliver, and begins to deliver.
 *
 * @throws SpoolError `INVALID_OPTIONS`; `IO` or `NO_SPACE` where the directory cannot be written to.
 */
export function openSpool(options: SpoolOptions = {}): Spool {
  return new Spool(options);
}
