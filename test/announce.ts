import { missingBackends } from './backends/run.ts';

/** Says before the tests, in one line, which of them cannot run here. */
export default async function announce(): Promise<void> {
  const missing = await missingBackends();
  if (missing.length === 0) return;
  const consequence = process.env['CI'] === 'true' ? 'their tests will fail' : 'their tests are skipped';
  console.log(`> no ${missing.join(', ')} on this machine: ${consequence}; \`npm run backends\` gets them`);
}
