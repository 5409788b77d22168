import type { Masked } from './masker.js';
import type { RedactMethod } from './rules.js';

/** Places that are named one by one at most, and bytes of the JSON of their paths. */
const PLACES_MAX = 64;
const PATH_BYTES_MAX = 8 * 1024;

/** UTF-16 units of a path at most. */
const PATH_CHARS_MAX = 1024;

/** The list of what was masked in a record: each place once for each method; bounded, whatever the record is. */
export class MaskedList {
  readonly #places = new Map<string, Masked>();
  #named = 0;
  #pathBytes = 0;

  /** The list, in the order in which values were masked. */
  get places(): readonly Masked[] {
    return [...this.#places.values()];
  }

  /** Number of places, those that are only counted included. */
  get count(): number {
    let count = 0;
    for (const place of this.#places.values()) count += place.count ?? 1;
    return count;
  }

  add(path: string, method: RedactMethod): void {
    const place = path.length <= PATH_CHARS_MAX ? path : path.slice(0, path.lastIndexOf('/', PATH_CHARS_MAX));
    const id = `${method} ${place}`;
    if (this.#places.has(id)) return;
    const bytes = Buffer.byteLength(JSON.stringify(place));
    if (this.#named < PLACES_MAX && this.#pathBytes + bytes <= PATH_BYTES_MAX) {
      this.#named += 1;
      this.#pathBytes += bytes;
      this.#places.set(id, { path: place, method });
    } else {
      this.#addToField(place, method);
    }
  }

  /** A whole field, or value, is masked; what was masked inside of it is no more. */
  replace(path: string): void {
    for (const [id, place] of this.#places) {
      if (`${place.path}/`.startsWith(`${path}/`)) this.#places.delete(id);
    }
    this.#places.set(`mask ${path}`, { path, method: 'mask' });
  }

  /** Counts one more place in a field of the record. There are few fields and methods, so this is bounded as well. */
  #addToField(path: string, method: RedactMethod): void {
    const field = fieldOf(path);
    const id = `${method} ${field}`;
    const place = this.#places.get(id);
    this.#places.set(id, { path: field, method, count: (place?.count ?? (place ? 1 : 0)) + 1 });
  }
}

/** The JSON Pointer of the field of the record that a value is in. */
export function fieldOf(path: string): string {
  return path.split('/', 2).join('/');
}
