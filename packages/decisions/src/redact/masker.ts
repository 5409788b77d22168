import { Cuts } from './cuts.js';
import { fieldOf, MaskedList } from './masked-list.js';
import type { ScanBudget, Span } from './pattern.js';
import { Remembered } from './remembered.js';
import type { Known } from './remembered.js';
import { MASK, replacementOf } from './replacement.js';
import type { Replacement } from './replacement.js';
import type { CompiledRules, RedactMethod, Rule, TextRule } from './rules.js';

/** What redaction did at one place of a record. */
export interface Masked {
  /** JSON Pointer (RFC 6901) into the record. */
  readonly path: string;
  /** What was done: for `hash` and `encrypt` without a key, `mask`. */
  readonly method: RedactMethod;
  /** Where the list is full: `path` is a field of the record, and this is how many places in it are not listed. */
  readonly count?: number;
}

/** What the methods `hash` and `encrypt` need. */
export interface MaskingKeys {
  /**
   * The key of the method `hash`. `id` stands in each hash, so that hashes under a later key can be told apart; `key` is
   * the secret, as bytes or as a string that stands for its UTF-8 bytes.
   */
  hashKey?: { readonly id: string; readonly key: string | Uint8Array } | undefined;
  /**
   * Encrypts a value for the method `encrypt`, synchronously: what it returns is recorded. `path` is the JSON Pointer of
   * the value in the record. Where it throws or returns no string, the whole field of the record is masked.
   */
  encrypt?: ((text: string, place: { path: string }) => string) | undefined;
}

/** What the patterns of the user's may cost for one decision at most; see `ScanBudget` for the unit. */
const SCAN_UNITS_MAX = 8 * 1024 * 1024;

/**
 * Keeps out of one decision's record what must not be in it. It remembers what it replaced, and replaces that where it
 * occurs again. For what was written before, there are `leaks` and `echo`.
 *
 * Where a value cannot be masked as its rule says, it is masked nevertheless, and `failedAt` tells that the whole field
 * of the record must be: nothing in it is certain then. The encoder goes through the rest of it all the same, so that
 * what other rules fit there is remembered, and found in an error's message.
 */
export class Masker {
  readonly #rules: readonly CompiledRules[];
  readonly #keys: MaskingKeys;
  readonly #list: MaskedList;
  readonly #remembered: Remembered;
  readonly #budget: ScanBudget = new Budget();
  readonly #failed = new Set<string>();

  /**
   * @param rules Lists of rules: the first that has a rule for a value decides.
   * @param remembered What it remembers, shared with those who need to know.
   * @param list What it says was masked.
   */
  constructor(
    rules: readonly CompiledRules[],
    keys: MaskingKeys,
    remembered: Remembered = new Remembered(),
    list: MaskedList = new MaskedList(),
  ) {
    this.#rules = rules;
    this.#keys = keys;
    this.#list = list;
    this.#remembered = remembered;
  }

  /**
   * A masker without rules, for what has been through this one already: it replaces only what this one has replaced
   * elsewhere since, so that no replacement is replaced again.
   */
  get echo(): Masker {
    return new Masker([], {}, this.#remembered, this.#list);
  }

  /** Whether a value that was replaced stands in a text, JSON included, that was written before. */
  leaks(text: string): boolean {
    let leaks = false;
    this.#remembered.find(text, () => (leaks = true));
    return leaks;
  }

  /** Whether nothing was replaced so far, also not by decisions around and inside. */
  get remembersNothing(): boolean {
    return this.#remembered.isEmpty;
  }

  /** What was masked so far, bounded. */
  get masked(): readonly Masked[] {
    return this.#list.places;
  }

  /** Number of places where something was masked. */
  get count(): number {
    return this.#list.count;
  }

  /**
   * The first rule by path or key that fits the value at a place.
   *
   * @param names The names on the way to the value, the field of the record first; for the value of a Map, its key.
   */
  ruleAt(names: readonly (string | number)[]): Rule | undefined {
    for (const rules of this.#rules) {
      const rule = rules.ruleAt(names);
      if (rule !== undefined) return rule;
    }
    return undefined;
  }

  /**
   * What is recorded instead of a value that a rule by path or key fits.
   *
   * @param path JSON Pointer of the value in the record.
   * @param text The value as text: a string itself, a number or bigint in decimal, anything else as JSON.
   * @returns `undefined` where it is left out.
   */
  replace(rule: Rule, path: string, text: string): string | undefined {
    const { text: replacement, method } = this.#replacementOf(rule, text, path);
    this.#remembered.add(text, { replacement: replacement ?? MASK, method, isSecret: rule.isSecret });
    this.#list.add(path, method);
    return replacement;
  }

  /**
   * A text without what patterns fit, and without values that were replaced before; the same string where that is nothing.
   *
   * @param path Called where something is replaced: the JSON Pointer of the text in the record.
   * @returns `undefined` where the whole text is dropped.
   */
  text(text: string, path: () => string): string | undefined {
    // Nearly always nothing is found; nothing is allocated then.
    let cuts = this.#remembered.isEmpty ? undefined : this.#findRemembered(text);
    for (const { textRules } of this.#rules) {
      for (const rule of textRules) {
        const spans = this.#find(rule, text, path);
        if (spans === undefined) continue;
        cuts ??= new Cuts(text);
        const place = path();
        if (rule.method === 'drop' && !cuts.cover(spans)) return this.#drop(rule, text, spans, place);
        for (const { start, end } of spans) {
          cuts.add(start, end, this.#replaceMatch(rule, text.slice(start, end), place));
        }
      }
    }
    if (cuts === undefined) return text;
    const { result, methods } = cuts.apply();
    for (const method of methods) this.#list.add(path(), method);
    return result;
  }

  /** Says of a text that it came here masked. */
  note(path: string, method: RedactMethod): void {
    this.#list.add(path, method);
  }

  /** Whether something in a field of the record, given by its JSON Pointer, could not be masked as the rules say. */
  failedAt(field: string): boolean {
    return this.#failed.has(field);
  }

  /** What stands for a field of the record that must be masked as a whole. */
  maskAll(path: string): string {
    this.#list.replace(path);
    return MASK;
  }

  #findRemembered(text: string): Cuts | undefined {
    let cuts: Cuts | undefined;
    this.#remembered.find(text, (start, end, known) => (cuts ??= new Cuts(text)).add(start, end, known));
    return cuts;
  }

  /** What a rule fits; the whole text, where that cannot be told. */
  #find(rule: TextRule, text: string, path: () => string): readonly Span[] | undefined {
    try {
      return rule.find(text, this.#budget);
    } catch {
      // Not reported: what an engine says about a failure may quote the text.
      this.#fail(path());
      return [{ start: 0, end: text.length }];
    }
  }

  #replacementOf(rule: Rule, text: string, path: string): Replacement {
    try {
      return replacementOf(rule, text, path, this.#keys);
    } catch {
      // Not reported: the error is the hook's, and may quote the value.
      this.#fail(path);
      return { text: MASK, method: 'mask' };
    }
  }

  #fail(path: string): void {
    this.#failed.add(fieldOf(path));
  }

  #drop(rule: Rule, text: string, spans: readonly Span[], path: string): undefined {
    const known: Known = { replacement: MASK, method: 'drop', isSecret: rule.isSecret };
    this.#remembered.addMatch(text, known);
    for (const { start, end } of spans) this.#remembered.addMatch(text.slice(start, end), known);
    this.#list.add(path, 'drop');
    return undefined;
  }

  #replaceMatch(rule: Rule, match: string, path: string): Known {
    const { text: replacement = MASK, method } = this.#replacementOf(rule, match, path);
    const known = { replacement, method, isSecret: rule.isSecret };
    this.#remembered.addMatch(match, known);
    return known;
  }
}

class Budget implements ScanBudget {
  #left = SCAN_UNITS_MAX;

  spend(units: number): void {
    this.#left -= units;
    if (this.#left < 0) throw new Error('there is more text than patterns may cost');
  }
}
