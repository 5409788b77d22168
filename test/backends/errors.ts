export type BackendErrorCode =
  /** A binary that was named explicitly does not run, or lacks what the tests need. */
  | 'UNUSABLE'
  /** There is no binary, and no means to get one. */
  | 'UNOBTAINABLE'
  /** A step of getting a binary failed. */
  | 'STEP_FAILED'
  /** A server did not become ready, or ended early. */
  | 'NOT_READY';

export class BackendError extends Error {
  readonly code: BackendErrorCode;

  constructor(code: BackendErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'BackendError';
    this.code = code;
  }
}
