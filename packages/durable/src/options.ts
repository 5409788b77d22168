import { resolve } from 'node:path';
import { SpoolError } from './errors.js';
import type { OtlpOptions } from './send/settings.js';

/** What happens to a record for which the spool has no room. */
export type WhenFull =
  /** The decision goes on, and the record is lost; with `delivery: 'required'` the decision is withheld. */
  | 'refuse'
  /** Async functions wait for room; others fail with an `AuditUnavailableError`. */
  | 'block'
  /** The oldest records that are not delivered yet make room. */
  | 'drop-oldest';

/** Settings of a spool, and of how it is delivered. */
export interface SpoolOptions extends Omit<OtlpOptions, 'url'> {
  /** Default: `DECISION_TRAIL_SPOOL_DIR`, else `.decision-trail/spool` in the working directory. */
  readonly directory?: string;
  /** Bytes of all that is kept in the directory at most. Default: 1 GiB. */
  readonly bytesMax?: number;
  /** Bytes that are left free on the disk for others. Default: 64 MiB, on a small disk a twentieth of it. */
  readonly freeBytesMin?: number;
  /** Default: `refuse`. */
  readonly whenFull?: WhenFull;
  /** How long records are kept after they were acknowledged, so that they can be sent again. Default: 24 h. */
  readonly retentionMs?: number;
  /** Bytes of acknowledged records that are kept at most. Default: 256 MiB, and never more than leaves room for new ones. */
  readonly retentionBytesMax?: number;
  /** How long a record is with the operating system before it is brought to stable storage. Default: 1,000 ms. */
  readonly commitIntervalMs?: number;
  /** How long `flush` and the end of the process wait for delivery. Default: 5,000 ms. */
  readonly flushTimeoutMs?: number;
  /** Bytes of one file, 64 KiB to 16 MiB. Default: 16 MiB, on a small disk, or with a small `bytesMax`, a sixteenth of that. */
  readonly segmentBytesMax?: number;
}

/** The settings of a spool besides those of its delivery; undefined is what depends on the disk. */
export type SpoolSettings = Required<Omit<SpoolOptions, keyof OtlpOptions | 'freeBytesMin' | 'segmentBytesMax'>> &
  Pick<SpoolOptions, 'freeBytesMin' | 'segmentBytesMax'>;

const MIB = 1024 * 1024;
const DEFAULTS: Omit<SpoolSettings, 'directory'> = {
  bytesMax: 1024 * MIB,
  whenFull: 'refuse',
  retentionMs: 24 * 60 * 60_000,
  retentionBytesMax: 256 * MIB,
  commitIntervalMs: 1_000,
  flushTimeoutMs: 5_000,
};

/** What suits a disk, where the application has not said it. */
export interface DiskLimits {
  readonly freeBytesMin: number;
  readonly segmentBytes: number;
}

const SEGMENT_BYTES_MIN = 64 * 1024;
/** Acknowledged records make room a segment at a time, so there have to be several. */
const SEGMENTS_ON_DISK = 16;

/**
 * @param diskBytes of the whole disk; `undefined` where it is not known.
 */
export function diskLimits(settings: SpoolSettings, diskBytes: number = Number.POSITIVE_INFINITY): DiskLimits {
  const { bytesMax, freeBytesMin, segmentBytesMax } = settings;
  const share = Math.floor(Math.min(bytesMax, diskBytes) / SEGMENTS_ON_DISK);
  return {
    freeBytesMin: freeBytesMin ?? Math.min(64 * MIB, Math.floor(diskBytes / 20)),
    segmentBytes: segmentBytesMax ?? Math.min(16 * MIB, Math.max(SEGMENT_BYTES_MIN, share)),
  };
}

const DIRECTORY_DEFAULT = '.decision-trail/spool';

const isCount = (min: number, max: number = Number.MAX_SAFE_INTEGER) => {
  return (value: unknown): boolean =>
    Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max;
};
/** Timers take no more. */
const isTime = isCount(0, 2 ** 31 - 1);

const CHECKS: Record<keyof Required<SpoolSettings>, readonly [expected: string, check: (value: unknown) => boolean]> = {
  directory: ['the path of a directory', (value) => typeof value === 'string' && value !== ''],
  bytesMax: ['a number of bytes, 1 MiB or more', isCount(MIB)],
  freeBytesMin: ['a number of bytes', isCount(0)],
  whenFull: [
    "'refuse', 'block' or 'drop-oldest'",
    (value) => ['refuse', 'block', 'drop-oldest'].includes(value as string),
  ],
  retentionMs: ['a number of milliseconds', isCount(0)],
  retentionBytesMax: ['a number of bytes', isCount(0)],
  commitIntervalMs: ['a number of milliseconds', isTime],
  flushTimeoutMs: ['a number of milliseconds', isTime],
  segmentBytesMax: ['a number of bytes, 64 KiB to 16 MiB', isCount(SEGMENT_BYTES_MIN, 16 * MIB)],
};

const OTLP_NAMES: ReadonlySet<string> = new Set<keyof OtlpOptions>([
  'endpoint',
  'headers',
  'timeoutMs',
  'compression',
  'certificate',
  'clientKey',
  'clientCertificate',
  'proxy',
]);

/**
 * Settings of a spool from options, else from the environment.
 *
 * @throws SpoolError `INVALID_OPTIONS`, naming the option and what it must be. Those of the delivery are checked by `otlpSettings`.
 */
export function spoolSettings(
  options: SpoolOptions,
  env: Readonly<Record<string, string | undefined>> = process.env,
): SpoolSettings {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  for (const [name, value] of given) {
    if (OTLP_NAMES.has(name)) continue;
    if (!Object.hasOwn(CHECKS, name)) {
      const known = [...Object.keys(CHECKS), ...OTLP_NAMES].join(', ');
      throw new SpoolError('INVALID_OPTIONS', `the spool has no option "${name}"; it has ${known}`);
    }
    const [expected, check] = CHECKS[name as keyof SpoolSettings];
    if (!check(value)) throw new SpoolError('INVALID_OPTIONS', `the spool expects "${name}" to be ${expected}`);
  }
  const directory = resolve(options.directory ?? (env['DECISION_TRAIL_SPOOL_DIR'] || DIRECTORY_DEFAULT));
  const ours = given.filter(([name]) => !OTLP_NAMES.has(name));
  return { ...DEFAULTS, ...(Object.fromEntries(ours) as Partial<SpoolSettings>), directory };
}
