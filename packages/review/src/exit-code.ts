import type { ReviewErrorCode } from './errors.js';

/** Exit codes of the command; they are documented in `--help` and the README, and do not change. */
export const EXIT = {
  ok: 0,
  no: 1,
  usage: 2,
  unreadable: 3,
  cannotListen: 4,
  unwritable: 5,
  undelivered: 6,
  bug: 70,
} as const;

export const EXIT_HELP: string = `
Exit codes:
  0   done
  1   show: no decision has that id; spool cat: no stream has it; spool repair: there is damage;
      reconcile --dry-run: something is missing
  2   wrong use: unknown command, option or source, or a bad value
  3   a source, store or spool cannot be read, or not all of it
  4   the port cannot be listened on
  5   the store, the spool, or the output cannot be written
  6   spool send, spool dead-letters retry, reconcile: the Collector did not take everything
  70  a bug of decision-trail; DECISION_TRAIL_DEBUG=1 shows where
`;

const EXIT_OF: Record<ReviewErrorCode, number> = {
  USAGE: EXIT.usage,
  NOT_FOUND: EXIT.no,
  STORE_UNREADABLE: EXIT.unreadable,
  STORE_UNWRITABLE: EXIT.unwritable,
  OUTPUT_UNWRITABLE: EXIT.unwritable,
  SOURCE_UNREADABLE: EXIT.unreadable,
  SOURCE_INTERRUPTED: EXIT.unreadable,
  CANNOT_LISTEN: EXIT.cannotListen,
  // A body that was valid when it was stored: the store is damaged.
  MALFORMED: EXIT.unreadable,
  TOO_LARGE: EXIT.unreadable,
  SPOOL_UNREADABLE: EXIT.unreadable,
  SPOOL_UNWRITABLE: EXIT.unwritable,
  SPOOL_DAMAGED: EXIT.no,
  BACKEND_INCOMPLETE: EXIT.no,
  NOT_DELIVERED: EXIT.undelivered,
};

export function exitCodeOf(code: ReviewErrorCode): number {
  return EXIT_OF[code];
}
