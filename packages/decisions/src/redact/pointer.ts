/** Says what is wrong with a JSON Pointer. */
export class PointerError extends Error {}

/** Exactly one name. */
const ONE = '*';
/** Any number of names, also none. */
const ANY = '**';

/**
 * The names in a JSON Pointer (RFC 6901).
 *
 * @throws {PointerError} Where it is none.
 */
export function parsePointer(pointer: string): string[] {
  if (!pointer.startsWith('/')) throw new PointerError('must begin with "/"');
  if (/~(?![01])/.test(pointer)) throw new PointerError('has a "~" that is neither "~0" (for "~") nor "~1" (for "/")');
  return pointer
    .slice(1)
    .split('/')
    .map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'));
}

interface PathRule<Rule> {
  readonly index: number;
  readonly tokens: readonly string[];
  readonly rule: Rule;
}

/** Rules by path, found by the last name in it: most values of a record have a name that no rule ends with. */
export class PathIndex<Rule> {
  /** Those that end with a name, by that name; in their order. */
  readonly #byLast = new Map<string, PathRule<Rule>[]>();
  /** Those that end with a wildcard; in their order. */
  readonly #wild: PathRule<Rule>[] = [];
  #hasIndices = false;

  add(path: readonly string[], index: number, rule: Rule): void {
    const tokens = withoutAnyAtEnd(path);
    const last = tokens.at(-1)!;
    const entry = { index, tokens, rule };
    if (last === ONE || last === ANY) {
      this.#wild.push(entry);
      return;
    }
    const others = this.#byLast.get(last);
    if (others === undefined) this.#byLast.set(last, [entry]);
    else others.push(entry);
    this.#hasIndices ||= /^\d+$/.test(last);
  }

  /** The first rule that fits the value at a place, seen from the record or from the field of it. */
  first(names: readonly (string | number)[]): PathRule<Rule> | undefined {
    const wild = this.#wild.length === 0 ? undefined : this.#wild.find(({ tokens }) => fits(tokens, names));
    const last = names[names.length - 1];
    if (typeof last === 'number' && !this.#hasIndices) return wild;
    const named = this.#byLast.get(String(last))?.find(({ tokens }) => fits(tokens, names));
    if (wild === undefined || named === undefined) return wild ?? named;
    return wild.index < named.index ? wild : named;
  }
}

/**
 * A path without `**` at its end, unless there is nothing else in it: what is inside of a value that a rule fits is
 * never looked at, so the value alone has to be told.
 */
function withoutAnyAtEnd(path: readonly string[]): readonly string[] {
  const end = path.findLastIndex((token) => token !== ANY);
  return end < 0 ? [ANY] : path.slice(0, end + 1);
}

function fits(tokens: readonly string[], names: readonly (string | number)[]): boolean {
  return fitsEnd(tokens, names) && (fitsFrom(tokens, names, 0) || fitsFrom(tokens, names, 1));
}

/** Whether the tokens after the last `**` fit the last names: quickly told, and mostly they do not. */
function fitsEnd(tokens: readonly string[], names: readonly (string | number)[]): boolean {
  let name = names.length - 1;
  for (let token = tokens.length - 1; token >= 0 && tokens[token] !== ANY; token--, name--) {
    if (name < 0 || !fitsName(tokens[token]!, names[name]!)) return false;
  }
  return true;
}

/**
 * Whether tokens fit the names from an index on. When the names after `**` do not fit, only the last `**` takes one name
 * more: whatever an earlier one could take, a later one can take as well. So this is at most tokens times names steps.
 */
function fitsFrom(tokens: readonly string[], names: readonly (string | number)[], from: number): boolean {
  let token = 0;
  let name = from;
  let retryToken = -1;
  let retryName = -1;
  while (name < names.length) {
    if (tokens[token] === ANY) {
      retryToken = ++token;
      retryName = name;
    } else if (token < tokens.length && fitsName(tokens[token]!, names[name]!)) {
      token += 1;
      name += 1;
    } else if (retryToken >= 0) {
      token = retryToken;
      name = ++retryName;
    } else {
      return false;
    }
  }
  while (tokens[token] === ANY) token += 1;
  return token === tokens.length;
}

function fitsName(token: string, name: string | number): boolean {
  return token === ONE || token === (typeof name === 'string' ? name : String(name));
}
