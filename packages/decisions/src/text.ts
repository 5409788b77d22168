/** A text that is valid as UTF-8: halves of surrogate pairs become U+FFFD, as every encoder of OTLP writes them. */
export function wellFormed(text: string): string {
  return text.toWellFormed();
}

/** The beginning of a text, of at most so many bytes of UTF-8, valid, and never cut within a character. */
export function beginning(text: string, bytesMax: number): string {
  if (text.length * 3 <= bytesMax) return wellFormed(text);
  const bytes = Buffer.from(text.slice(0, bytesMax));
  let end = Math.min(bytes.length, bytesMax);
  while ((bytes[end]! & 0xc0) === 0x80) end -= 1;
  return bytes.toString('utf8', 0, end);
}
