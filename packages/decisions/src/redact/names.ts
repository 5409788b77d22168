/** Names that one index remembers the answer for at most; applications have few, unless keys are data. */
const CACHED_NAMES_MAX = 4096;

/** UTF-16 units of a name that is remembered at most. */
const CACHED_NAME_CHARS_MAX = 64;

/** A name without the differences between ways of writing it: `API-Key`, `api_key` and `apiKey` become `apikey`. */
export function normaliseName(name: string): string {
  return name.toLowerCase().replace(/[-_.\s]+/g, '');
}

/** Answers a question about names, each of them once. */
export class NameCache<Answer> {
  readonly #answer: (name: string) => Answer;
  readonly #answers = new Map<string, Answer>();

  constructor(answer: (name: string) => Answer) {
    this.#answer = answer;
  }

  get(name: string): Answer {
    const known = this.#answers.get(name);
    if (known !== undefined) return known;
    const answer = this.#answer(name);
    if (name.length <= CACHED_NAME_CHARS_MAX) {
      // Where keys are data there is no end of them; beginning anew keeps those that come again and again.
      if (this.#answers.size >= CACHED_NAMES_MAX) this.#answers.clear();
      this.#answers.set(name, answer);
    }
    return answer;
  }
}

/** Rules by name. */
export class KeyIndex<Rule> {
  readonly #rules = new Map<string, { readonly index: number; readonly rule: Rule }>();
  readonly #cache = new NameCache((name) => this.#rules.get(normaliseName(name)) ?? null);

  /** @param name As {@link normaliseName} returns it. */
  add(name: string, index: number, rule: Rule): void {
    if (!this.#rules.has(name)) this.#rules.set(name, { index, rule });
  }

  first(name: string | number | undefined): { readonly index: number; readonly rule: Rule } | undefined {
    if (this.#rules.size === 0 || typeof name !== 'string') return undefined;
    return this.#cache.get(name) ?? undefined;
  }
}
