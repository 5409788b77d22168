import { transform } from 'esbuild';
import type { Plugin } from 'vitest/config';

/**
 * Vitest's parser does not know standard decorators, so esbuild turns them into plain JavaScript first. A file named
 * `*.legacy.test.ts` is compiled as TypeScript's `experimentalDecorators` would.
 */
export function decorators(): Plugin {
  return {
    name: 'decorators',
    enforce: 'pre',
    async transform(code, id) {
      if (!id.endsWith('.ts') || !/^\s*@\w+/m.test(code)) return null;
      const experimentalDecorators = id.endsWith('.legacy.test.ts');
      const tsconfigRaw = { compilerOptions: { experimentalDecorators, useDefineForClassFields: true } };
      return transform(code, { loader: 'ts', target: 'es2022', sourcefile: id, sourcemap: true, tsconfigRaw });
    },
  };
}
