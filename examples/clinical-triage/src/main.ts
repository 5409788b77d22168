import { startDecisionTrail } from '@decision-trail/node';
import { card } from './artefact.js';
import { heldOutCases } from './held-out.js';
import { TriageModel } from './triage.js';

const trail = startDecisionTrail({ serviceName: 'clinical-triage' });
const model = await TriageModel.load();

const count = { malignant: { refer: 0, routine: 0 }, benign: { refer: 0, routine: 0 } };
let decisions = 0;
for (const { case: given, label } of heldOutCases()) {
  const { decision } = await model.predict(given);
  count[label][decision] += 1;
  decisions += 1;
}

const { malignant, benign } = count;
console.log(`${card.name} ${card.version} refers a case when its probability of malignancy is at least ${card.threshold}

               refer  routine
  malignant  ${cell(malignant.refer)}  ${cell(malignant.routine)}
  benign     ${cell(benign.refer)}  ${cell(benign.routine)}

  sensitivity ${share(malignant.refer, malignant.routine)}, expected from cross-validation ${percent(card.crossValidation.sensitivity)}
  specificity ${share(benign.routine, benign.refer)}, expected from cross-validation ${percent(card.crossValidation.specificity)}
`);

await trail.shutdown();
console.log(`${decisions} decisions made`);

function cell(cases: number): string {
  return String(cases).padStart(7);
}

function share(right: number, wrong: number): string {
  return `${percent(right / (right + wrong))} (${right} of ${right + wrong})`;
}

function percent(part: number): string {
  return `${(part * 100).toFixed(1)} %`;
}
