import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as api from '@decision-trail/review';
import { expect, test } from 'vitest';
import { VERSION } from '../src/version.js';

test('the package exports this and nothing else', () => {
  expect(Object.keys(api).toSorted()).toEqual(['ReviewError', 'Store', 'openSource', 'startReceiver']);
});

test('its version is that of its package.json', () => {
  const manifest = JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8')) as {
    version: string;
  };
  expect(VERSION).toBe(manifest.version);
});
