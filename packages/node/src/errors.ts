/** What can be wrong with a start of Decision Trail. */
export type StartErrorCode =
  /** An option is unknown or of the wrong kind. */
  | 'INVALID_OPTIONS'
  /** Another OpenTelemetry SDK is registered in this process. */
  | 'SDK_ALREADY_REGISTERED';

/** The one error that `startDecisionTrail` throws. */
export class StartError extends Error {
  override readonly name = 'StartError';
  readonly code: StartErrorCode;

  constructor(code: StartErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
