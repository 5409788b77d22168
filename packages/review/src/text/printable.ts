/**
 * Control, format (bidirectional overrides, zero-width) and line separator characters, and lone surrogates. In a
 * record they could move the cursor, recolour or retitle the terminal, or make one text look like another.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
const WHITESPACE_CONTROL = /[\t\n\v\f\r\u2028\u2029]+/g;
const UNPRINTABLE_BUT_NEWLINE = /(?!\n)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** Text that is safe to print on one line of a terminal: line breaks and tabs become a space, the rest goes. */
export function printable(text: string): string {
  return text.replace(WHITESPACE_CONTROL, ' ').replace(UNPRINTABLE, '');
}

/** Text that is safe to print on a terminal, with its line breaks. */
export function printableLines(text: string): string {
  return text.replaceAll('\t', '  ').replace(UNPRINTABLE_BUT_NEWLINE, '');
}
