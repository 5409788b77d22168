/** What can be wrong with a use of this package; programs branch on it, people read the message. */
export type DecisionTrailErrorCode =
  /** An option is unknown, missing or of the wrong kind. */
  | 'INVALID_OPTIONS'
  /** `audited(...)` was applied to something that is no function or method. */
  | 'NOT_DECORATABLE'
  /** A decision is withheld because its record is not safe; see `delivery: 'required'`. */
  | 'AUDIT_UNAVAILABLE';

/**
 * The one error that this package throws, and only where the mistake is made: when a function is decorated.
 * A decorated function throws it in one case alone, which is asked for: {@link AuditUnavailableError}.
 */
export class DecisionTrailError extends Error {
  override readonly name: string = 'DecisionTrailError';
  readonly code: DecisionTrailErrorCode;

  constructor(code: DecisionTrailErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/**
 * The caller gets this instead of a decision whose record could not be brought to stable storage, where the option
 * `delivery: 'required'` asks for that; or, of a function that is not async, could not wait for room in the spool. The model may
 * have been called.
 */
export class AuditUnavailableError extends DecisionTrailError {
  override readonly name = 'AuditUnavailableError';

  constructor(why: string, options?: ErrorOptions) {
    super('AUDIT_UNAVAILABLE', `the decision is withheld: ${why}`, options);
  }
}
