import { findAssignments } from './assignments.js';
import { findCards } from './cards.js';
import { NameCache, normaliseName } from './names.js';
import type { Span } from './pattern.js';
import type { CompiledRules, Rule, TextRule } from './rules.js';

/** How names of secrets end, as {@link normaliseName} returns them. */
const SECRET_NAME =
  /(?:password|passwd|passphrase|secret|token|apikey|secretkey|accesskey|privatekey|authorization|cookie|credentials?)$|^(?:pwd|cvv|cvc)$/;

/** UTF-16 units of a name that are looked at, from its end. */
const NAME_CHARS_MAX = 256;

/** What a secret cannot be without, so that a text without it need not be searched for that secret. */
const SEPARATOR = 1;
const AT = 2;
const BLANK = 4;
const WORD_SEPARATOR = 8;
const CAPITAL_A = 16;

/** Digits of a text that can hold the number of a card, at least. */
const CARD_DIGITS_MIN = 13;

const TRAITS = new Uint8Array(128);
const DIGIT = 32;
for (const [trait, chars] of [
  [SEPARATOR, ':='],
  [AT, '@'],
  [BLANK, ' \t'],
  [WORD_SEPARATOR, '-_.'],
  [CAPITAL_A, 'A'],
  [DIGIT, '0123456789'],
] as const) {
  for (const char of chars) TRAITS[char.charCodeAt(0)] = trait;
}

/** The first line of a private key (RFC 7468, and the forms of OpenSSH and PGP), up to its end. */
const PRIVATE_KEY = /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/g;
const PRIVATE_KEY_END = '-----END';

/** Credentials of the schemes of RFC 6750, RFC 7617, and what web frameworks do alike. */
const CREDENTIALS = /(?<![\w-])(?:(bearer)|token|(basic))[\t ]{1,8}([\w.~+/-]{6,}={0,2})/gi;
/** Words of a language are shorter. */
const LONG_WORD_CHARS = 24;
/** Of RFC 7616: to the end of the line. */
const DIGEST = /(?<![\w-])digest[\t ]{1,8}(?=\w{2,16}=)([^\r\n]+)/gi;

/**
 * A JSON Web Token (two or more parts in base64url, the first of which begins with `{"`), and tokens by the prefixes
 * that their issuers give them. A word begins there, so that each run is looked at once.
 */
const TOKEN =
  /(?<![\w-])(?:eyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*){0,3}|sk-[\w-]{16,}|[rs]k_(?:live|test)_\w{8,}|gh[opusr]_\w{16,}|github_pat_\w{16,}|glpat-[\w-]{16,}|xox[a-z]-[\w-]{8,}|A[KS]IA[A-Z\d]{12,}|AIza[\w-]{20,}|npm_\w{20,}|hf_\w{16,}|ya29\.[\w.-]{8,}|dop_v1_\w{16,}|SG\.[\w-]{8,}\.[\w-]{8,})/g;

/** The password in a URL (RFC 3986, 3.2.1); it may hold an `@`, though it must not. */
const USER_INFO = /(?<=[a-z\d+.-]:\/\/[^\s/?#@:"'`<>]{0,256}:)[^\s/?#"'`<>]+(?=@)/gi;

const MASK: Rule = Object.freeze({ method: 'mask', keepLast: 0, isSecret: true });

const names = new NameCache((name) => SECRET_NAME.test(normaliseName(name.slice(-NAME_CHARS_MAX))));

const inTexts: TextRule = Object.freeze({ ...MASK, find: findSecrets });

/**
 * The rules that keep out of every record, unless they are switched off, what has the name of a secret (`password`,
 * `clientSecret`, `x-auth-token`) or looks like one: private keys, credentials, tokens, passwords in URLs and after
 * names, numbers of payment cards.
 *
 * Their regular expressions run on the engine of the language, whose time is linear only if no text makes it try one
 * part in many ways: so no repetition stands in another one or next to one that fits the same characters, and a run of
 * characters is entered at its beginning only.
 */
export const SECRETS: CompiledRules = Object.freeze({
  textRules: Object.freeze([inTexts]),
  ruleAt(place: readonly (string | number)[]): Rule | undefined {
    const name = place[place.length - 1];
    return typeof name === 'string' && names.get(name) ? MASK : undefined;
  },
});

/** The secrets in a text; `undefined` where there are none. */
function findSecrets(text: string): readonly Span[] | undefined {
  let traits = 0;
  let digits = 0;
  for (let i = 0; i < text.length; i++) {
    const trait = TRAITS[text.charCodeAt(i)] ?? 0;
    if (trait === DIGIT) digits += 1;
    else traits |= trait;
  }
  if (traits === 0 && digits < CARD_DIGITS_MIN) return undefined;

  const found: Span[] = [];
  if ((traits & SEPARATOR) !== 0) findAssignments(text, found);
  if ((traits & (SEPARATOR | AT)) === (SEPARATOR | AT)) findAll(USER_INFO, text, found);
  if (digits >= CARD_DIGITS_MIN) findCards(text, found);
  if ((traits & BLANK) !== 0) findCredentials(text, found);
  if ((traits & (WORD_SEPARATOR | CAPITAL_A)) !== 0) findTokens(text, found);
  return found.length === 0 ? undefined : found;
}

function findTokens(text: string, found: Span[]): void {
  findAll(TOKEN, text, found, isToken);
  if (text.includes('-----BEGIN')) findPrivateKeys(text, found);
}

function findAll(pattern: RegExp, text: string, found: Span[], is: (secret: string) => boolean = () => true): void {
  pattern.lastIndex = 0;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    if (is(match[0])) found.push({ start: match.index, end: pattern.lastIndex });
  }
}

function findPrivateKeys(text: string, found: Span[]): void {
  PRIVATE_KEY.lastIndex = 0;
  while (PRIVATE_KEY.test(text)) {
    const start = PRIVATE_KEY.lastIndex;
    const end = text.indexOf(PRIVATE_KEY_END, start);
    PRIVATE_KEY.lastIndex = end < 0 ? text.length : end;
    found.push({ start, end: PRIVATE_KEY.lastIndex });
  }
}

function findCredentials(text: string, found: Span[]): void {
  findLast(DIGEST, text, found, () => true);
  findLast(CREDENTIALS, text, found, ([, bearer, basic], secret) =>
    isCredential(secret, bearer !== undefined, basic !== undefined),
  );
}

/** Finds what the last group of a pattern fits. */
function findLast(
  pattern: RegExp,
  text: string,
  found: Span[],
  is: (match: RegExpExecArray, secret: string) => boolean,
): void {
  pattern.lastIndex = 0;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const secret = match.at(-1)!;
    if (is(match, secret)) found.push({ start: pattern.lastIndex - secret.length, end: pattern.lastIndex });
  }
}

/** Tells credentials from words: "bearer authentication", "token required", "basic information". */
function isCredential(text: string, isBearer: boolean, isBasic: boolean): boolean {
  if (/\d|=$|[a-z][A-Z]/.test(text) || text.length >= LONG_WORD_CHARS) return true;
  if (isBearer) return /[^A-Za-z]./.test(text);
  return isBasic && Buffer.from(text, 'base64').toString('latin1').includes(':');
}

/** Tells tokens from names with hyphens: "sk-learn-based-model". */
function isToken(text: string): boolean {
  return /[\dA-Z]/.test(text);
}
