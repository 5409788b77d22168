import type { ReviewErrorCode } from './errors.js';

/** Exit codes of the command; they are documented in `--help` and the README, and do not change. */
export const EXIT = {
  ok: 0,
  notFound: 1,
  usage: 2,
  unreadable: 3,
  cannotListen: 4,
  unwritable: 5,
  bug: 70,
} as const;

export const EXIT_HELP: string = `
Exit codes:
  0   done
  1   show: no decision has that id
  2   wrong use: unknown command, option or source, or a bad value
  3   a source or store cannot be read
  4   the port cannot be listened on
  5   the store, or the output, cannot be written
  70  a bug of decision-trail; DECISION_TRAIL_DEBUG=1 shows where
`;

const EXIT_OF: Record<ReviewErrorCode, number> = {
  USAGE: EXIT.usage,
  NOT_FOUND: EXIT.notFound,
  STORE_UNREADABLE: EXIT.unreadable,
  STORE_UNWRITABLE: EXIT.unwritable,
  OUTPUT_UNWRITABLE: EXIT.unwritable,
  SOURCE_UNREADABLE: EXIT.unreadable,
  SOURCE_INTERRUPTED: EXIT.unreadable,
  CANNOT_LISTEN: EXIT.cannotListen,
  // A body that was valid when it was stored: the store is damaged.
  MALFORMED: EXIT.unreadable,
  TOO_LARGE: EXIT.unreadable,
};

export function exitCodeOf(code: ReviewErrorCode): number {
  return EXIT_OF[code];
}
