import { defineConfig } from 'vitest/config';
import { decorators } from './decorators.ts';

/** Two runs share this folder, and Node.js 26 is slow to start beside another. */
const TIMEOUT_MS = 30_000;

export default defineConfig({
  plugins: [decorators()],
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: 'properties.ts',
    cache: false,
    testTimeout: TIMEOUT_MS,
    hookTimeout: TIMEOUT_MS,
  },
});
