import { readFileSync } from 'node:fs';
import { card } from './artefact.js';
import type { Case } from './triage.js';

/** A real case that training never saw, with its diagnosis, which the model is not told. */
export interface HeldOutCase {
  readonly case: Case;
  readonly label: 'benign' | 'malignant';
  /** The probability of malignancy that scikit-learn computed: what the exported model has to reproduce. */
  readonly score: number;
}

interface Row {
  id: string;
  label: HeldOutCase['label'];
  score: number;
  /** In the order of the features. */
  values: number[];
}

/** The cases that `train.py` held out, in the order of their ids. */
export function heldOutCases(): HeldOutCase[] {
  const file: { cases: Row[] } = JSON.parse(readFileSync(new URL('../model/held-out.json', import.meta.url), 'utf8'));
  return file.cases.map(({ id, label, score, values }) => ({
    case: { id, measurements: Object.fromEntries(values.map((value, i) => [card.features[i]!.name, value])) },
    label,
    score,
  }));
}
