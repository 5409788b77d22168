import { audited } from '@decision-trail/decisions';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { card, digest, onnx } from './artefact.js';
import { occlusionRows, reasonsFrom, type Reason } from './occlusion.js';

/** One fine-needle aspirate of a breast mass. */
export interface Case {
  readonly id: string;
  /** By feature name, for example `"worst area": 1575`. */
  readonly measurements: Readonly<Record<string, number>>;
}

export interface Triage {
  readonly decision: 'refer' | 'routine';
  /** Probability of malignancy, 0 to 1. */
  readonly score: number;
  readonly reasons: readonly Reason[];
}

const REASONS_MAX = 3;

/** Says which cases a specialist should see soon. Nothing in here knows of OpenTelemetry but the decorator. */
export class TriageModel {
  readonly #session: InferenceSession;

  private constructor(session: InferenceSession) {
    this.#session = session;
  }

  static async load(): Promise<TriageModel> {
    // One thread adds up the trees in one order: the same case has the same score to the last bit, on every run.
    return new TriageModel(await InferenceSession.create(onnx, { intraOpNumThreads: 1, interOpNumThreads: 1 }));
  }

  /**
   * Refers a case when its score reaches the threshold.
   *
   * @throws {RangeError} When a measurement is missing or not a finite number.
   */
  @audited({
    model: { name: card.name, version: card.version, digest, provider: 'onnxruntime' },
    subject: (given: Case) => ({ id: given.id, type: 'case' }),
    decision: (triage: Triage) => triage.decision,
    score: (triage: Triage) => triage.score,
    threshold: card.threshold,
    reasons: (triage: Triage) => triage.reasons,
  })
  async predict(given: Case): Promise<Triage> {
    const values = card.features.map(({ name }) => measurement(given, name));
    const scores = await this.#scores(occlusionRows(values, card.features));
    const score = scores[0]!;
    return {
      decision: score >= card.threshold ? 'refer' : 'routine',
      score,
      reasons: reasonsFrom(scores, values, card.features, REASONS_MAX),
    };
  }

  /** Probability of malignancy for each row. */
  async #scores(rows: Float32Array): Promise<Float32Array> {
    const measurements = new Tensor('float32', rows, [rows.length / card.features.length, card.features.length]);
    // Only the probabilities are fetched: the classifier's labels cut at 0.5, and come as BigInts.
    const { probabilities } = await this.#session.run({ measurements }, ['probabilities']);
    const benignAndMalignant = probabilities!.data as Float32Array;
    return benignAndMalignant.filter((_, i) => i % 2 === 1);
  }
}

function measurement(given: Case, name: string): number {
  const value = given.measurements[name];
  if (value === undefined || !Number.isFinite(value)) throw new RangeError(`"${name}" must be a finite number`);
  return value;
}
