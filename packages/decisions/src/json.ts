import { createHash, hash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { isPromise } from 'node:util/types';
import { RECORD_BYTES_MAX } from './conventions.js';
import { cutJson } from './cut.js';
import { formOf, markAsHandled, read } from './forms.js';
import type { BytesForm, Elements, EntriesForm, TensorForm } from './forms.js';
import type { Masker } from './redact/masker.js';
import type { Rule } from './redact/rules.js';

/** UTF-8 bytes of one string in a record at most, so that one long text does not push out all the rest. */
const STRING_BYTES_MAX = RECORD_BYTES_MAX / 2;

/** Bytes of a buffer or typed array whose content is recorded; of a larger one only its digest and shape are. */
const BINARY_BYTES_MAX = 4 * 1024;

/** Levels of nesting in a record at most. */
const DEPTH_MAX = 200;

/** Values named in `truncated` at most. */
const TRUNCATIONS_MAX = 32;

/** Larger integers have no decimal text that would fit into a record. */
const BIGINT_MAX = 1n << 65_536n;

/** UTF-16 code units that are held before they are counted and hashed. */
const CHUNK_CHARS = 64 * 1024;

/**
 * UTF-16 code units of JSON text that are walked of one part of a record at most: what is larger is cut without a
 * digest, so that time is bounded whatever comes in. Values count for more than their text, for they cost more.
 */
const WALK_CHARS_MAX = 1024 * 1024;
const VALUE_COST = 4;
const OBJECT_COST = 16;
/** For each object around an object, as it is compared with all of them: a graph without an end is deep everywhere. */
const LEVEL_COST = 4;

/** UTF-16 units beyond what is recorded of a text that are looked at, so that no secret is recorded up to the cut. */
const OVERLAP_CHARS = 4 * 1024;

/** Bytes of binary data in one part of a record that are hashed at most, unless `configureDecisions` says otherwise. */
export const DIGEST_BYTES_MAX: number = 16 * 1024 * 1024;

/** UTF-16 units of a JSON Pointer in `truncated` at most. */
const PATH_CHARS_MAX = 1024;

/** One value that a limit cut: a member of a record's `truncated`. */
export interface Truncation {
  /** JSON Pointer (RFC 6901) into the record. */
  path: string;
  /** Size of the whole: UTF-8 bytes of its JSON; for binary data, its bytes. Absent where it was not walked to its end. */
  bytes?: number;
  /** Lower-case hex SHA-256 of the same bytes. Absent where they were not all read, or something in them was masked. */
  sha256?: string;
}

/** A value as JSON text, and what is known of what was left out of it. */
export interface EncodedJson {
  /** JSON text. Where it would be longer than any record it is a beginning only, to be cut before it is used. */
  text: string;
  /** UTF-8 bytes of the text; infinite where it is a beginning only. */
  textBytes: number;
  /** UTF-8 bytes and lower-case hex SHA-256 of the JSON text without any limit; absent where it was not walked to its end. */
  whole: (() => { bytes: number; sha256: string }) | undefined;
  truncated: Truncation[];
}

/** What encoding needs to know besides the value. */
export interface EncodeOptions {
  /** Keeps out of the record what must not be in it. */
  masker: Masker;
  /** Bytes of binary data that are hashed at most. Default: {@link DIGEST_BYTES_MAX}. */
  digestBytesMax?: number | undefined;
}

/**
 * Encodes any JavaScript value as JSON, losing nothing silently: what JSON has no form for gets one of the forms of
 * `docs/semantic-conventions.md` (`$number`, `$bytes`, `$tensor`, `$ref`, `$unreadable`). Never throws, whatever getters,
 * proxies and `toJSON` methods do. Time and memory are bounded: of a text longer than a record only the beginning is
 * kept, while size and digest are those of the whole, as long as the whole is of a size that can be walked.
 *
 * @param path JSON Pointer of the value in the record, the prefix of every path in the result.
 * @param options Without them nothing is masked.
 */
export function encodeJson(value: unknown, path: string, options?: EncodeOptions): EncodedJson {
  const writer = new JsonWriter(options?.digestBytesMax);
  return encode(
    writer,
    path,
    options?.masker,
    () => void new Encoder(writer, path, options?.masker).value(value, 'top'),
  );
}

/** Encodes a list whose items come one after the other, each as it is when it comes. */
export class ListEncoder {
  readonly #writer: JsonWriter;
  readonly #path: string;
  readonly #masker: Masker;
  /** The rule that fits the list as a whole: what is in it is then replaced at its end, not item by item. */
  readonly #rule: Rule | undefined;
  readonly #encoder: Encoder;
  #failure: { error: unknown } | undefined;

  constructor(path: string, options: EncodeOptions) {
    this.#writer = new JsonWriter(options.digestBytesMax);
    this.#path = path;
    this.#masker = options.masker;
    this.#rule = options.masker.ruleAt(namesOf(path));
    this.#encoder = new Encoder(this.#writer, path, this.#rule === undefined ? options.masker : undefined);
    this.#writer.write('[');
  }

  add(item: unknown, index: number): void {
    if (this.#failure !== undefined) return;
    try {
      this.#encoder.element(index, item);
    } catch (error) {
      this.#failure = { error };
    }
  }

  end(): EncodedJson {
    const list = encode(this.#writer, this.#path, this.#masker, () => {
      if (this.#failure !== undefined) throw this.#failure.error;
      this.#writer.write(']');
    });
    if (this.#rule === undefined) return list;
    return plainJson(this.#masker.replace(this.#rule, this.#path, wholeText(list)) ?? null);
  }
}

/** Thrown where a value is too large to be walked to its end. */
const TOO_LARGE = Symbol('too large to walk');

function encode(writer: JsonWriter, path: string, masker: Masker | undefined, run: () => void): EncodedJson {
  try {
    run();
    if (masker?.failedAt(path) !== true) return writer.end();
  } catch (error) {
    if (error === TOO_LARGE && masker?.failedAt(path) !== true) return writer.stop(path);
  }
  // Fail closed: what could not be masked as the rules say is masked as a whole.
  return plainJson(masker?.maskAll(path) ?? null);
}

const NOTHING_CUT: Truncation[] = [];

/** JSON text that is small and of ASCII characters alone. */
export function asciiJson(text: string): EncodedJson {
  return { text, textBytes: text.length, whole: undefined, truncated: NOTHING_CUT };
}

/** Encodes a small value that nothing of the user's is in, or that was encoded before. */
export function plainJson(value: unknown): EncodedJson {
  const text = JSON.stringify(value);
  const bytes = Buffer.byteLength(text);
  return { text, textBytes: bytes, whole: () => ({ bytes, sha256: hash('sha256', text) }), truncated: [] };
}

/** Collects JSON text: keeps its beginning, counts all of it, hashes it once it no longer fits. */
class JsonWriter {
  readonly truncated: Truncation[] = [];
  /** What may still be walked, and hashed of binary data. */
  #walkLeft = WALK_CHARS_MAX;
  #digestLeft: number;
  /** The beginning of the text, as it is recorded. */
  #kept = '';
  /** Text that is not counted and hashed yet; as long as there is no hash, all of it is in `#kept`. */
  #pending = '';
  #bytes = 0;
  #hash: Hash | undefined;

  constructor(digestBytesMax: number = DIGEST_BYTES_MAX) {
    this.#digestLeft = digestBytesMax;
  }

  write(text: string): void {
    this.#keep(text);
    if (this.#hash !== undefined) this.#count(text);
    else if (this.#kept.length > RECORD_BYTES_MAX) this.#startHash();
  }

  /** Counts a value that is walked, whether or not it writes something. */
  walk(chars: number): void {
    this.#walkLeft -= chars;
    if (this.#walkLeft < 0) throw TOO_LARGE;
  }

  canWalk(chars: number): boolean {
    return chars <= this.#walkLeft;
  }

  /** The digest of binary data; none where there is too much of it. */
  digestOf(bytes: Uint8Array): string | undefined {
    if (bytes.length > this.#digestLeft) return undefined;
    this.#digestLeft -= bytes.length;
    return hash('sha256', bytes);
  }

  /** Writes a value in a shorter form than it has; size and digest are those of the whole, given in pieces. */
  writeCut(path: string, recorded: string, whole: Iterable<string>): void {
    this.#startHash();
    this.#keep(recorded);
    const digest = createHash('sha256');
    let bytes = 0;
    for (const piece of whole) {
      this.#count(piece);
      digest.update(piece);
      bytes += Buffer.byteLength(piece);
    }
    this.truncate(() => path, { bytes, sha256: digest.digest('hex') });
  }

  /** @param pathOf Called only where there is room for one more: a graph may be cut in tens of thousands of places. */
  truncate(pathOf: () => string, whole: Omit<Truncation, 'path'> = {}): void {
    if (this.truncated.length >= TRUNCATIONS_MAX) return;
    const path = pathOf();
    this.truncated.push(path.length <= PATH_CHARS_MAX ? { path, ...whole } : { path: nearest(path) });
  }

  end(): EncodedJson {
    const text = this.#kept;
    const textBytes = text.length > RECORD_BYTES_MAX ? Infinity : Buffer.byteLength(text);
    if (this.#hash === undefined) {
      const whole = () => ({ bytes: textBytes, sha256: hash('sha256', text) });
      return { text, textBytes, whole, truncated: this.truncated };
    }
    this.#flush();
    const whole = { bytes: this.#bytes, sha256: this.#hash.digest('hex') };
    return { text, textBytes, whole: () => whole, truncated: this.truncated };
  }

  /** Ends where the rest of the value is too large to be walked: what is there is a beginning. */
  stop(path: string): EncodedJson {
    this.truncate(() => path);
    // Each piece is written whole, so a number at the end goes no further: the comma says so.
    return { text: `${this.#kept},`, textBytes: Infinity, whole: undefined, truncated: this.truncated };
  }

  #keep(text: string): void {
    // Little over the limit is enough to tell that the text is longer than any record.
    if (this.#kept.length <= RECORD_BYTES_MAX) this.#kept += text;
  }

  #count(text: string): void {
    this.#pending += text;
    if (this.#pending.length >= CHUNK_CHARS) this.#flush();
  }

  #startHash(): void {
    if (this.#hash !== undefined) return;
    this.#hash = createHash('sha256');
    this.#pending = this.#kept;
  }

  #flush(): void {
    const bytes = Buffer.from(this.#pending);
    this.#bytes += bytes.length;
    this.#hash?.update(bytes);
    this.#pending = '';
  }
}

/** The pointer to the nearest enclosing value whose pointer is short enough: keys are the user's, and may be long. */
function nearest(path: string): string {
  return path.slice(0, path.lastIndexOf('/', PATH_CHARS_MAX));
}

/** Where a value stands decides what becomes of one that JSON leaves out: a member is omitted, an element is null. */
type Place = 'top' | 'element' | 'member';

class Encoder {
  readonly #writer: JsonWriter;
  readonly #root: string;
  readonly #masker: Masker | undefined;
  /** The objects around the value being written, with the number of keys that lead to each. */
  readonly #ancestors: object[] = [];
  readonly #depths: number[] = [];
  /** The tokens of the JSON Pointer to the value being written, from the root. */
  readonly #keys: (string | number)[] = [];
  /** The same as redaction rules know them: with the field of the record, and with the keys of a Map instead of indices. */
  readonly #names: (string | number)[];

  constructor(writer: JsonWriter, root: string, masker: Masker | undefined) {
    this.#writer = writer;
    this.#root = root;
    this.#names = namesOf(root);
    this.#masker = masker;
  }

  /**
   * Writes one value after `prefix` (a comma, a key).
   *
   * @returns Whether something was written: a member without a JSON form, or one that is dropped, is left out.
   */
  value(value: unknown, place: Place, prefix = ''): boolean {
    this.#writer.walk(VALUE_COST);
    const rule = this.#rule();
    if (rule !== undefined && !isLeftOut(value)) {
      const path = this.#path();
      return this.#replacement(this.#masker!.replace(rule, path, textOf(value, path)), place, prefix);
    }
    switch (typeof value) {
      case 'string':
        return this.#string(value, place, prefix);
      case 'number':
      case 'bigint':
        return this.#number(value, place, prefix);
      case 'boolean':
        return this.#write(prefix + (value ? 'true' : 'false'));
      case 'object':
        return value === null ? this.#write(`${prefix}null`) : this.#object(value, place, prefix);
      default:
        return this.#nothing(place, prefix);
    }
  }

  element(index: number, value: unknown, name: string | number = index): void {
    this.#keys.push(index);
    this.#names.push(name);
    this.value(value, 'element', index === 0 ? '' : ',');
    this.#names.pop();
    this.#keys.pop();
  }

  #write(text: string): true {
    this.#writer.walk(text.length);
    this.#writer.write(text);
    return true;
  }

  /** Writes what stands for a value that JSON leaves out: nothing for a member, else null. */
  #nothing(place: Place, prefix: string): boolean {
    return place !== 'member' && this.#write(`${prefix}null`);
  }

  #replacement(text: string | undefined, place: Place, prefix: string): boolean {
    return text === undefined ? this.#nothing(place, prefix) : this.#write(prefix + JSON.stringify(text));
  }

  #number(value: number | bigint, place: Place, prefix: string): boolean {
    if (typeof value === 'bigint' && (value > BIGINT_MAX || value < -BIGINT_MAX)) {
      this.#writer.truncate(() => this.#path());
      return this.#write(`${prefix}{"$unreadable":"bigint"}`);
    }
    const text = String(value);
    const masked = this.#masked(text);
    if (masked !== text) return this.#replacement(masked, place, prefix);
    return this.#write(prefix + (typeof value === 'bigint' ? `"${text}"` : numberJson(value, text)));
  }

  #string(value: string, place: Place, prefix: string): boolean {
    const head = value.slice(0, STRING_BYTES_MAX + OVERLAP_CHARS);
    const masked = this.#masked(head);
    if (masked === undefined) return this.#nothing(place, prefix);
    if (masked === head) return this.#text(value, prefix);
    if (head === value) return this.#text(masked, prefix);
    // The rest was not looked at, so not even its digest is told.
    const kept = JSON.stringify(masked.slice(0, Math.max(0, masked.length - OVERLAP_CHARS)));
    this.#writer.truncate(() => this.#path());
    return this.#write(prefix + cutJson(kept, STRING_BYTES_MAX));
  }

  #text(value: string, prefix: string): boolean {
    if (value.length * 3 <= STRING_BYTES_MAX) return this.#write(prefix + stringJson(value));
    if (value.length <= RECORD_BYTES_MAX) {
      const json = JSON.stringify(value);
      if (Buffer.byteLength(json) <= STRING_BYTES_MAX) return this.#write(prefix + json);
    }
    const head = cutJson(JSON.stringify(value.slice(0, STRING_BYTES_MAX)), STRING_BYTES_MAX);
    if (!this.#writer.canWalk(value.length)) {
      this.#writer.write(prefix + head);
      throw TOO_LARGE;
    }
    this.#writer.walk(value.length);
    this.#writer.write(prefix);
    this.#writer.writeCut(this.#path(), head, stringJsonPieces(value));
    return true;
  }

  #object(value: object, place: Place, prefix: string): boolean {
    const ancestor = this.#ancestors.indexOf(value);
    if (ancestor >= 0) {
      const target = this.#path(this.#depths[ancestor]);
      return this.#write(`${prefix}{"$ref":${JSON.stringify(target)}}`);
    }
    if (this.#ancestors.length >= DEPTH_MAX) {
      this.#writer.truncate(() => this.#path());
      return this.#write(`${prefix}null`);
    }
    this.#writer.walk(OBJECT_COST + LEVEL_COST * this.#ancestors.length);
    this.#ancestors.push(value);
    this.#depths.push(this.#keys.length);
    try {
      const form = formOf(value);
      switch (form.kind) {
        case 'replaced':
          return this.value(form.value, place, prefix);
        case 'bytes':
          return this.#bytes(form, prefix);
        case 'tensor':
          return this.#tensor(form, prefix);
        case 'entries':
          return this.#entries(form, prefix);
        case 'list':
          return this.#list(form.items, form.length, prefix);
        default:
          return this.#members(value, form.keys, prefix);
      }
    } finally {
      this.#ancestors.pop();
      this.#depths.pop();
    }
  }

  #list(items: ArrayLike<unknown>, length: number, prefix: string): boolean {
    this.#write(`${prefix}[`);
    for (let index = 0; index < length; index++) {
      const item = read(() => items[index]);
      // In a list of pairs, such as the headers of a request, the first names the second.
      const name = index === 1 && length === 2 ? read(() => items[0]) : index;
      this.element(index, item, typeof name === 'string' ? name : index);
    }
    return this.#write(']');
  }

  #entries({ entries, pairs }: EntriesForm, prefix: string): boolean {
    this.#write(`${prefix}[`);
    for (let index = 0; ; index++) {
      const step = read(() => nextOf(entries, pairs));
      if (step === undefined) break;
      if ('$unreadable' in step) this.element(index, step);
      else if ('key' in step) this.#pair(index, step.key, step.value);
      else this.element(index, step.value);
      if ('$unreadable' in step) break;
    }
    return this.#write(']');
  }

  #pair(index: number, key: unknown, value: unknown): void {
    this.#write(index === 0 ? '[' : ',[');
    this.#keys.push(index);
    this.element(0, key);
    this.element(1, value, typeof key === 'string' ? key : 1);
    this.#keys.pop();
    this.#write(']');
  }

  #members(value: object, keys: string[], prefix: string): boolean {
    this.#write(`${prefix}{`);
    let separator = '';
    let given: GivenNames | undefined;
    for (const key of keys) {
      const member = read(() => memberOf(value, key));
      this.#writer.walk(key.length);
      // A key can be personal data as well.
      let name = this.#masked(key);
      if (name === undefined) continue;
      if (name !== key) name = (given ??= new GivenNames(keys)).next(name);
      this.#keys.push(name);
      this.#names.push(key);
      if (this.value(member, 'member', `${separator}${stringJson(name)}:`)) separator = ',';
      this.#names.pop();
      this.#keys.pop();
    }
    return this.#write('}');
  }

  #bytes({ bytes }: BytesForm, prefix: string): boolean {
    const { length } = bytes;
    if (length > BINARY_BYTES_MAX) {
      const sha256 = this.#writer.digestOf(bytes);
      this.#writer.truncate(() => this.#path(), { bytes: length, ...(sha256 && { sha256 }) });
      return this.#write(`${prefix}{"$bytes":{"length":${length}${digestJson(sha256)}}}`);
    }
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, length);
    if (this.#isMasked(buffer.toString()) || (bytes[1] === 0 && this.#isMasked(buffer.toString('utf16le')))) {
      return this.#write(`${prefix}{"$bytes":{"length":${length}}}`);
    }
    const content = `${digestJson(hash('sha256', bytes))},"base64":"${buffer.toString('base64')}"`;
    return this.#write(`${prefix}{"$bytes":{"length":${length}${content}}}`);
  }

  #tensor({ type, dims, elements, isCut }: TensorForm, prefix: string): boolean {
    this.#write(`${prefix}{"$tensor":{"type":"${type}","dims":[${dims.join(',')}]`);
    if (isCut === true) this.#writer.truncate(() => this.#path());
    if (elements !== undefined) {
      this.#keys.push('$tensor', 'data');
      this.#names.push('data');
      this.#elements(elements);
      this.#names.pop();
      this.#keys.splice(-2);
    }
    return this.#write('}}');
  }

  #rule(): Rule | undefined {
    if (this.#masker === undefined) return undefined;
    const rule = this.#masker.ruleAt(this.#names);
    const index = this.#keys.at(-1);
    if (rule !== undefined || typeof index !== 'number' || index === this.#names.at(-1)) return rule;
    // What is known by the name beside it stands at an index as well.
    return this.#masker.ruleAt([...this.#names.slice(0, -1), index]);
  }

  #elements({ items, length, bytes }: Elements): void {
    const rule = this.#masker?.ruleAt(this.#names);
    if (rule !== undefined) {
      const path = this.#path();
      const masked = this.#masker!.replace(rule, path, textOf(items, path));
      if (masked !== undefined) this.#write(`,"data":${JSON.stringify(masked)}`);
    } else if (bytes === undefined) {
      this.#list(items, length, ',"data":');
    } else if (bytes.length > BINARY_BYTES_MAX) {
      const sha256 = this.#writer.digestOf(bytes);
      this.#writer.truncate(() => this.#path(-2), { bytes: bytes.length, ...(sha256 && { sha256 }) });
      this.#write(digestJson(sha256));
    } else {
      this.#numbers(items as ArrayLike<number | bigint>, length, bytes);
    }
  }

  #numbers(items: ArrayLike<number | bigint>, length: number, bytes: Uint8Array): void {
    let list = '';
    let codes = '';
    for (let index = 0; index < length; index++) {
      const element = items[index]!;
      const text = String(element);
      // A digest of so few numbers would give away the one that is masked.
      if (this.#isMasked(text)) return;
      list += `${index === 0 ? '' : ','}${typeof element === 'bigint' ? `"${text}"` : numberJson(element, text)}`;
      codes += String.fromCharCode(Number(element));
    }
    // Numbers can be those of the characters of a text.
    if (this.#isMasked(codes)) return;
    this.#write(`${digestJson(hash('sha256', bytes))},"data":[${list}]`);
  }

  #isMasked(text: string): boolean {
    return this.#masked(text) !== text;
  }

  /** The text after the rules for values; `undefined` where it is dropped. */
  #masked(text: string): string | undefined {
    return this.#masker === undefined ? text : this.#masker.text(text, () => this.#path());
  }

  /** JSON Pointer of the value being written, or of the ancestor at a depth; from here where that is negative. */
  #path(depth: number = this.#keys.length): string {
    let path = this.#root;
    for (const key of this.#keys.slice(0, depth)) {
      path += `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`;
    }
    return path;
  }
}

/** Names for the members of an object whose keys are masked: masked alike, they stay different, also from the other keys. */
class GivenNames {
  readonly #taken: Set<string>;
  /** How often each masked key was given. */
  readonly #counts = new Map<string, number>();

  constructor(keys: readonly string[]) {
    this.#taken = new Set(keys);
  }

  next(name: string): string {
    for (let count = (this.#counts.get(name) ?? 0) + 1; ; count++) {
      const free = count === 1 ? name : `${name} ${count}`;
      if (this.#taken.has(free)) continue;
      this.#counts.set(name, count);
      this.#taken.add(free);
      return free;
    }
  }
}

/** Reads a member. A getter may make a promise for us alone. */
function memberOf(value: object, key: string): unknown {
  const member = (value as Record<string, unknown>)[key];
  if (isPromise(member) && Reflect.getOwnPropertyDescriptor(value, key)?.get !== undefined) markAsHandled(member);
  return member;
}

/** Reads the next of some entries, all that may throw of it; `undefined` at their end. */
function nextOf(entries: Iterator<unknown>, pairs: boolean): { key?: unknown; value: unknown } | undefined {
  const { done, value } = entries.next();
  if (done === true) return undefined;
  return pairs && Array.isArray(value) ? { key: value[0] as unknown, value: value[1] as unknown } : { value };
}

/** Most keys and many texts need no escapes, and finding that out is quicker than `JSON.stringify`. */
function stringJson(text: string): string {
  return text.length < 64 && /^[ !#-[\]-~]*$/.test(text) ? `"${text}"` : JSON.stringify(text);
}

function isLeftOut(value: unknown): boolean {
  return value === undefined || typeof value === 'function' || typeof value === 'symbol';
}

/** A value as redaction takes it: a string itself, a number in decimal, anything else as JSON. */
function textOf(value: unknown, path: string): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  return wholeText(encodeJson(value, path));
}

/** JSON as redaction takes it: what is too long to be kept is told from others by its digest. */
function wholeText({ text, textBytes, whole }: EncodedJson): string {
  return textBytes <= RECORD_BYTES_MAX ? text : (whole?.().sha256 ?? cutJson(text, RECORD_BYTES_MAX));
}

/** The names in the pointer to a field of the record. */
function namesOf(root: string): string[] {
  return root.split('/').slice(1);
}

function digestJson(sha256: string | undefined): string {
  return sha256 === undefined ? '' : `,"sha256":"${sha256}"`;
}

function numberJson(value: number, text: string): string {
  if (!Number.isFinite(value)) return `{"$number":"${text}"}`;
  // JSON has a negative zero, and JavaScript writes it without its sign.
  return Object.is(value, -0) ? '-0' : text;
}

/** The JSON text of a long string, piece by piece; a surrogate pair is never split. */
function* stringJsonPieces(value: string): Generator<string> {
  yield '"';
  let start = 0;
  while (start < value.length) {
    let end = Math.min(start + CHUNK_CHARS, value.length);
    if (end < value.length && isHighSurrogate(value.charCodeAt(end - 1))) end += 1;
    yield JSON.stringify(value.slice(start, end)).slice(1, -1);
    start = end;
  }
  yield '"';
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}
