/** A method of anything. */
export type Method = (this: unknown, ...args: unknown[]) => unknown;

/** Prototypes looked at for a method at most; a Proxy can claim to have one after the other without an end. */
const PROTOTYPES_MAX = 32;

/**
 * The method that an object has or inherits. One behind a getter is none: to look would run code of the application
 * that would not run otherwise.
 */
export function methodOf(target: object, name: PropertyKey): Method | undefined {
  if (!(name in target)) return undefined;
  let holder: object | null = target;
  for (let depth = 0; holder !== null && depth < PROTOTYPES_MAX; depth++) {
    const property = Reflect.getOwnPropertyDescriptor(holder, name);
    if (property !== undefined) return typeof property.value === 'function' ? (property.value as Method) : undefined;
    holder = Reflect.getPrototypeOf(holder);
  }
  return undefined;
}

/** A method with the name and length of `original`, to stand in its place. */
export function inPlaceOf(original: Method, call: (self: unknown, args: unknown[]) => unknown): Method {
  // A method, unlike a function, cannot be called with `new`, as the originals cannot.
  const { override } = {
    override(this: unknown, ...args: unknown[]): unknown {
      return call(this, args);
    },
  };
  for (const name of ['name', 'length']) {
    const property = Reflect.getOwnPropertyDescriptor(original, name);
    if (property !== undefined) Reflect.defineProperty(override, name, property);
  }
  return override;
}

/**
 * Gives an object methods of its own in place of those it has or inherits. They do not show among its keys, except
 * where it had them there before.
 *
 * @returns Whether all are in place; where one cannot be, as on a frozen object, none is.
 */
export function override(target: object, methods: ReadonlyMap<PropertyKey, Method>): boolean {
  const before = new Map<PropertyKey, PropertyDescriptor | undefined>();
  for (const [name, value] of methods) {
    const own = Reflect.getOwnPropertyDescriptor(target, name);
    const property = own === undefined ? { value, configurable: true, enumerable: false, writable: true } : { value };
    if (!tryTo(() => Reflect.defineProperty(target, name, property))) {
      restore(target, before);
      return false;
    }
    before.set(name, own);
  }
  return true;
}

function restore(target: object, properties: ReadonlyMap<PropertyKey, PropertyDescriptor | undefined>): void {
  for (const [name, property] of properties) {
    tryTo(() =>
      property === undefined
        ? Reflect.deleteProperty(target, name)
        : Reflect.defineProperty(target, name, { value: property.value as unknown }),
    );
  }
}

/** A Proxy may throw where an object says no. */
function tryTo(change: () => boolean): boolean {
  try {
    return change();
  } catch {
    return false;
  }
}
