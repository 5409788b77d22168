import type { DecisionSite } from './decision.js';
import { plainJson } from './json.js';
import type { DecisionOptions } from './options.js';
import { compileRules } from './redact/rules.js';
import type { CompiledRules, RedactRule } from './redact/rules.js';

/** Lists of rules that are compiled already; a list that is given by hand comes with each decision. */
const compiled = new WeakMap<readonly RedactRule[], CompiledRules>();

/**
 * The place in the application that options describe.
 *
 * @throws {DecisionTrailError} `INVALID_OPTIONS` for a redaction rule that is wrong.
 */
export function siteOf(options: DecisionOptions): DecisionSite {
  const { model, redact } = options;
  const described = typeof model === 'string' ? { name: model } : { ...model };
  return { options, model: described, modelJson: plainJson(described), rules: redact && rulesOf(redact) };
}

function rulesOf(redact: readonly RedactRule[]): CompiledRules {
  let rules = compiled.get(redact);
  if (rules === undefined) compiled.set(redact, (rules = compileRules(redact)));
  return rules;
}
