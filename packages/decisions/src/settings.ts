import { checkMembers, invalid, isObject, OPTIONS } from './checks.js';
import type { Check } from './checks.js';
import type { Actor, BaggageKeys } from './options.js';
import type { MaskingKeys } from './redact/masker.js';
import { compileRules } from './redact/rules.js';
import type { CompiledRules, RedactRule } from './redact/rules.js';
import { SECRETS } from './redact/secrets.js';
import type { Delivery } from './delivery.js';
import { registry } from './registry.js';

/** What holds for all decisions of the process; what `audited` is told for one place is added to it, or overrides it. */
export interface DecisionSettings extends MaskingKeys {
  /** On whose behalf models decide, where the option `actor` does not say. */
  actor?: Actor | undefined;
  /** Fields of your own in every record. */
  attributes?: Readonly<Record<string, unknown>> | undefined;
  /** Entries of the OpenTelemetry baggage that tell actor, subject or attributes. */
  baggage?: BaggageKeys | undefined;
  /** Redaction rules for every decision, after those of the option `redact`. */
  redact?: readonly RedactRule[] | undefined;
  /** `false`: do not look for passwords, tokens, private keys and card numbers. Default: true. */
  secrets?: boolean | undefined;
  /**
   * Bytes of binary data in the input, or in the decision, that are hashed at most, so that what is too large to be
   * recorded can be recognised. What is beyond has no digest. Default: 16 MiB.
   */
  digestBytesMax?: number | undefined;
  /** How safe a record is before the caller gets the decision, where the option of the same name does not say. Default: `durable`. */
  delivery?: Delivery | undefined;
}

const SETTINGS: Record<keyof DecisionSettings, readonly [expected: string, check: Check]> = {
  actor: ['{ id, type? } of strings', (value) => isObject(value) && typeof value['id'] === 'string'],
  attributes: ['an object', isObject],
  baggage: OPTIONS.baggage,
  redact: OPTIONS.redact,
  secrets: ['true or false', (value) => typeof value === 'boolean'],
  hashKey: [
    '{ id, key }: the id a string of 1 to 64 of A-Z a-z 0-9 . _ -, the key at least 16 bytes, as a string or a Uint8Array',
    (value) => isObject(value) && isKeyId(value['id']) && isKey(value['key']),
  ],
  encrypt: ['a function of a text that returns its ciphertext', (value) => typeof value === 'function'],
  delivery: OPTIONS.delivery,
  digestBytesMax: ['a number of bytes, 0 or more', (value) => typeof value === 'number' && value >= 0],
};

/**
 * Sets what holds for all decisions of this process, also those already decorated. Settings given before stay, unless
 * they are given again; `undefined` takes one back.
 *
 * @throws {DecisionTrailError} `INVALID_OPTIONS`, naming the setting and what it must be; nothing is changed then.
 */
export function configureDecisions(settings: DecisionSettings): void {
  const where = 'configureDecisions()';
  if (!isObject(settings)) throw invalid(where, 'expects an object of settings');
  checkMembers(where, 'setting', settings, SETTINGS);
  const { redact } = settings;
  if (redact !== undefined) compileRules(redact);
  const shared = registry();
  shared.settings = { ...shared.settings, ...settings };
}

let compiled: { settings: DecisionSettings; rules: readonly CompiledRules[] } | undefined;

/** The redaction rules of all decisions: those of the process, then those that find secrets. */
export function processRules(): readonly CompiledRules[] {
  const { settings } = registry();
  if (compiled?.settings !== settings) {
    const rules = settings.redact === undefined ? [] : [compileRules(settings.redact)];
    compiled = { settings, rules: settings.secrets === false ? rules : [...rules, SECRETS] };
  }
  return compiled.rules;
}

/** How safe a record must be, by the option, else by the setting of the process. */
export function deliveryOf({ delivery }: { delivery?: Delivery | undefined }): Delivery {
  return delivery ?? registry().settings.delivery ?? 'durable';
}

/** Whether a decision must not be released without a safe record. */
export function isRequired({ options }: { options: { delivery?: Delivery | undefined } }): boolean {
  return deliveryOf(options) === 'required';
}

function isKeyId(value: unknown): boolean {
  return typeof value === 'string' && /^[\w.-]{1,64}$/.test(value);
}

function isKey(value: unknown): boolean {
  return (typeof value === 'string' || value instanceof Uint8Array) && value.length >= 16;
}
