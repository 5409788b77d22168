/** What can be wrong with a use of this package; programs branch on it, people read the message. */
export type DecisionTrailErrorCode =
  /** An option is unknown, missing or of the wrong kind. */
  | 'INVALID_OPTIONS'
  /** `audited(...)` was applied to something that is no function or method. */
  | 'NOT_DECORATABLE';

/**
 * The one error that this package throws, and only where the mistake is made: when a function is decorated.
 * A decorated function never throws it.
 */
export class DecisionTrailError extends Error {
  override readonly name = 'DecisionTrailError';
  readonly code: DecisionTrailErrorCode;

  constructor(code: DecisionTrailErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
