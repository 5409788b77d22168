/** What can be wrong with a start of Decision Trail. */
export type StartErrorCode =
  /** An option is unknown or of the wrong kind. */
  | 'INVALID_OPTIONS'
  /** Another OpenTelemetry SDK is registered in this process. */
  | 'SDK_ALREADY_REGISTERED'
  /** Delivery is `required`, and there is no directory in which records can be kept. */
  | 'NO_SPOOL';

/** The one error that `startDecisionTrail` throws. */
export class StartError extends Error {
  override readonly name = 'StartError';
  readonly code: StartErrorCode;

  constructor(code: StartErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
