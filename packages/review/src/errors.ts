/** What can go wrong in this package; programs branch on it, people read the message. */
export type ReviewErrorCode =
  /** An option or argument is unknown, missing or of the wrong kind. */
  | 'USAGE'
  /** No decision, or no stream, has the id that was asked for. */
  | 'NOT_FOUND'
  /** A store file is missing, damaged, not ours, or of a newer version. */
  | 'STORE_UNREADABLE'
  /** A store file cannot be written: read-only, disk full, missing directory, held by another process. */
  | 'STORE_UNWRITABLE'
  /** What was asked for cannot be printed. */
  | 'OUTPUT_UNWRITABLE'
  /** A backend cannot be reached, refuses, or answers something else than it should. */
  | 'SOURCE_UNREADABLE'
  /** A backend broke an answer off; asking for less at once may help. */
  | 'SOURCE_INTERRUPTED'
  /** The address is in use or may not be listened on. */
  | 'CANNOT_LISTEN'
  /** What a sender wrote is not what it should be. */
  | 'MALFORMED'
  /** A request is larger than this package accepts. */
  | 'TOO_LARGE'
  /** A directory is not there, cannot be read, is no spool, or holds something of a newer version. */
  | 'SPOOL_UNREADABLE'
  /** A spool cannot be written: read-only, disk full. */
  | 'SPOOL_UNWRITABLE'
  /** Something of a spool is damaged. */
  | 'SPOOL_DAMAGED'
  /** A backend does not have all that it should. */
  | 'BACKEND_INCOMPLETE'
  /** A Collector did not take all that was to be delivered. */
  | 'NOT_DELIVERED';

/** The one error that this package throws on purpose; anything else is a bug of ours. */
export class ReviewError extends Error {
  override readonly name = 'ReviewError';
  readonly code: ReviewErrorCode;

  constructor(code: ReviewErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The text of anything thrown, without a stack. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
