/** A string of up to this many UTF-16 units is kept whole or left out: half an id or half a digest misleads. */
const WHOLE_STRING_CHARS_MAX = 256;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/**
 * The longest valid JSON text of at most `bytesMax` UTF-8 bytes that is a beginning of `text`: cut between two values,
 * or inside a long string, with the open containers closed; `null` where not even that fits. `text` is compact JSON, or
 * the beginning of one.
 */
export function cutJson(text: string, bytesMax: number): string {
  /** The longest cut so far: this much of the text, then what closes it. */
  let best = { end: 0, closing: 'null' };
  /** Closing brackets of the containers that are open at `i`, innermost first. */
  let closers = '';
  let bytes = 0;
  let i = 0;

  /** Moves on to `end`; where a cut is possible there, and fits, it is the best so far. */
  const advance = (end: number, closing?: string): boolean => {
    bytes += end === i + 1 && text.charCodeAt(i) < 0x80 ? 1 : Buffer.byteLength(text.slice(i, end));
    i = end;
    if (closing !== undefined && bytes + closing.length <= bytesMax) best = { end, closing };
    return bytes <= bytesMax;
  };

  let isKey = false;
  let fits = true;
  while (fits && i < text.length) {
    const char = text[i]!;
    if (char === '{' || char === '[') {
      isKey = char === '{';
      closers = (isKey ? '}' : ']') + closers;
      fits = advance(i + 1, closers);
    } else if (char === '}' || char === ']') {
      closers = closers.slice(1);
      fits = advance(i + 1, closers);
    } else if (char === ',' || char === ':') {
      isKey = char === ',' && closers.startsWith('}');
      fits = advance(i + 1);
    } else if (char === '"') {
      const end = stringEnd(text, i);
      const isWhole = end <= text.length;
      if (!isKey && end - i > WHOLE_STRING_CHARS_MAX) {
        fits = advance(i + 1, `"${closers}`);
        while (fits && i < end - 1) fits = advance(i + characterLength(text, i), `"${closers}`);
      }
      fits &&= advance(Math.min(end, text.length), isWhole && !isKey ? closers : undefined);
    } else {
      // A number or a literal, up to the next comma or closing bracket; at the end of a beginning it may go on.
      let end = i + 1;
      while (end < text.length && !',]}'.includes(text[end]!)) end += 1;
      fits = advance(end, end < text.length || closers === '' ? closers : undefined);
    }
  }
  return text.slice(0, best.end) + best.closing;
}

/** Index after the closing quote of the string that begins at `start`; beyond the text where that ends before it does. */
function stringEnd(text: string, start: number): number {
  let i = start + 1;
  while (i < text.length) {
    const unit = text.charCodeAt(i);
    if (unit === QUOTE) return i + 1;
    i += unit === BACKSLASH ? 2 : 1;
  }
  return text.length + 1;
}

/** UTF-16 units of the character or escape sequence at an index inside a JSON string. */
function characterLength(text: string, at: number): number {
  const unit = text.charCodeAt(at);
  if (unit === BACKSLASH) return text[at + 1] === 'u' ? 6 : 2;
  return unit >= 0xd800 && unit <= 0xdbff ? 2 : 1;
}
