import { defineConfig } from 'vitest/config';
import { decorators } from './test/decorators.ts';

/** The folder in which CI wants the counts of passed and failed tests. */
const reportDir = process.env['TEST_REPORT_DIR'];

export default defineConfig({
  plugins: [decorators()],
  test: {
    include: ['{packages,examples}/*/test/**/*.test.ts', 'test/**/*.test.ts'],
    globalSetup: 'test/announce.ts',
    setupFiles: 'test/properties.ts',
    // Installs and starts real servers; each of those tests sets its own bound where it needs more.
    testTimeout: 30_000,
    hookTimeout: 120_000,
    reporters: reportDir === undefined ? ['default'] : ['default', ['json', { outputFile: `${reportDir}/tests.json` }]],
  },
});
