import { defineConfig } from 'vitest/config';
import { decorators } from './decorators.ts';

const reportFile = process.env.TEST_REPORT_FILE;

export default defineConfig({
  plugins: [decorators()],
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: 'properties.ts',
    reporters: reportFile === undefined ? ['default'] : ['default', ['json', { outputFile: reportFile }]],
  },
});
