/**
 * What stands in an OTLP value for what OTLP has no form for. Everything here may run the application's code, and throw.
 */
import { types } from 'node:util';

/** Stands for an object inside itself. */
export const CIRCULAR = '[circular]';
/** Stands for what is nested deeper than values may be. */
export const TOO_DEEP = '[too deep]';
/** Stands for what threw when it was read. */
export const UNREADABLE = '[unreadable]';

/** UTF-16 code units of a name of a function or class at most. */
const NAME_CHARS_MAX = 256;

/** Larger integers take too long to be written in decimal. */
const BIGINT_MAX = 1n << 65_536n;

/** The text for a value that is no object; `undefined` and `null` have a form in OTLP. */
export function textOf(value: bigint | symbol | Function): string {
  if (typeof value === 'bigint') {
    return value < BIGINT_MAX && value > -BIGINT_MAX ? value.toString() : '[bigint too large]';
  }
  if (typeof value === 'symbol') return value.toString();
  try {
    return `[function ${nameOf(value.name)}]`;
  } catch {
    return '[function]';
  }
}

/**
 * A value that OTLP has a form for in place of an object that is neither a plain object nor an array, as the table of
 * `writeValue` has it. The object itself where its own members tell what it holds.
 */
export function standInFor(value: object): unknown {
  if (types.isDate(value)) return dateText(value);
  if (types.isMap(value)) return mapped(value);
  if (types.isSet(value)) return Array.from(Set.prototype.values.call(value));
  if (types.isDataView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  if (types.isAnyArrayBuffer(value)) return new Uint8Array(value);
  if (types.isNativeError(value)) return failure(value);
  if (types.isRegExp(value)) return RegExp.prototype.toString.call(value);
  if (types.isBoxedPrimitive(value)) return Object(value).valueOf();
  for (const key in value) if (Object.hasOwn(value, key)) return value;
  return withoutMembers(value);
}

function dateText(value: Date): string {
  const time = Date.prototype.getTime.call(value);
  return Number.isNaN(time) ? '[invalid date]' : Date.prototype.toISOString.call(value);
}

function mapped(value: Map<unknown, unknown>): unknown {
  const entries = Array.from(Map.prototype.entries.call(value));
  // A record without a prototype, so that no key of a map means anything but itself.
  const members = Object.create(null) as Record<string, unknown>;
  for (const [key, member] of entries) {
    if (typeof key !== 'string') return entries;
    members[key] = member;
  }
  return members;
}

function failure(value: Error): string {
  const { name, message } = value;
  return message === '' ? String(name) : `${name}: ${message}`;
}

/** Of an object whose state does not show in members: a promise, a weak map, a class with private fields, a URL. */
function withoutMembers(value: object): unknown {
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON === 'function') {
    const text: unknown = Reflect.apply(toJSON, value, []);
    if (typeof text === 'string') return text;
  }
  // A plain object of another realm.
  if (Object.getPrototypeOf(Object.getPrototypeOf(value)) === null) return value;
  const { constructor } = value;
  return typeof constructor === 'function' ? `[object ${nameOf(constructor.name)}]` : value;
}

function nameOf(name: unknown): string {
  return typeof name === 'string' && name !== '' ? name.slice(0, NAME_CHARS_MAX) : 'anonymous';
}
