import type { Span } from './pattern.js';

/** Digits of a payment card number (ISO/IEC 7812: at most 19; no issuer here gives fewer than 13). */
const DIGITS_MIN = 13;
const DIGITS_MAX = 19;

/** Groups of digits with one blank or hyphen between them, not part of a decimal number. */
const DIGIT_GROUPS = /(?<!\d|\d\.)\d+(?:[ -]\d+)*(?!\d|\.\d)/g;

/** UTF-16 units around a number that are looked at. */
const WORD_CHARS_MAX = 32;

/** How card numbers are printed in groups. */
const GROUPINGS: readonly (readonly number[])[] = [
  [4, 4, 4, 4, 3],
  [4, 4, 4, 4],
  [4, 4, 4, 1],
  [4, 6, 5],
  [4, 6, 4],
  [8, 8],
  [6, 13],
];

/** First digits of the numbers that issuers give, from and to, with the lengths that they have. */
const ISSUERS: readonly (readonly [from: string, to: string, lengths: readonly number[]])[] = [
  ['4', '4', [13, 16, 19]], // Visa
  ['51', '55', [16]], // Mastercard
  ['2221', '2720', [16]], // Mastercard
  ['34', '34', [15]], // American Express
  ['37', '37', [15]],
  ['300', '305', [14, 16]], // Diners Club
  ['3095', '3095', [14, 16]],
  ['36', '36', [14, 16, 19]],
  ['38', '39', [14, 16]],
  ['3528', '3589', [16, 17, 18, 19]], // JCB
  ['6011', '6011', [16, 19]], // Discover
  ['644', '649', [16, 19]],
  ['65', '65', [16, 19]],
  ['62', '62', [16, 17, 18, 19]], // UnionPay
  ['81', '82', [16]], // UnionPay, RuPay
  ['2200', '2204', [16, 17, 18, 19]], // Mir
  ['5018', '5018', [13, 14, 15, 16, 17, 18, 19]], // Maestro
  ['5020', '5020', [13, 14, 15, 16, 17, 18, 19]],
  ['5038', '5038', [13, 14, 15, 16, 17, 18, 19]],
  ['5893', '5893', [13, 14, 15, 16, 17, 18, 19]],
  ['6304', '6304', [13, 14, 15, 16, 17, 18, 19]],
  ['6759', '6759', [13, 14, 15, 16, 17, 18, 19]],
  ['6761', '6763', [13, 14, 15, 16, 17, 18, 19]],
];

/**
 * Finds payment card numbers: of the right length, from a known issuer, with the right check digit, and not in a longer
 * run of digits or a hexadecimal one.
 */
export function findCards(text: string, found: Span[]): void {
  DIGIT_GROUPS.lastIndex = 0;
  for (let match = DIGIT_GROUPS.exec(text); match !== null; match = DIGIT_GROUPS.exec(text)) {
    if (match[0].length < DIGITS_MIN) continue;
    for (const { start, end } of cardsIn(match[0])) {
      const card = { start: match.index + start, end: match.index + end };
      if (!isHexadecimal(text, card)) found.push(card);
    }
  }
}

/** The groups as a whole, or else each sequence of them that is printed like a card number, where it is one. */
function cardsIn(groups: string): Span[] {
  if (groups.length < 2 * DIGITS_MAX && isCard(groups.replace(/[ -]/g, ''))) return [{ start: 0, end: groups.length }];
  const cards: Span[] = [];
  const parts = groups.split(/[ -]/);
  let start = 0;
  for (let first = 0, next; first < parts.length; first = next) {
    const card = cardFrom(parts, first);
    next = card ?? first + 1;
    // The blank or hyphen between two parts is one character.
    const end = start + parts.slice(first, next).join('-').length;
    if (card !== undefined) cards.push({ start, end });
    start = end + 1;
  }
  return cards;
}

/** Whether digits are part of a word of hexadecimal digits: an id or a digest. */
function isHexadecimal(text: string, { start, end }: Span): boolean {
  const before = /[A-Za-z\d]*$/.exec(text.slice(Math.max(0, start - WORD_CHARS_MAX), start))![0];
  const after = /^[A-Za-z\d]*/.exec(text.slice(end, end + WORD_CHARS_MAX))![0];
  return /^[a-f\d]+$/i.test(before + after);
}

/** The index after the last of the parts that from one on are a card number. */
function cardFrom(parts: readonly string[], first: number): number | undefined {
  if (isCard(parts[first]!)) return first + 1;
  const grouping = GROUPINGS.find(
    (lengths) =>
      lengths.every((length, i) => parts[first + i]?.length === length) &&
      isCard(parts.slice(first, first + lengths.length).join('')),
  );
  return grouping && first + grouping.length;
}

function isCard(digits: string): boolean {
  const { length } = digits;
  return length >= DIGITS_MIN && length <= DIGITS_MAX && hasIssuer(digits) && hasCheckDigit(digits);
}

function hasIssuer(digits: string): boolean {
  return ISSUERS.some(([from, to, lengths]) => {
    const prefix = digits.slice(0, from.length);
    return prefix >= from && prefix <= to && lengths.includes(digits.length);
  });
}

/** The check digit of Luhn's algorithm (ISO/IEC 7812-1, annex B). */
function hasCheckDigit(digits: string): boolean {
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = digits.charCodeAt(digits.length - 1 - i) - 48;
    const doubled = i % 2 === 0 ? digit : digit * 2;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}
