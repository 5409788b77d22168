import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** One measurement that the model takes, and its usual value: the median of the training cases. */
export interface Feature {
  readonly name: string;
  readonly median: number;
}

/** How often a threshold was right, on cases that the model had not seen. */
export interface Figures {
  readonly cases: number;
  readonly malignantReferred: number;
  readonly malignantMissed: number;
  readonly benignReferred: number;
  readonly benignRoutine: number;
  readonly sensitivity: number;
  readonly specificity: number;
}

/** What `train.py` wrote about the model, in `model/model.json`. */
export interface ModelCard {
  readonly name: string;
  readonly version: string;
  readonly threshold: number;
  readonly crossValidation: Figures;
  readonly heldOut: Figures;
  readonly features: readonly Feature[];
}

const FOLDER = new URL('../model/', import.meta.url);

export const card: ModelCard = JSON.parse(readFileSync(new URL('model.json', FOLDER), 'utf8'));

/** The classifier. It is loaded from these bytes, so that the digest is that of what really runs. */
export const onnx: Uint8Array = readFileSync(new URL('model.onnx', FOLDER));

export const digest: string = `sha256:${createHash('sha256').update(onnx).digest('hex')}`;
