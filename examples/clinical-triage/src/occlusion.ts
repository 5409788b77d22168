import type { Feature } from './artefact.js';

/** A measurement that moved the score. Written to be a reason in a decision record. */
export interface Reason {
  readonly code: string;
  readonly text: string;
  /** How far the score falls when the measurement is hidden; negative when the score rises. */
  readonly weight: number;
}

/**
 * The case itself and, below it, one variant for each feature, with that feature replaced by its training median: what
 * the model would have been given had the measurement said nothing unusual. Row by row, as one tensor.
 */
export function occlusionRows(values: readonly number[], features: readonly Feature[]): Float32Array {
  const width = features.length;
  const rows = new Float32Array((width + 1) * width);
  for (let row = 0; row <= width; row++) rows.set(values, row * width);
  features.forEach(({ median }, i) => {
    rows[(i + 1) * width + i] = median;
  });
  return rows;
}

/**
 * The measurements that moved the score most, in either direction, weightiest first.
 *
 * @param scores The model's scores for the rows of `occlusionRows`.
 * @param max At most so many; fewer when fewer moved the score at all.
 */
export function reasonsFrom(
  scores: ArrayLike<number>,
  values: readonly number[],
  features: readonly Feature[],
  max: number,
): Reason[] {
  return features
    .map(({ name, median }, i) => {
      const weight = scores[0]! - scores[i + 1]!;
      const effect = weight > 0 ? 'raises' : 'lowers';
      return {
        code: name.toUpperCase().replaceAll(' ', '_'),
        text: `${name} of ${rounded(values[i]!)} (usually ${rounded(median)}) ${effect} the score`,
        weight,
      };
    })
    .filter(({ weight }) => weight !== 0)
    .sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight))
    .slice(0, max);
}

/** Four significant digits, as the data set has them: medians carry the noise of binary fractions. */
function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
