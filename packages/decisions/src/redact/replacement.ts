import { createHmac } from 'node:crypto';
import type { MaskingKeys } from './masker.js';
import type { RedactMethod, Rule } from './rules.js';

/** What stands for a value of which nothing is told. */
export const MASK = '***';

/** What is recorded instead of a value, and how it came about. */
export interface Replacement {
  /** `undefined`: the value is left out. */
  readonly text: string | undefined;
  readonly method: RedactMethod;
}

/**
 * Replaces a value as a rule says; `hash` without a key and `encrypt` without a hook mask.
 *
 * @throws Where the hook throws, or returns no string.
 */
export function replacementOf(rule: Rule, text: string, path: string, keys: MaskingKeys): Replacement {
  const { method } = rule;
  if (method === 'drop') return { text: undefined, method };
  if (method === 'hash' && keys.hashKey !== undefined) return { text: pseudonym(text, keys.hashKey), method };
  if (method === 'encrypt' && keys.encrypt !== undefined) return { text: encrypted(text, path, keys.encrypt), method };
  return { text: mask(text, rule.keepLast), method: 'mask' };
}

function pseudonym(text: string, { id, key }: NonNullable<MaskingKeys['hashKey']>): string {
  return `hmac-sha256:${id}:${createHmac('sha256', key).update(text, 'utf8').digest('hex')}`;
}

function encrypted(text: string, path: string, encrypt: NonNullable<MaskingKeys['encrypt']>): string {
  const result: unknown = encrypt(text, { path });
  if (typeof result !== 'string') throw new TypeError('the hook "encrypt" returned no string');
  return result;
}

/** What the JSON of a value that is neither a string nor a number looks like. */
const OTHER_JSON = /^(?:[{[]|(?:true|false|null)$)/;

/** `***`, and the last characters where they are at most half of a string or number. */
function mask(text: string, keepLast: number): string {
  if (keepLast === 0 || OTHER_JSON.test(text)) return MASK;
  // A character has at most two UTF-16 units, so this many hold twice as many characters as are kept, or all there are.
  const characters = Array.from(text.slice(-4 * keepLast));
  if (characters.length < 2 * keepLast) return MASK;
  return MASK + characters.slice(-keepLast).join('');
}
