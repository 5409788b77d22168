import {
  isAnyArrayBuffer,
  isBigIntObject,
  isBooleanObject,
  isBoxedPrimitive,
  isDataView,
  isDate,
  isExternal,
  isGeneratorObject,
  isMap,
  isNativeError,
  isNumberObject,
  isPromise,
  isRegExp,
  isSet,
  isStringObject,
  isTypedArray,
  isUint8Array,
  isWeakMap,
  isWeakSet,
} from 'node:util/types';

/** Bytes without further structure. */
export interface BytesForm {
  kind: 'bytes';
  bytes: Uint8Array;
}

/** Numbers, or texts, of one type in a shape. */
export interface TensorForm {
  kind: 'tensor';
  type: string;
  dims: readonly number[];
  /** Absent where it is not in this process's memory, as on a graphics card, or too large to be fetched. */
  elements: Elements | undefined;
  /** Whether it is too large to be fetched. */
  isCut?: boolean;
}

export interface Elements {
  items: ArrayLike<unknown>;
  length: number;
  /** As they are in memory; absent for those of a list. */
  bytes: Uint8Array | undefined;
}

/** The values of a set, or the [key, value] pairs of a map, read one after the other. */
export interface EntriesForm {
  kind: 'entries';
  entries: Iterator<unknown>;
  /** Whether an entry that is a list is a key and its value. */
  pairs: boolean;
}

/** How an object is written as JSON. */
export type Form =
  | { kind: 'replaced'; value: unknown }
  | { kind: 'list'; items: ArrayLike<unknown>; length: number }
  | { kind: 'members'; keys: string[] }
  | BytesForm
  | EntriesForm
  | TensorForm;

/** Elements of a tensor that are fetched from the backend that holds it, at most. */
const FETCHED_ELEMENTS_MAX = 4 * 1024 * 1024;

/** Decides how an object is written. Everything of the user's that can throw is called here or in `read`. */
export function formOf(value: object): Form {
  const form = read(
    (): Form => (isPlain(value) ? undefined : nativeForm(value)) ?? tensorForm(value) ?? ownForm(value),
  );
  return 'kind' in form ? form : { kind: 'replaced', value: form };
}

/** An object literal, or what a JSON parser made: the most frequent by far. */
function isPlain(value: object): boolean {
  return Object.getPrototypeOf(value) === Object.prototype;
}

/** What the language and the platform define; told by internal slots, so that nothing of the user's is called. */
function nativeForm(value: object): Form | undefined {
  if (Array.isArray(value)) return { kind: 'list', items: value, length: lengthOf(value) };
  if (ArrayBuffer.isView(value)) return viewForm(value);
  if (isAnyArrayBuffer(value)) return { kind: 'bytes', bytes: new Uint8Array(value) };
  if (isDate(value)) return { kind: 'replaced', value: dateText(value) };
  // The iterators of the prototypes read lazily: nothing is copied of a map that is larger than a record.
  if (isMap(value)) return { kind: 'entries', entries: Map.prototype.entries.call(value), pairs: true };
  if (isSet(value)) return { kind: 'entries', entries: Set.prototype.values.call(value), pairs: false };
  if (isBoxedPrimitive(value)) return { kind: 'replaced', value: unboxed(value) };
  if (isRegExp(value)) return { kind: 'replaced', value: RegExp.prototype.toString.call(value) };
  if (isPromise(value) || isWeakMap(value) || isWeakSet(value) || isGeneratorObject(value) || isExternal(value)) {
    return { kind: 'replaced', value: { $unreadable: tagOf(value) } };
  }
  return undefined;
}

/** The length of a list; a Proxy can claim anything for it. */
function lengthOf(list: readonly unknown[]): number {
  const { length } = list;
  return Number.isSafeInteger(length) && length >= 0 ? length : Math.max(0, Math.trunc(Number(length)) || 0);
}

function unboxed(value: object): unknown {
  if (isNumberObject(value)) return Number.prototype.valueOf.call(value);
  if (isStringObject(value)) return String.prototype.valueOf.call(value);
  if (isBooleanObject(value)) return Boolean.prototype.valueOf.call(value);
  if (isBigIntObject(value)) return BigInt.prototype.valueOf.call(value);
  return Symbol.prototype.valueOf.call(value);
}

/** Objects that say themselves what they are, by members or by a tag. */
function ownForm(value: object): Form {
  const tag = tagOf(value);
  if (tag === 'Headers' || tag === 'URLSearchParams' || tag === 'FormData') {
    const { entries } = value as { entries?: () => Iterator<unknown> };
    if (typeof entries === 'function') return { kind: 'entries', entries: entries.call(value), pairs: true };
  }
  if (isOpaque(value, tag)) return { kind: 'replaced', value: { $unreadable: tag } };
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON === 'function') {
    const json: unknown = toJSON.call(value, '');
    markAsHandled(json);
    if (json !== value) return { kind: 'replaced', value: json };
  }
  if (isError(value)) return { kind: 'replaced', value: { type: nameOf(value), message: value.message } };
  const keys = Object.keys(value);
  // What holds its content out of sight says so, rather than being an empty object.
  const isHidden = keys.length === 0 && !PLAIN_TAGS.has(tag);
  return isHidden ? { kind: 'replaced', value: { $unreadable: tag } } : { kind: 'members', keys };
}

/** What JavaScript's own `toString` says of an object, a list of arguments and an error. */
const PLAIN_TAGS: ReadonlySet<string> = new Set(['object', 'Arguments', 'Error']);

/** Streams and blobs hold their content where reading it would take it away, or would have to be waited for. */
function isOpaque(value: object, tag: string): boolean {
  if (['ReadableStream', 'WritableStream', 'TransformStream', 'Blob', 'File', 'WeakRef'].includes(tag)) return true;
  const has = (name: string, type: string): boolean => typeof read(() => (value as never)[name]) === type;
  return has('pipe', 'function') && has('on', 'function') && has('readable', 'boolean');
}

/** The getters of the language, for those of a class or an object may be the user's. */
const TYPED_ARRAY = Object.getPrototypeOf(Uint8Array.prototype) as object;
const slot =
  <T>(prototype: object, name: PropertyKey) =>
  (view: object): T =>
    Object.getOwnPropertyDescriptor(prototype, name)!.get!.call(view) as T;
const elementsIn = slot<number>(TYPED_ARRAY, 'length');
const typeIn = slot<string>(TYPED_ARRAY, Symbol.toStringTag);

/** The bytes of a view in memory. */
function bytesOf(view: ArrayBufferView): Uint8Array {
  const prototype = isDataView(view) ? DataView.prototype : TYPED_ARRAY;
  const part = <T>(name: string): T => slot<T>(prototype, name)(view);
  return new Uint8Array(part<ArrayBuffer>('buffer'), part<number>('byteOffset'), part<number>('byteLength'));
}

function viewForm(view: ArrayBufferView): Form {
  if (isUint8Array(view) || isDataView(view)) return { kind: 'bytes', bytes: bytesOf(view) };
  const elements = elementsOf(view)!;
  const type = typeIn(view)
    .replace(/Array$/, '')
    .toLowerCase();
  return { kind: 'tensor', type, dims: [elements.length], elements };
}

interface TensorLike {
  type?: unknown;
  dims?: unknown;
  data?: unknown;
  location?: unknown;
  dtype?: unknown;
  shape?: unknown;
  dataSync?: unknown;
}

/** The types of elements in ONNX Runtime and TensorFlow.js. */
const TENSOR_TYPES: ReadonlySet<unknown> = new Set([
  'float16',
  'float32',
  'float64',
  'bfloat16',
  'complex64',
  'complex128',
  'bool',
  'string',
  'int4',
  'int8',
  'int16',
  'int32',
  'int64',
  'uint4',
  'uint8',
  'uint16',
  'uint32',
  'uint64',
]);

/** The members of a tensor; a plain object with others has more to say than a tensor has. */
const TENSOR_MEMBERS: ReadonlySet<string> = new Set(['type', 'dims', 'data', 'size', 'location']);

/** A tensor of ONNX Runtime, Transformers.js or TensorFlow.js, known by its shape, so that nothing is imported. */
function tensorForm(value: TensorLike): TensorForm | undefined {
  const type = read(() => value.type);
  if (TENSOR_TYPES.has(type)) return onnxForm(value, type as string);
  const dtype = read(() => value.dtype);
  return TENSOR_TYPES.has(dtype) ? tensorFlowForm(value, dtype as string) : undefined;
}

function onnxForm(value: TensorLike, type: string): TensorForm | undefined {
  const dims = shapeOf(value.dims);
  if (dims === undefined || !hasTensorMembers(value)) return undefined;
  const { location } = value;
  if (typeof location === 'string' && location !== 'cpu' && location !== 'cpu-pinned') {
    return { kind: 'tensor', type, dims, elements: undefined };
  }
  const elements = elementsOf(value.data);
  return elements && { kind: 'tensor', type, dims, elements };
}

function tensorFlowForm(value: TensorLike, type: string): TensorForm | undefined {
  const dims = shapeOf(value.shape);
  const { dataSync } = value;
  if (dims === undefined || typeof dataSync !== 'function') return undefined;
  if (dims.reduce((product, length) => product * length, 1) > FETCHED_ELEMENTS_MAX) {
    return { kind: 'tensor', type, dims, elements: undefined, isCut: true };
  }
  const elements = elementsOf(dataSync.call(value));
  return elements && { kind: 'tensor', type, dims, elements };
}

/** Whether an object is of a class, or has the members of a tensor alone, with its data in a typed array. */
function hasTensorMembers(value: TensorLike): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype) return true;
  return isTypedArray(value.data) && Object.keys(value).every((name) => TENSOR_MEMBERS.has(name));
}

/** A copy, so that it is the same when it is written. */
function shapeOf(value: unknown): number[] | undefined {
  if (!Array.isArray(value) || lengthOf(value) > 64) return undefined;
  const shape = Array.from({ length: lengthOf(value) }, (_, index) => value[index] as number);
  return shape.every((length) => Number.isInteger(length)) ? shape : undefined;
}

function elementsOf(value: unknown): Elements | undefined {
  if (isTypedArray(value)) return { items: value, length: elementsIn(value), bytes: bytesOf(value) };
  return Array.isArray(value) ? { items: value, length: lengthOf(value), bytes: undefined } : undefined;
}

function tagOf(value: object): string {
  const tag = read(() => Object.prototype.toString.call(value).slice('[object '.length, -1));
  return tag === 'Object' || typeof tag !== 'string' ? 'object' : tag;
}

/** Prototypes that are looked at; a Proxy can claim to have one after the other without an end. */
const PROTOTYPES_MAX = 32;

/** Whether a value is an error, of this or another realm; unlike `instanceof` it always comes to an end, and never throws. */
export function isError(value: unknown): value is Error {
  if (isNativeError(value)) return true;
  let holder: unknown = value;
  for (let depth = 0; depth < PROTOTYPES_MAX && typeof holder === 'object' && holder !== null; depth++) {
    const inner: object = holder;
    holder = read((): unknown => Object.getPrototypeOf(inner));
    if (holder === Error.prototype) return true;
  }
  return false;
}

/**
 * Keeps a promise that is made where a value is only looked at, by a getter or `toJSON` or a callback, from ending the
 * process when it is rejected: nobody else has it. Anything else is left alone.
 */
export function markAsHandled(value: unknown): void {
  if (isPromise(value)) void read(() => Promise.prototype.then.call(value, undefined, () => {}));
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
  return { $unreadable: isError(error) ? nameOf(error) : typeof error };
}

/** UTF-16 units of the name of a kind of error at most; what is longer is none. */
const ERROR_NAME_CHARS_MAX = 256;

function nameOf(error: Error): string {
  try {
    const { name } = error;
    return typeof name === 'string' && name.length <= ERROR_NAME_CHARS_MAX ? name : 'Error';
  } catch {
    return 'Error';
  }
}

function dateText(date: Date): string {
  const ms = Date.prototype.getTime.call(date);
  return Number.isNaN(ms) ? 'Invalid Date' : new Date(ms).toISOString();
}
