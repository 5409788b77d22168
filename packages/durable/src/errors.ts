/** What can go wrong in this package; programs branch on it, people read the message. */
export type SpoolErrorCode =
  /** An option or an environment variable has no usable value. */
  | 'INVALID_OPTIONS'
  /** The spool has reached one of its limits. */
  | 'FULL'
  /** The disk is full, or has less free space than the spool leaves to others. */
  | 'NO_SPACE'
  /** A record is larger than a frame may be. */
  | 'TOO_LARGE'
  /** The file system failed: read-only, gone, broken. */
  | 'IO'
  /** There is no such directory. */
  | 'NOT_FOUND'
  /** A file is of a newer version, or is none of ours. */
  | 'UNKNOWN_FORMAT'
  /** The spool was closed. */
  | 'CLOSED';

/** The one error that this package throws on purpose. */
export class SpoolError extends Error {
  override readonly name = 'SpoolError';
  readonly code: SpoolErrorCode;

  constructor(code: SpoolErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
