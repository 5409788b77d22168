import { createHash, hash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import {
  isAnyArrayBuffer,
  isBoxedPrimitive,
  isDataView,
  isDate,
  isMap,
  isNativeError,
  isSet,
  isUint8Array,
} from 'node:util/types';
import { RECORD_BYTES_MAX } from './conventions.js';
import { cutJson } from './cut.js';

/** UTF-8 bytes of one string in a record at most, so that one long text does not push out all the rest. */
const STRING_BYTES_MAX = RECORD_BYTES_MAX / 2;

/** Bytes of a buffer or typed array whose content is recorded; of a larger one only its digest and shape are. */
const BINARY_BYTES_MAX = 4 * 1024;

/** Levels of nesting in a record at most. */
const DEPTH_MAX = 200;

/** Values named in `truncated` at most. */
const TRUNCATIONS_MAX = 32;

/** UTF-16 code units that are held before they are counted and hashed. */
const CHUNK_CHARS = 64 * 1024;

/** UTF-16 units of a JSON Pointer in `truncated` at most. */
const PATH_CHARS_MAX = 1024;

/** One value that a limit cut: a member of a record's `truncated`. */
export interface Truncation {
  /** JSON Pointer (RFC 6901) into the record. */
  path: string;
  /** Size of the whole: UTF-8 bytes of its JSON; for binary data, its bytes. Absent where it could not be read. */
  bytes?: number;
  /** Lower-case hex SHA-256 of the same bytes. Absent where they could not be read. */
  sha256?: string;
}

/** A value as JSON text, and what is known of what was left out of it. */
export interface EncodedJson {
  /** JSON text. Where it would be longer than any record it is a beginning only, to be cut before it is used. */
  text: string;
  /** UTF-8 bytes of the text; infinite where it is a beginning only. */
  textBytes: number;
  /** UTF-8 bytes of the JSON text without any limit. */
  wholeBytes: number;
  /** Lower-case hex SHA-256 of the JSON text without any limit. */
  wholeSha256: () => string;
  truncated: Truncation[];
}

/**
 * Encodes any JavaScript value as JSON, losing nothing silently: what JSON has no form for gets one of the forms of
 * `docs/semantic-conventions.md` (`$number`, `$bytes`, `$tensor`, `$ref`, `$unreadable`). Never throws, whatever getters,
 * proxies and `toJSON` methods do. Memory is bounded: of a text longer than a record only the beginning is kept, while
 * size and digest are those of the whole.
 *
 * @param path JSON Pointer of the value in the record, the prefix of every path in the result.
 */
export function encodeJson(value: unknown, path: string): EncodedJson {
  const writer = new JsonWriter();
  new Encoder(writer, path).value(value, 'top');
  return writer.end();
}

/** Collects JSON text: keeps its beginning, counts all of it, hashes it once it no longer fits. */
class JsonWriter {
  readonly truncated: Truncation[] = [];
  /** The beginning of the text, as it is recorded. */
  #kept = '';
  /** Text that is not counted and hashed yet; as long as there is no hash, all of it. */
  #pending = '';
  #bytes = 0;
  #hash: Hash | undefined;

  write(text: string): void {
    this.#keep(text);
    this.#count(text);
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
    this.truncate({ path, bytes, sha256: digest.digest('hex') });
  }

  truncate(truncation: Truncation): void {
    if (this.truncated.length >= TRUNCATIONS_MAX) return;
    this.truncated.push(truncation.path.length <= PATH_CHARS_MAX ? truncation : { path: nearest(truncation.path) });
  }

  end(): EncodedJson {
    const text = this.#kept;
    const textBytes = text.length > RECORD_BYTES_MAX ? Infinity : Buffer.byteLength(text);
    if (this.#hash === undefined) {
      const wholeSha256 = (): string => hash('sha256', text);
      return { text, textBytes, wholeBytes: textBytes, wholeSha256, truncated: this.truncated };
    }
    this.#flush();
    const digest = this.#hash.digest('hex');
    return { text, textBytes, wholeBytes: this.#bytes, wholeSha256: () => digest, truncated: this.truncated };
  }

  #keep(text: string): void {
    // One unit over the limit is enough to tell that the text is longer than any record.
    if (this.#kept.length <= RECORD_BYTES_MAX) this.#kept += text.slice(0, RECORD_BYTES_MAX + 1);
  }

  #count(text: string): void {
    this.#pending += text;
    if (this.#pending.length < CHUNK_CHARS) return;
    this.#startHash();
    this.#flush();
  }

  #startHash(): void {
    this.#hash ??= createHash('sha256');
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
  /** The objects around the value being written, with the number of keys that lead to each. */
  readonly #ancestors: object[] = [];
  readonly #depths: number[] = [];
  readonly #keys: (string | number)[] = [];

  constructor(writer: JsonWriter, root: string) {
    this.#writer = writer;
    this.#root = root;
  }

  /** Writes one value after `prefix` (a comma, a key); writes nothing where the value is left out. */
  value(value: unknown, place: Place, prefix = ''): void {
    switch (typeof value) {
      case 'string':
        return this.#string(value, prefix);
      case 'number':
        return this.#writer.write(prefix + numberJson(value));
      case 'boolean':
        return this.#writer.write(prefix + (value ? 'true' : 'false'));
      case 'bigint':
        return this.#writer.write(`${prefix}"${value}"`);
      case 'object':
        if (value === null) return this.#writer.write(`${prefix}null`);
        return this.#object(value, place, prefix);
      default:
        if (place !== 'member') this.#writer.write(`${prefix}null`);
    }
  }

  #string(value: string, prefix: string): void {
    if (value.length * 3 <= STRING_BYTES_MAX) return this.#writer.write(prefix + JSON.stringify(value));
    if (value.length <= RECORD_BYTES_MAX) {
      const json = JSON.stringify(value);
      if (Buffer.byteLength(json) <= STRING_BYTES_MAX) return this.#writer.write(prefix + json);
    }
    this.#writer.write(prefix);
    const head = JSON.stringify(value.slice(0, STRING_BYTES_MAX));
    this.#writer.writeCut(this.#path(), cutJson(head, STRING_BYTES_MAX), stringJsonPieces(value));
  }

  #object(value: object, place: Place, prefix: string): void {
    const ancestor = this.#ancestors.indexOf(value);
    if (ancestor >= 0) {
      const target = this.#path(this.#depths[ancestor]);
      return this.#writer.write(`${prefix}{"$ref":${JSON.stringify(target)}}`);
    }
    if (this.#ancestors.length >= DEPTH_MAX) {
      this.#writer.write(`${prefix}null`);
      return this.#writer.truncate({ path: this.#path() });
    }
    this.#ancestors.push(value);
    this.#depths.push(this.#keys.length);
    try {
      const form = formOf(value);
      switch (form.kind) {
        case 'replaced':
          return this.value(form.value, place, prefix);
        case 'bytes':
          return this.#bytes(form.bytes, prefix);
        case 'tensor':
          return this.#tensor(form, prefix);
        case 'list':
          return this.#list(form.items, form.length, prefix);
        case 'members':
          return this.#members(value, form.keys, prefix);
      }
    } finally {
      this.#ancestors.pop();
      this.#depths.pop();
    }
  }

  #list(items: ArrayLike<unknown>, length: number, prefix: string): void {
    this.#writer.write(`${prefix}[`);
    for (let index = 0; index < length; index++) {
      this.#keys.push(index);
      this.value(
        read(() => items[index]),
        'element',
        index === 0 ? '' : ',',
      );
      this.#keys.pop();
    }
    this.#writer.write(']');
  }

  #members(value: object, keys: string[], prefix: string): void {
    this.#writer.write(`${prefix}{`);
    let separator = '';
    for (const key of keys) {
      const member = read(() => (value as Record<string, unknown>)[key]);
      if (member === undefined || typeof member === 'function' || typeof member === 'symbol') continue;
      this.#keys.push(key);
      this.value(member, 'member', `${separator}${JSON.stringify(key)}:`);
      this.#keys.pop();
      separator = ',';
    }
    this.#writer.write('}');
  }

  #bytes(bytes: Uint8Array, prefix: string): void {
    const sha256 = hash('sha256', bytes);
    const kept = bytes.length <= BINARY_BYTES_MAX;
    if (!kept) this.#writer.truncate({ path: this.#path(), bytes: bytes.length, sha256 });
    const content = kept
      ? `,"base64":"${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64')}"`
      : '';
    this.#writer.write(`${prefix}{"$bytes":{"length":${bytes.length},"sha256":"${sha256}"${content}}}`);
  }

  #tensor(tensor: TensorForm, prefix: string): void {
    const { type, dims, data } = tensor;
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const sha256 = hash('sha256', bytes);
    this.#writer.write(
      `${prefix}{"$tensor":{"type":${JSON.stringify(type)},"dims":${JSON.stringify(dims)},"sha256":"${sha256}"`,
    );
    if (data.byteLength <= BINARY_BYTES_MAX) {
      this.#list(data, data.length, ',"data":');
    } else {
      this.#writer.truncate({ path: this.#path(), bytes: data.byteLength, sha256 });
    }
    this.#writer.write('}}');
  }

  /** JSON Pointer of the value being written, or of the ancestor at a depth. */
  #path(depth: number = this.#keys.length): string {
    let path = this.#root;
    for (const key of this.#keys.slice(0, depth)) {
      path += `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`;
    }
    return path;
  }
}

type TypedArray = Exclude<NodeJS.TypedArray, Uint8Array>;

interface TensorForm {
  kind: 'tensor';
  type: string;
  dims: readonly number[];
  data: TypedArray;
}

type Form =
  | { kind: 'replaced'; value: unknown }
  | { kind: 'bytes'; bytes: Uint8Array }
  | { kind: 'list'; items: ArrayLike<unknown>; length: number }
  | { kind: 'members'; keys: string[] }
  | TensorForm;

/** Decides how an object is written. Everything of the user's that can throw is called here or in `read`. */
function formOf(value: object): Form {
  const form = read((): Form => {
    if (Array.isArray(value)) return list(value);
    if (ArrayBuffer.isView(value)) return viewForm(value);
    if (isAnyArrayBuffer(value)) return { kind: 'bytes', bytes: new Uint8Array(value) };
    if (isDate(value)) return { kind: 'replaced', value: dateText(value) };
    if (isMap(value) || isSet(value)) return list([...value]);
    if (isBoxedPrimitive(value)) return { kind: 'replaced', value: value.valueOf() };
    const tensor = tensorForm(value as Partial<TensorForm>);
    if (tensor !== undefined) return tensor;
    const { toJSON } = value as { toJSON?: unknown };
    if (typeof toJSON === 'function') {
      const json: unknown = toJSON.call(value, '');
      if (json !== value) return { kind: 'replaced', value: json };
    }
    if (isNativeError(value)) return { kind: 'replaced', value: { type: value.name, message: value.message } };
    return { kind: 'members', keys: Object.keys(value) };
  });
  return 'kind' in form ? form : { kind: 'replaced', value: form };
}

function list(items: readonly unknown[]): Form {
  return { kind: 'list', items, length: items.length };
}

function viewForm(view: ArrayBufferView): Form {
  if (isUint8Array(view) || isDataView(view)) {
    return { kind: 'bytes', bytes: new Uint8Array(view.buffer, view.byteOffset, view.byteLength) };
  }
  const data = view as TypedArray;
  const type = data[Symbol.toStringTag].replace(/Array$/, '').toLowerCase();
  return { kind: 'tensor', type, dims: [data.length], data };
}

/** A tensor as ONNX Runtime has it: `type`, `dims` and `data`; recognised by its shape, so that nothing is imported. */
function tensorForm(value: Partial<TensorForm>): TensorForm | undefined {
  const { type, dims } = value;
  if (typeof type !== 'string' || !Array.isArray(dims) || !dims.every(Number.isInteger)) return undefined;
  const { data } = value;
  if (!ArrayBuffer.isView(data) || isDataView(data)) return undefined;
  return { kind: 'tensor', type, dims, data };
}

/** A stand-in for what could not be read: the kind of the error only, for its message may quote what it failed on. */
export interface Unreadable {
  $unreadable: string;
}

/** Runs code of the user's that may throw; a failure becomes part of the record. */
export function read<T>(get: () => T): T | Unreadable {
  try {
    return get();
  } catch (error) {
    return unreadable(error);
  }
}

export function unreadable(error: unknown): Unreadable {
  return { $unreadable: error instanceof Error ? error.name : typeof error };
}

function numberJson(value: number): string {
  if (!Number.isFinite(value)) return `{"$number":"${value}"}`;
  // JSON has a negative zero, and JSON.stringify drops its sign.
  return Object.is(value, -0) ? '-0' : String(value);
}

function dateText(date: Date): string {
  return Number.isNaN(date.getTime()) ? 'Invalid Date' : date.toISOString();
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
