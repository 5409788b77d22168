import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { parseEntry } from '../src/entry.js';
import type { Entry } from '../src/entry.js';
import { detail } from '../src/text/detail.js';
import { printable, printableLines } from '../src/text/printable.js';
import { layOut } from '../src/text/table.js';
import { TroubleLog } from '../src/trouble.js';
import { parseTimeOption, parseTimestamp } from '../src/time.js';
import { body } from './stock.js';

const ID = '01a20ac9-f6fe-7011-8000-18eccb055b89';
const ESCAPE = '\u001b[31m\u009b2J\u202e\u200b\u0007';

function entry(fields: Record<string, unknown> = {}): Entry {
  return parseEntry(body(ID, fields));
}

describe('text from a record', () => {
  test('cannot steer a terminal', () => {
    expect(printable(`a${ESCAPE}b\r\n\tc\u2028d`)).toBe('a[31m2Jb c d');
    expect(printableLines(`a${ESCAPE}b\r\n\tc`)).toBe('a[31m2Jb\n  c');
  });

  test('is left as it is otherwise', () => {
    expect(printable('naïve 決定 🎉 "q" \\')).toBe('naïve 決定 🎉 "q" \\');
  });

  test('cannot steer a terminal from any field, in the table or in full', () => {
    // eslint-disable-next-line no-control-regex
    const steering = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;
    const names = fc.constantFrom(
      'model',
      'decision',
      'error',
      'subject',
      'reasons',
      'schema',
      'trace',
      'score',
      'input',
      ESCAPE,
    );
    const values = fc.oneof(
      fc.json({ stringUnit: 'binary' }).map((text): unknown => JSON.parse(text)),
      fc.constant({ name: ESCAPE, id: ESCAPE, type: ESCAPE }),
      fc.constant(ESCAPE),
    );
    fc.assert(
      fc.property(names, values, (name, value) => {
        const one = entry({ [name]: value });
        const { heading, line } = layOut([one], 100);
        expect(detail(one)).not.toMatch(steering);
        for (const text of [heading, line(one)]) {
          expect(text).not.toMatch(steering);
          expect(text).not.toContain('\n');
        }
      }),
    );
  });
});

describe('the table', () => {
  const wide = entry({
    subject: { id: 'applicant-77' },
    decision: { verdict: 'approve', limit: 5_000, currency: 'EUR' },
  });

  test('is as wide as it needs where nothing limits it', () => {
    const { heading, line } = layOut([wide], undefined);
    expect(heading).toBe(
      'TIME                      MODEL       DECISION                                             SCORE  SUBJECT       ID',
    );
    expect(line(wide)).toBe(
      `2026-09-21T14:13:20.123Z  loan 2.1.0  {"verdict":"approve","limit":5000,"currency":"EUR"}  0.93   applicant-77  ${ID}`,
    );
  });

  test('fits into a terminal, and keeps the id whole as long as it can', () => {
    for (let width = 20; width < 200; width++) {
      const { heading, line } = layOut([wide], width);
      expect(heading.length).toBeLessThanOrEqual(Math.max(width, 36));
      expect(line(wide).length).toBeLessThanOrEqual(Math.max(width, 36));
      expect(line(wide).endsWith(ID)).toBe(true);
    }
    expect(layOut([wide], 80).line(wide)).toMatch(/^2026-09-21T14:13:20…  loan 2\.…  \{"verdi…  01a2/);
  });

  test('tells of a failure, and leaves out a column in which nothing stands', () => {
    const failed = entry({ decision: undefined, score: undefined, error: { type: 'RangeError', message: 'x' } });
    const { heading, line } = layOut([failed], undefined);
    expect(heading).not.toContain('SCORE');
    expect(line(failed)).toContain('failed: RangeError');
  });

  test('takes any record that has an id and a time', () => {
    const bare = parseEntry('{"id":"x","timestamp":"2026-01-01T00:00:00Z","model":7,"subject":[],"error":null}');
    expect(layOut([bare], undefined).line(bare)).toBe('2026-01-01T00:00:00Z  x');
  });
});

test('one decision in full shows each field, the unknown too, and leads to its trace', () => {
  const text = detail(
    entry({
      input: { list: Array.from({ length: 40 }, (_, n) => n) },
      trace: { traceId: 'abc', spanId: 'def' },
      new: 1,
    }),
  );
  expect(text).toMatch(/^id {11}01a20ac9/);
  expect(text).toContain('\ntrace        {"traceId":"abc","spanId":"def"}\n');
  expect(text).toContain('\nduration     1.5 ms\n');
  expect(text).toContain('\nnew          1\n');
  expect(text).toContain('\ninput        {\n               "list": [\n');
});

describe('a time', () => {
  test.each([
    ['1970-01-01T00:00:00Z', 0n],
    ['1970-01-01t00:00:00.000000001z', 1n],
    ['1969-12-31T23:59:59.5Z', -500_000_000n],
    ['2026-09-21T16:13:20.123456789123+02:00', 1_790_000_000_123_456_789n],
  ])('%s is read to the nanosecond', (text, nanos) => {
    expect(parseTimestamp(text)).toBe(nanos);
  });

  test.each([
    '',
    '2026-02-29T00:00:00Z',
    '2026-01-01',
    '2026-01-01T00:00:00',
    '2026-01-01T24:30:00Z',
    '9999-01-01T00:00:00Z',
    '1600-01-01T00:00:00Z',
  ])('%s is none', (text) => {
    expect(parseTimestamp(text)).toBeUndefined();
  });

  test('as a user writes it is a time, a date or an age', () => {
    const now = Date.parse('2026-09-21T14:13:20Z');
    const option = (text: string): string | undefined => {
      const nanos = parseTimeOption(text, now);
      return nanos === undefined ? undefined : new Date(Number(nanos / 1_000_000n)).toISOString();
    };
    expect(option('2026-09-21T16:00:00+02:00')).toBe('2026-09-21T14:00:00.000Z');
    expect(option('2026-09-01')).toBe('2026-09-01T00:00:00.000Z');
    expect(option('90s')).toBe('2026-09-21T14:11:50.000Z');
    expect(option('30d')).toBe('2026-08-22T14:13:20.000Z');
    for (const wrong of ['', 'now', '5', '5w', '-5m', '2026-13-01', '2026-02-30'])
      expect(option(wrong)).toBeUndefined();
  });
});

test('trouble is told once in ten seconds, with how often it came', () => {
  let nowMs = 0;
  const lines: string[] = [];
  const trouble = new TroubleLog(
    (line) => lines.push(line),
    () => nowMs,
  );
  trouble.report('store', 'full\u001b');
  trouble.report('store', 'full');
  trouble.report('other', 'else');
  nowMs = 9_999;
  trouble.report('store', 'full');
  expect(lines).toEqual(['full', 'else']);
  nowMs = 10_000;
  trouble.report('store', 'full');
  expect(lines).toEqual(['full', 'else', 'full (and 2 more like this)']);
});
