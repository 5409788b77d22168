// Adds up the test runs' JSON reports: `node count.mjs DIR FAILED_STEPS` prints `N passed, N failed` and fails if any did.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const [dir, failedSteps] = process.argv.slice(2);
let passed = 0;
// A step that failed without a failing test counts as one.
let failed = Number(failedSteps);
let skipped = 0;
for (const file of readdirSync(dir)) {
  const report = JSON.parse(readFileSync(path.join(dir, file), 'utf8'));
  passed += report.numPassedTests;
  failed += report.numFailedTests;
  skipped += report.numPendingTests;
}
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
