import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { card, digest } from '../src/artefact.js';
import { heldOutCases, type HeldOutCase } from '../src/held-out.js';
import { occlusionRows, reasonsFrom } from '../src/occlusion.js';
import { TriageModel, type Triage } from '../src/triage.js';

/** How far a score in float32 may be from scikit-learn's in float64. */
const SCORE_TOLERANCE = 1e-6;

const heldOut = heldOutCases();
let model: TriageModel;
let decided: { given: HeldOutCase; triage: Triage }[];

beforeAll(async () => {
  model = await TriageModel.load();
  decided = await Promise.all(heldOut.map(async (given) => ({ given, triage: await model.predict(given.case) })));
});

test('the held-out cases are 143 different ones, each with all 30 measurements', () => {
  expect(new Set(heldOut.map((each) => each.case.id)).size).toBe(143);
  const names = card.features.map(({ name }) => name);
  expect(new Set(names).size).toBe(30);
  for (const each of heldOut) expect(Object.keys(each.case.measurements)).toEqual(names);
});

test('the exported model scores every case as scikit-learn did', () => {
  const apart = decided.map(({ given, triage }) => Math.abs(triage.score - given.score));
  expect(Math.max(...apart)).toBeLessThan(SCORE_TOLERANCE);
});

test('every case is decided as scikit-learn would have, and the confusion table is the one the training wrote', () => {
  for (const { given, triage } of decided) {
    expect(triage.decision).toBe(given.score >= card.threshold ? 'refer' : 'routine');
  }
  const count = (label: string, decision: string): number =>
    decided.filter(({ given, triage }) => given.label === label && triage.decision === decision).length;
  expect(card.heldOut).toMatchObject({
    cases: 143,
    malignantReferred: count('malignant', 'refer'),
    malignantMissed: count('malignant', 'routine'),
    benignReferred: count('benign', 'refer'),
    benignRoutine: count('benign', 'routine'),
  });
});

test('the threshold promises 97 % sensitivity on cases the model had not seen', () => {
  expect(card.crossValidation.sensitivity).toBeGreaterThanOrEqual(0.97);
});

test('the weight of a reason is what the score loses when that measurement is at its median', async () => {
  for (const { given, triage } of decided) {
    for (const { code, weight } of triage.reasons) {
      const { name, median } = card.features.find((each) => each.name.toUpperCase().replaceAll(' ', '_') === code)!;
      const occluded = { ...given.case, measurements: { ...given.case.measurements, [name]: median } };
      expect(triage.score - (await model.predict(occluded)).score).toBe(weight);
    }
  }
});

test('a decision has at most three reasons, the weightiest first', () => {
  for (const { triage } of decided) {
    const sizes = triage.reasons.map(({ weight }) => Math.abs(weight));
    expect(sizes.length).toBeLessThanOrEqual(3);
    expect(sizes).toEqual(sizes.toSorted((a, b) => b - a));
  }
});

test('the rows of an occlusion are the case and one variant for each feature', () => {
  const features = [
    { name: 'mean area', median: 10 },
    { name: 'mean texture', median: 20 },
  ];
  expect([...occlusionRows([1, 2], features)]).toEqual([1, 2, 10, 2, 1, 20]);
  expect(reasonsFrom([0.5, 0.75, 0.5], [1, 2], features, 3)).toEqual([
    { code: 'MEAN_AREA', text: 'mean area of 1 (usually 10) lowers the score', weight: -0.25 },
  ]);
});

test.each([undefined, Number.NaN, Infinity])('a measurement of %s is refused by name', async (value) => {
  const measurements = { ...heldOut[0]!.case.measurements, 'worst area': value as number };
  await expect(model.predict({ id: 'incomplete', measurements })).rejects.toThrow(
    new RangeError('"worst area" must be a finite number'),
  );
});

test('the digest names the model file', () => {
  const bytes = readFileSync(new URL('../model/model.onnx', import.meta.url));
  expect(digest).toBe(`sha256:${createHash('sha256').update(bytes).digest('hex')}`);
});
