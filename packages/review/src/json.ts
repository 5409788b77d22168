import { ReviewError } from './errors.js';
import { JSON_DEPTH_MAX, PARTS_MAX } from './limits.js';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPENING = new Set([0x5b, 0x7b]);
const CLOSING = new Set([0x5d, 0x7d]);

/**
 * Parses JSON that others wrote. What would take far more memory than its text is refused before it is parsed.
 *
 * @throws ReviewError `MALFORMED`, `TOO_LARGE`; the message does not quote the text.
 */
export function parseJson(text: string): unknown {
  checkBrackets(text);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ReviewError('MALFORMED', 'not valid JSON', { cause });
  }
}

/** Whether a value is a JSON object. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Counts the objects and lists, and how deep they are nested. */
function checkBrackets(text: string): void {
  if (text.length <= JSON_DEPTH_MAX) return;
  let parts = 0;
  let depth = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (inString) {
      if (unit === BACKSLASH) i += 1;
      else if (unit === QUOTE) inString = false;
    } else if (unit === QUOTE) inString = true;
    else if (CLOSING.has(unit)) depth -= 1;
    else if (OPENING.has(unit)) {
      if (++parts > PARTS_MAX) throw new ReviewError('TOO_LARGE', `more than ${PARTS_MAX} objects and lists`);
      if (++depth > JSON_DEPTH_MAX) throw new ReviewError('MALFORMED', `nested deeper than ${JSON_DEPTH_MAX} levels`);
    }
  }
}
