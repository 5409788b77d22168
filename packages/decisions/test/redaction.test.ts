import { createHmac } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { audited, configureDecisions, DecisionTrailError } from '@decision-trail/decisions';
import type { DecisionOptions, DecisionRecord, Masked, RedactRule } from '@decision-trail/decisions';
import { listenToDiag, startSdk, stopSdk } from './telemetry.js';
import type { Seen } from './telemetry.js';

const HASH_KEY = { id: 'k1', key: 'a key of at least 16 bytes' };
const UNSET = { redact: undefined, hashKey: undefined, encrypt: undefined, secrets: undefined };

let seen: Seen;
beforeEach(async () => {
  seen = await startSdk();
});
afterEach(async () => {
  configureDecisions(UNSET);
  await stopSdk();
});

/** The record of one decision about an input. */
function recorded(input: unknown, redact: RedactRule[], options: Partial<DecisionOptions> = {}): DecisionRecord {
  seen.logs.length = 0;
  seen.spans.length = 0;
  audited({ model: 'm', ...options, redact })((_input: unknown): unknown => 'ok')(input);
  return seen.records[0]!;
}

/** Everything that left the process. */
function told(): string {
  return JSON.stringify([
    seen.logs.map(({ body, attributes, eventName }) => ({ body, attributes, eventName })),
    seen.spans.map(({ name, status, attributes, events }) => ({ name, status, attributes, events })),
  ]);
}

function hashed(text: string, { id, key } = HASH_KEY): string {
  return `hmac-sha256:${id}:${createHmac('sha256', key).update(text).digest('hex')}`;
}

const rule = (place: object, method = 'mask', more: object = {}): RedactRule =>
  ({ ...place, method, ...more }) as RedactRule;

describe('rules by path', () => {
  const cases: Record<string, [path: string, input: unknown, expected: unknown]> = {
    'from the record': ['/input/applicant/ssn', { applicant: { ssn: '12' } }, { applicant: { ssn: '***' } }],
    'from a field of the record': ['/applicant/ssn', { applicant: { ssn: '12' } }, { applicant: { ssn: '***' } }],
    'nowhere else': ['/applicant/ssn', { a: { applicant: { ssn: '12' } } }, { a: { applicant: { ssn: '12' } } }],
    'not at a part of the path': ['/a/b/c', { a: { b: 1 }, b: { c: 2 } }, { a: { b: 1 }, b: { c: 2 } }],
    'one index': ['/list/1', { list: [1, 2, 3] }, { list: [1, '***', 3] }],
    'every index': [
      '/items/*/pin',
      { items: [{ pin: 1 }, { pin: 2, x: 3 }] },
      { items: [{ pin: '***' }, { pin: '***', x: 3 }] },
    ],
    'one name, and not two': ['/a/*/c', { a: { b: { c: 1 }, c: 2 } }, { a: { b: { c: '***' }, c: 2 } }],
    'a wildcard at the end': ['/a/*', { a: { b: 1, c: { d: 2 } }, e: 3 }, { a: { b: '***', c: '***' }, e: 3 }],
    'any number of names': ['/**/pin', { pin: 1, a: [{ pin: 2 }] }, { pin: '***', a: [{ pin: '***' }] }],
    'any number of names in between': [
      '/a/**/b',
      { a: { b: 1, c: { b: 2 } }, b: 3 },
      { a: { b: '***', c: { b: '***' } }, b: 3 },
    ],
    'any number of names at the end, none included': ['/a/**', { a: { b: 1 }, c: 2 }, { a: '***', c: 2 }],
    'any number of names twice': [
      '/**/a/**/b',
      { x: { a: { y: { b: 1 } } }, b: 2 },
      { x: { a: { y: { b: '***' } } }, b: 2 },
    ],
    'escaped names': ['/a~1b/m~0n/~01', { 'a/b': { 'm~n': { '~1': 1 } } }, { 'a/b': { 'm~n': { '~1': '***' } } }],
    'empty names': ['/a//b', { a: { '': { b: 1 } } }, { a: { '': { b: '***' } } }],
    'all that is in the value': ['/a', { a: { b: [1, { c: 2 }] } }, { a: '***' }],
    'a value that is null or false': [
      '/*/x',
      { a: { x: null }, b: { x: false } },
      { a: { x: '***' }, b: { x: '***' } },
    ],
    'the value of a Map by its key': [
      '/m/pin',
      {
        m: new Map<string, number>([
          ['pin', 1],
          ['b', 2],
        ]),
      },
      {
        m: [
          ['pin', '***'],
          ['b', 2],
        ],
      },
    ],
    'names that JavaScript gives a meaning': [
      '/__proto__/constructor',
      JSON.parse('{"__proto__":{"constructor":1},"constructor":2}'),
      JSON.parse('{"__proto__":{"constructor":"***"},"constructor":2}'),
    ],
  };
  for (const [name, [path, input, expected]] of Object.entries(cases)) {
    test(name, () => {
      expect(recorded(input, [rule({ path })]).input).toEqual(expected);
      expect(Object.prototype).not.toHaveProperty('***');
    });
  }

  test.each(['/decision', '/decision/**', '/**'])('%s fits all that a stream yields', (path) => {
    const stream = audited({ model: 'm', redact: [rule({ path })] })(function* () {
      yield 'first item';
      yield { second: 'item two' };
      throw new Error('after item two');
    });
    expect(() => [...stream()]).toThrow('after item two');
    expect(seen.records[0]!.decision).toBe('***');
    expect(told()).not.toMatch(/first item|item two/);
  });

  test('with any wildcards in any value fit what a straightforward matcher says', () => {
    const name = fc.constantFrom('a', 'b', '1', 'a/b', '~');
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 5 },
        fc.constantFrom<unknown>(7, true, null),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(name, tie('value'), { maxKeys: 3, noNullPrototype: true }),
      ),
    }));
    const token = fc.oneof(name, fc.constantFrom('*', '**', '0', 'input'));
    const paths = fc.array(fc.array(token, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(value, paths, (input, rules) => {
        const redact = rules.map((tokens) => rule({ path: tokens.map((part) => `/${escaped(part)}`).join('') }));
        const masked: Masked[] = [];
        const expected = straightforward(input, ['input'], rules, masked);
        const record = recorded(input, redact);
        expect(record.input).toEqual(expected);
        expect((record.masked ?? []).filter(({ path }) => path.startsWith('/input'))).toEqual(masked.slice(0, 64));
      }),
    );
  });

  const escaped = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1');

  /** The value as rules leave it, each rule tried at each place in every way. */
  function straightforward(value: unknown, names: string[], rules: string[][], masked: Masked[]): unknown {
    if (rules.some((tokens) => matches(tokens, names) || matches(tokens, names.slice(1)))) {
      masked.push({ path: names.map((name) => `/${escaped(name)}`).join(''), method: 'mask' });
      return '***';
    }
    if (Array.isArray(value)) {
      return value.map((item, index) => straightforward(item, [...names, String(index)], rules, masked));
    }
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, member]) => [name, straightforward(member, [...names, name], rules, masked)]),
    );
  }

  function matches([token, ...tokens]: string[], names: string[]): boolean {
    if (token === undefined) return names.length === 0;
    if (token === '**') return names.some((_, i) => matches(tokens, names.slice(i))) || matches(tokens, []);
    const [name, ...rest] = names;
    return name !== undefined && (token === '*' || token === name) && matches(tokens, rest);
  }

  test('with many wildcards in a deep value cost no more than their product', () => {
    let deep: Record<string, unknown> = { y: 'bottom' };
    for (let i = 0; i < 190; i++) deep = { x: deep, y: i };
    const path = `${'/**/x'.repeat(30)}/**/nowhere`;
    expect(recorded(deep, [rule({ path }), rule({ path: `${'/**/*'.repeat(40)}/y/*` })])).not.toHaveProperty('masked');
  });
});

describe('rules by key', () => {
  test('fit the name anywhere, however it is written', () => {
    const input = { apiKey: 1, 'API-KEY': 2, api_key: 3, a: [{ 'api.key': { x: 1 } }, { 'api key': 'x' }], apiKeys: 4 };
    expect(recorded(input, [rule({ key: 'api_Key' })], {}).input).toEqual({
      apiKey: '***',
      'API-KEY': '***',
      api_key: '***',
      a: [{ 'api.key': '***' }, { 'api key': '***' }],
      apiKeys: 4,
    });
  });

  test('fit the values of Maps and headers, and whole fields of the record', () => {
    const headers = new Headers({ 'x-pin': '12' });
    const input = { map: new Map([['xPin', '13']]), headers };
    expect(recorded(input, [rule({ key: 'x-pin' })]).input).toEqual({
      map: [['xPin', '***']],
      headers: [['x-pin', '***']],
    });
    expect(recorded(input, [rule({ key: 'input' })]).input).toBe('***');
  });

  test('leave nothing of the value in what leaves the process', () => {
    const value = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom<unknown>('CANARY-7f3a', ['CANARY-7f3a'], { x: 'CANARY-7f3a' }, 8675309001, 1, 'y'),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(fc.constantFrom('ssn', 'a', 'b', '__proto__'), tie('value'), { maxKeys: 4 }),
      ),
    })).value;
    fc.assert(
      fc.property(value, fc.constantFrom('drop', 'mask', 'hash'), (inner, method) => {
        const input = { ssn: ['CANARY-7f3a', 8675309001], inner, text: 'it is CANARY-7f3a, or 8675309001' };
        recorded(input, [rule({ key: 'ssn' }, method)], {
          decision: () => ({ echoed: input }),
          reasons: () => [{ code: 'CANARY-7f3a', text: 'since 8675309001' }],
          subject: () => ({ id: '8675309001' }),
          index: ['text', 'ssn'],
        });
        expect(told()).not.toMatch(/CANARY-7f3a|8675309001/);
      }),
    );
  });
});

describe('rules by pattern', () => {
  test('fit each match in texts, numbers, and names of members', () => {
    const input = { a: 'x 12-34 y 56-78', 'b 90-12': 1, list: [['11-22']], n: 123456, big: 123456789n };
    expect(recorded(input, [rule({ pattern: /\d\d-\d\d/ }), rule({ pattern: /^123\d+$/ })]).input).toEqual({
      a: 'x *** y ***',
      'b ***': 1,
      list: [['***']],
      n: '***',
      big: '***',
    });
  });

  test('with "drop" drop the whole text, in a list to null, and the member whose name it is', () => {
    const input = { a: 'x 12-34', list: ['12-34', 'y'], '12-34': 1, b: 'y' };
    expect(recorded(input, [rule({ pattern: /\d\d-\d\d/ }, 'drop')]).input).toEqual({ list: [null, 'y'], b: 'y' });
  });

  test('with "hash" and "encrypt" replace each match', () => {
    configureDecisions({ hashKey: HASH_KEY, encrypt: (text, { path }) => `<${text.length} at ${path}>` });
    const redact = [rule({ pattern: /\d\d-\d\d/ }, 'hash'), rule({ pattern: /[a-z]+@[a-z.]+/ }, 'encrypt')];
    expect(recorded({ a: 'x 12-34 to a@b.test' }, redact).input).toEqual({
      a: `x ${hashed('12-34')} to <8 at /input/a>`,
    });
  });

  test('never fit nothing, half a character, or what another rule has replaced', () => {
    expect(recorded('abc', [rule({ pattern: /x*/ })]).input).toBe('abc');
    expect(recorded('a\u{1f600}b', [rule({ pattern: /./ }, 'mask', { keepLast: 1 })]).input).toBe('*********');
    const redact = [rule({ pattern: /\d{4}/ }), rule({ pattern: /\*+|\d/ }, 'drop')];
    expect(recorded('1234', redact).input).toBe('***');
    expect(recorded('1234 5', redact)).toMatchObject({ input: null });
  });

  test('leave nothing of either of two matches that overlap', () => {
    const redact = [rule({ pattern: /abcd/ }, 'mask'), rule({ pattern: /cdefgh/ }, 'mask', { keepLast: 2 })];
    expect(recorded('- abcdefgh -', redact).input).toBe('- *** -');
    expect(recorded('- abcdefgh -', redact.toReversed()).input).toBe('- ***gh -');
  });

  test('fit the same as the engine of the language does', () => {
    const simple = String.raw`a b - . \d \D \w \W \s \S \b \x61 \u0062 \cJ \/ / \0 é \u00e9 \.`.split(' ');
    const classes = String.raw`[^a] [a-b\d] [\s-a] [\S] [^\S\d] [[:alpha:]] [] [^] [\b] [.$*] [\]\\] [a/]`.split(' ');
    const atom = fc.constantFrom(...simple, ...classes);
    const times = fc.constantFrom('', '', '?', '*', '+', '{2}', '{1,2}', '+?', '{0,1}?');
    const piece = fc.tuple(atom, times).map(([one, many]) => (one === '\\b' ? one : one + many));
    const sequence = fc.array(piece, { minLength: 1, maxLength: 4 }).map((pieces) => pieces.join(''));
    const groups = fc.constantFrom('(', '(?:', '(?<name>');
    const source = fc.oneof(
      sequence,
      fc
        .tuple(groups, sequence, sequence, fc.constantFrom('', '{2}'))
        .map(([open, a, b, many]) => `${open}${a}|${b})${many}`),
      sequence.map((inner) => `^${inner}`),
      sequence.map((inner) => `${inner}$`),
    );
    const text = fc
      .array(
        fc.constantFrom(
          'a',
          'b',
          'A',
          '1',
          '-',
          '.',
          ' ',
          '\n',
          '\u00a0',
          '\u2028',
          '/',
          '[',
          ':',
          ']',
          '\b',
          '\0',
          'é',
          '|',
        ),
      )
      .map((chars) => chars.join(''));
    // Not "m", and "." only with "s": which characters end a line differs.
    const flags = fc.constantFrom('', 'i', 's', 'g', 'y', 'is');
    fc.assert(
      fc.property(source, flags, text, (source, flags, text) => {
        fc.pre(flags.includes('s') || !/(^|[^\\])\./.test(source));
        const native = new RegExp(source, `${flags.replace(/[gy]/g, '')}g`);
        const expected = text.replace(native, (match) => (match === '' ? '' : '#'));
        const record = recorded(text, [rule({ pattern: new RegExp(source, flags) })], { decision: () => null });
        expect(String(record.input).replaceAll('***', '#')).toBe(expected);
      }),
      { numRuns: 1000 },
    );
  });

  const refused: [RegExp, RegExp][] = [
    [/a(?=b)/, /rule 1: the pattern has a look-ahead.*linear time/],
    [/a(?!b)/, /look-ahead/],
    [/(?<=a)b/, /look-behind/],
    [/(?<!a)b/, /look-behind/],
    [/(a)\1/, /back-reference/],
    [/(?<x>a)\k<x>/, /back-reference/],
    [/(a{1000}){1000}/, /not possible here/],
    [/(a{900}|b{900})/, /too large/],
    [new RegExp('[\\w&&[aeiou]]', 'v'), /operation on sets/],
    [/\ud83d/, /surrogate/],
    [new RegExp('\\p{L}'), /flag "u"/],
    [new RegExp('\\Astart'), /escape "\\A"/],
  ];
  for (const [pattern, problem] of refused) {
    test(`refuse ${pattern.source.slice(0, 30)}, and say why`, () => {
      expect(() => audited({ model: 'm', redact: [rule({ pattern })] })).toThrow(problem);
    });
  }

  test('know characters beyond U+FFFF, scripts and properties', () => {
    const redact = [
      /[\u{1f600}-\u{1f64f}]/u,
      /\ud83d\udc36/,
      /\p{Script=Greek}+/u,
      new RegExp('\\P{ASCII_Hex_Digit}z', 'v'),
    ].map((pattern) => rule({ pattern }));
    expect(recorded('a\u{1f600}b\u{1f436}c\u03b1\u03b2dzaz', redact).input).toBe('a***b***c***dzaz');
  });
});

describe('what becomes of a value', () => {
  test('"drop": nothing is left of it, null in a list', () => {
    expect(recorded({ a: 1, b: [1, 2] }, [rule({ path: '/a' }, 'drop'), rule({ path: '/b/0' }, 'drop')]).input).toEqual(
      {
        b: [null, 2],
      },
    );
    expect(recorded({ a: 1 }, [rule({ path: '/input' }, 'drop')]).input).toBeNull();
  });

  test.each([
    ['123456789', 4, '***6789'],
    ['12345678', 4, '***5678'],
    ['1234567', 4, '***'],
    ['', 1, '***'],
    ['a\u{1f600}\u{1f601}\u{1f602}', 2, '***\u{1f601}\u{1f602}'],
    ['a\u{1f600}', 1, '***\u{1f600}'],
    ['\u{1f600}', 1, '***'],
    [4242424242, 2, '***42'],
    [{ a: 'bcdef' }, 2, '***'],
  ])('"mask" of %j keeps its last %i characters where they are at most half: %s', (value, keepLast, expected) => {
    const record = recorded({ value }, [rule({ path: '/value' }, 'mask', { keepLast })]);
    expect(record.input).toEqual({ value: expected });
  });

  test('"mask" by pattern keeps the last characters of each match', () => {
    expect(recorded('a 123456789 b 1234', [rule({ pattern: /\d+/ }, 'mask', { keepLast: 4 })]).input).toBe(
      'a ***6789 b ***',
    );
  });

  test('"hash": the HMAC-SHA-256 of the UTF-8 text, so that it can be joined with the subject and other services', () => {
    configureDecisions({ hashKey: HASH_KEY });
    const input = { id: 'Zoë-😀', n: 12345, o: { a: [1, 'x'] }, s: '12345' };
    const redact = ['id', 'n', 'o', 's'].map((key) => rule({ key }, 'hash'));
    const record = recorded(input, redact, { subject: () => ({ id: 'Zoë-😀' }), actor: () => ({ id: '12345' }) });
    expect(record.input).toEqual({
      id: hashed('Zoë-😀'),
      n: hashed('12345'),
      o: hashed('{"a":[1,"x"]}'),
      s: hashed('12345'),
    });
    expect(record.subject?.id).toBe(hashed('Zoë-😀'));
    expect(record.actor?.id).toBe(hashed('12345'));
    expect(seen.logs[0]?.attributes).toMatchObject({
      'decision.subject.id': hashed('Zoë-😀'),
      'audit.actor.id': hashed('12345'),
    });

    configureDecisions({ hashKey: { id: 'k2', key: Buffer.from(HASH_KEY.key) } });
    expect(recorded({ id: 'x' }, redact).input).toEqual({ id: hashed('x', { id: 'k2', key: HASH_KEY.key }) });
  });

  test('"hash" and "encrypt" mask where there is no key, and the record says so', () => {
    const record = recorded({ a: 'abc', b: 'def' }, [rule({ key: 'a' }, 'hash'), rule({ key: 'b' }, 'encrypt')]);
    expect(record.input).toEqual({ a: '***', b: '***' });
    expect(record.masked).toEqual([
      { path: '/input/a', method: 'mask' },
      { path: '/input/b', method: 'mask' },
    ]);
  });

  test('"encrypt": what the hook returns for the text and its place', () => {
    configureDecisions({ encrypt: (text, { path }) => `${path}=${[...text].toReversed().join('')}` });
    const record = recorded({ a: ['abc', { x: 1 }], n: 12n }, [
      rule({ path: '/a/*' }, 'encrypt'),
      rule({ key: 'n' }, 'encrypt'),
    ]);
    expect(record.input).toEqual({ a: ['/input/a/0=cba', '/input/a/1=}1:"x"{'], n: '/input/n=21' });
    expect(record.masked?.map(({ method }) => method)).toEqual(['encrypt', 'encrypt', 'encrypt']);
  });
});

describe('which rule decides', () => {
  test('the first of the list that fits by path or key, before any pattern', () => {
    const input = { ssn: '123-45-6789' };
    const redact = [
      rule({ pattern: /\d+/ }, 'drop'),
      rule({ key: 'SSN' }, 'mask', { keepLast: 2 }),
      rule({ path: '/ssn' }, 'drop'),
    ];
    expect(recorded(input, redact).input).toEqual({ ssn: '***89' });
    expect(recorded(input, redact.toReversed()).input).toEqual({});
  });

  test('the first of several paths, with or without a wildcard at the end', () => {
    const redact = [rule({ path: '/a/*' }, 'mask', { keepLast: 1 }), rule({ path: '/a/b' }, 'drop')];
    expect(recorded({ a: { b: 'bcd' } }, redact).input).toEqual({ a: { b: '***d' } });
    expect(recorded({ a: { b: 'bcd' } }, redact.toReversed()).input).toEqual({ a: {} });
  });

  test('those of the place before those of the process, and those before the rules for secrets', () => {
    configureDecisions({ redact: [rule({ key: 'a' }, 'drop'), rule({ key: 'token' }, 'mask', { keepLast: 2 })] });
    expect(
      recorded({ a: 'abcdef', token: 'abcdef', secret: 'abcdef' }, [rule({ path: '/a' }, 'mask', { keepLast: 1 })])
        .input,
    ).toEqual({
      a: '***f',
      token: '***ef',
      secret: '***',
    });
    const key = rule({ key: 'secret' }, 'hash');
    configureDecisions({ redact: undefined, secrets: false, hashKey: HASH_KEY });
    expect(recorded({ token: 'password=abc', secret: 'x' }, [key]).input).toEqual({
      token: 'password=abc',
      secret: hashed('x'),
    });
  });

  test('of patterns the first that fits a part of the text', () => {
    const redact = [rule({ pattern: /\d{3}-\d{4}/ }, 'mask', { keepLast: 2 }), rule({ pattern: /\d+/ })];
    expect(recorded('555-1234 and 99', redact).input).toBe('***34 and ***');
  });
});

describe('everywhere in the record', () => {
  const CANARY = 'CANARY-5550100';
  const places: Record<string, [options: Partial<DecisionOptions>, path: string, key: string]> = {
    input: [{ input: () => ({ deep: [{ field: CANARY }] }) }, '/deep/0/field', 'field'],
    decision: [{ decision: () => ({ field: CANARY }) }, '/decision/field', 'field'],
    'a decision that is a text': [{ decision: () => CANARY }, '/decision', 'decision'],
    'the text of a reason': [{ reasons: () => [{ code: 'C', text: `for ${CANARY}` }] }, '/reasons/*/text', 'text'],
    'the code of a reason': [{ reasons: () => [{ code: CANARY }] }, '/reasons/0/code', 'code'],
    attributes: [{ attributes: { field: CANARY } }, '/attributes/field', 'field'],
    alternatives: [{ alternatives: () => [{ decision: { field: CANARY } }] }, '/alternatives/0/**', 'field'],
    subject: [{ subject: () => ({ id: CANARY }) }, '/subject/id', 'id'],
    actor: [{ actor: () => ({ id: CANARY }) }, '/actor/*', 'id'],
    'an indexed field': [{ input: () => ({ field: CANARY }), index: ['field'] }, '/input/field', 'field'],
  };
  for (const [name, [options, path, key]] of Object.entries(places)) {
    for (const method of ['drop', 'mask', 'hash', 'encrypt']) {
      test(`${name}, by path, key and pattern: ${method}`, () => {
        configureDecisions({ hashKey: HASH_KEY, encrypt: () => '<ciphertext>' });
        for (const place of [{ path }, { key }, { pattern: /CANARY-\d+/ }]) {
          const record = recorded(null, [rule(place, method)], { input: () => null, ...options });
          expect(told()).not.toContain(CANARY);
          expect(record.masked?.map((masked) => masked.method)).toEqual([method]);
          expect(seen.logs[0]?.attributes['decision.masked']).toBe(1);
          expect(seen.spans[0]?.attributes['decision.masked']).toBe(1);
        }
      });
    }
  }

  test('the message of an error and the status of the span', () => {
    for (const place of [{ path: '/error/message' }, { key: 'message' }, { pattern: /CANARY-\d+/ }]) {
      const fail = audited({ model: 'm', redact: [rule(place)] }, () => {
        throw new Error(`no score for ${CANARY}`);
      });
      expect(fail).toThrow(CANARY);
      expect(told()).not.toContain(CANARY);
      expect(seen.spans.at(-1)?.status.message).toContain('***');
    }
  });

  test('a value that a rule by path or key replaced is replaced where it is quoted', () => {
    configureDecisions({ hashKey: HASH_KEY });
    const value = 'Jo "Ann"\nDoe, 12 Élan';
    const redact = [rule({ key: 'name' }, 'hash'), rule({ key: 'balance' }), rule({ path: '/all' }, 'drop')];
    const fail = audited(
      {
        model: 'm',
        redact,
        subject: ({ name }) => ({ id: name }),
        attributes: ({ name }) => ({ json: JSON.stringify({ name }), url: `/?q=${encodeURIComponent(name)}&x=1` }),
      },
      ({ name, balance, all }: { note: string; name: string; balance: number; all: unknown }) => {
        throw new Error(`${name} has ${balance}, not 91234567, ${(all as { a: string[] }).a[0]}`);
      },
    );
    expect(() =>
      fail({ note: `${value}!`, name: value, balance: 1234567, all: { a: ['leaf in it', 31415926] } }),
    ).toThrow();
    const [record] = seen.records;
    expect(record).toMatchObject({
      input: { note: `${hashed(value)}!`, name: hashed(value), balance: '***' },
      subject: { id: hashed(value) },
      attributes: { json: `{"name":"${hashed(value)}"}`, url: `/?q=${hashed(value)}&x=1` },
      error: { message: `${hashed(value)} has ***, not 91234567, ***` },
    });
    expect(seen.spans[0]?.status.message).toBe(record?.error?.message);
    expect(record?.masked).toContainEqual({ path: '/error/message', method: 'hash' });
    expect(record?.masked).toContainEqual({ path: '/error/message', method: 'drop' });
  });

  test('so is what a pattern found, where the pattern does not fit, and a text that it dropped', () => {
    const redact = [rule({ pattern: /^[A-Z]+-\d+$/ }), rule({ pattern: /\d{4}$/ }, 'drop')];
    const record = recorded({ a: 'QX-77', b: 'Jo Doe 1234' }, redact, {
      attributes: { text: 'no QX-77 of Jo Doe 1234!' },
    });
    expect(record.input).toEqual({ a: '***' });
    expect(record.attributes).toEqual({ text: 'no *** of ***!' });
  });

  test('for as many values as fit, the longest of a list, whatever patterns found before', () => {
    const many = Array.from({ length: 100 }, (_, i) => `value ${i}.`);
    const redact = [rule({ key: 'all' }), rule({ key: 'name' }), rule({ pattern: /^value \d+\.$/ })];
    const attributes = (): object => ({ text: ['the longest', ...many, 'Jane'].join(' ') });
    const options = { attributes: attributes as () => Record<string, unknown> };
    const listed = recorded({ all: [...many, 'the longest'] }, redact, options).attributes?.['text'];
    expect(listed).toMatch(/^\*\*\* /);
    expect(String(listed).match(/\*\*\*/g)).toHaveLength(64);
    const found = recorded({ many, name: 'Jane' }, redact, options).attributes?.['text'];
    expect(found).toMatch(/ \*\*\*$/);
    expect(String(found).match(/\*\*\*/g)).toHaveLength(33);
  });

  test('but values that are in any text by chance are not: short ones, words, parts of longer numbers', () => {
    const redact = ['a', 'b', 'c'].map((key) => rule({ key }));
    const record = recorded({ a: 'abc', b: true, c: 1234 }, redact, {
      attributes: { text: 'abc is true, 51234 and 12345', n: 12345, m: 0.1234, digest: 'a1234b'.repeat(8) },
    });
    expect(record.attributes).toEqual({
      text: 'abc is true, 51234 and 12345',
      n: 12345,
      m: 0.1234,
      digest: 'a1234b'.repeat(8),
    });
  });

  describe('a short word is replaced where it is a word of its own, not where it is a part of another', () => {
    const quotedAs = (value: string, text: string): unknown =>
      recorded({ field: value }, [rule({ key: 'field' })], { attributes: { text } }).attributes?.['text'];

    test.each([
      ['male', 'female, males and maleness', 'female, males and maleness'],
      ['Rank', 'RankedFrank and Franklin', 'RankedFrank and Franklin'],
      ['rank', 'Frank, Ranks', 'Frank, Ranks'],
      ['MALE', 'FEMALE', 'FEMALE'],
      ['größe', 'Übergröße, größer', 'Übergröße, größer'],
      ['male', 'a male, (male) male.', 'a ***, (***) ***.'],
      ['male', 'https://a.test/male/?sex=male&x=male#male', 'https://a.test/***/?sex=***&x=***#***'],
      ['male', 'sex=male;sex:male,sex_male,male_40,male40,40male', 'sex=***;sex:***,sex_***,***_40,***40,40***'],
      ['male', 'q=%20male%20&r=%0Amale%0A', 'q=%20***%20&r=%0A***%0A'],
      ['male', String.raw`{"a":"male","b":"x\nmale\tmale"}`, String.raw`{"a":"***","b":"x\n***\t***"}`],
      ['male', 'maleApplicant', '***Applicant'],
      ['Smith', 'customerSmith, SmithAccount, SMITH', 'customer***, ***Account, SMITH'],
      ['MALE', 'MALE_MALE-MALE', '***_***-***'],
      ['André', 'Andr%C3%A9 and André', '*** and ***'],
      ['Иван', 'Иван и Иванов', '*** и Иванов'],
    ])('%s in %s', (value, text, expected) => {
      expect(quotedAs(value, text)).toBe(expected);
    });

    test.each([
      ['what has digits or signs, as tokens and accounts have', 'ab12', 'xxab12yy'],
      ['what mixes cases', 'aBcDeF', 'xxaBcDeFyy'],
      ['what is long', 'correcthorse', 'xxcorrecthorseyy'],
      ['what is more than one word', 'Jo Doe', 'xxJo Doeyy'],
      ['scripts that write no blanks between words', '山田太郎', '氏名山田太郎様'],
    ])('but within any text: %s', (_, value, text) => {
      expect(quotedAs(value, text)).not.toContain(value);
    });

    test('and within any text what is a secret by the rules for secrets, whatever it looks like', () => {
      const record = recorded({ password: 'swordfish' }, [], { attributes: { text: 'adminswordfishes' } });
      expect(record.attributes).toEqual({ text: 'admin***es' });
      const twice = recorded({ name: 'swordfish', password: 'swordfish' }, [rule({ key: 'name' })], {
        attributes: { text: 'adminswordfishes' },
      });
      expect(twice.attributes).toEqual({ text: 'admin***es' });
    });
  });

  test('the longest of several values that contain each other is replaced as a whole', () => {
    const redact = [rule({ key: 'a' }, 'mask'), rule({ key: 'b' }, 'mask', { keepLast: 2 })];
    const record = recorded({ a: 'John', b: 'John Doe' }, redact, { attributes: { text: 'John Doe and John' } });
    expect(record.attributes).toEqual({ text: '***oe and ***' });
  });
});

describe('what the record says about masking', () => {
  test('each place once for each method', () => {
    const redact = [rule({ pattern: /\d\d\d/ }), rule({ pattern: /x@y/ }, 'mask'), rule({ key: 'k' }, 'drop')];
    const record = recorded({ a: '123 456 x@y', 'b/c': [{ k: 1 }] }, redact);
    expect(record.masked).toEqual([
      { path: '/input/a', method: 'mask' },
      { path: '/input/b~1c/0/k', method: 'drop' },
    ]);
    const names = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`${100 + i}`, i]));
    expect(recorded(names, redact).masked).toEqual([{ path: '/input', method: 'mask' }]);
    expect(recorded({ a: 1 }, redact)).not.toHaveProperty('masked');
    expect(seen.logs[0]?.attributes['decision.masked']).toBe(0);
  });

  test('beyond 64 places, or 8 KiB of paths, how many more there are in each field', () => {
    const redact = [rule({ key: 'pin' }), rule({ key: 'cut' }, 'drop')];
    const many = Array.from({ length: 100 }, () => ({ pin: 1, cut: 2 }));
    const { masked } = recorded(many, redact);
    expect(masked).toHaveLength(66);
    expect(masked?.slice(64)).toEqual([
      { path: '/input', method: 'mask', count: 68 },
      { path: '/input', method: 'drop', count: 68 },
    ]);
    expect(seen.logs[0]?.attributes['decision.masked']).toBe(200);

    const name = 'é'.repeat(400);
    const long = recorded(
      Array.from({ length: 40 }, () => ({ [name]: { pin: 1 } })),
      redact,
    ).masked!;
    expect(Buffer.byteLength(JSON.stringify(long))).toBeLessThan(10 * 1024);
    expect(long.at(-1)).toEqual({ path: '/input', method: 'mask', count: 41 - long.length });
    const longest = recorded({ a: { ['x'.repeat(2000)]: { pin: 1 } } }, redact).masked;
    expect(longest).toEqual([{ path: '/input/a', method: 'mask' }]);
  });
});

describe('fails closed', () => {
  test.each([
    [
      'throws',
      () => {
        throw new Error('cannot encrypt CANARY');
      },
    ],
    ['returns a promise', async () => 'ciphertext'],
    ['returns nothing', () => undefined],
  ])('where the hook %s: the whole field is masked, the decision is as it was', (_name, hook) => {
    const said = listenToDiag();
    configureDecisions({ encrypt: hook as unknown as () => string });
    const input = { ssn: 'CANARY-1', other: 'also CANARY-2', name: 'CANARY-2', pin: 'CANARY-3' };
    const model = audited(
      {
        model: 'm',
        redact: [rule({ key: 'name' }, 'encrypt'), rule({ key: 'ssn' }, 'drop'), rule({ key: 'pin' })],
        attributes: ({ ssn, name, pin }: typeof input) => ({ text: `${ssn}, ${name}, ${pin}` }),
        score: () => 0.5,
      },
      (given: typeof input) => given,
    );
    expect(model(input)).toBe(input);
    expect(seen.records[0]).toMatchObject({ input: '***', decision: '***', score: 0.5 });
    expect(seen.records[0]?.attributes).toEqual({ text: '***, ***, ***' });
    expect(seen.records[0]?.masked).toEqual([
      { path: '/input', method: 'mask' },
      { path: '/attributes/text', method: 'drop' },
      { path: '/attributes/text', method: 'mask' },
      { path: '/decision', method: 'mask' },
    ]);
    expect(told() + said.join()).not.toContain('CANARY');
  });

  test('where the hook fails for a part of a text', () => {
    configureDecisions({ encrypt: () => undefined as unknown as string });
    expect(recorded({ a: 'see CANARY-1', b: 1 }, [rule({ pattern: /CANARY-\d/ }, 'encrypt')]).input).toBe('***');
    expect(told()).not.toContain('CANARY');
  });

  test('where patterns would have to look at more than their budget', () => {
    const list = Array.from({ length: 25 }, (_, i) => `CANARY${i}`.padEnd(32_000, 'x'));
    const redact = Array.from({ length: 16 }, (_, i) => rule({ pattern: new RegExp(`secret${i}`) }));
    expect(recorded(list, redact).input).toBe('***');
    expect(told()).not.toContain('CANARY');
    expect(recorded(list.slice(0, 2), redact).input).toHaveLength(2);
  });
});

describe('rules that are wrong are refused where they are given, and the message says what to do', () => {
  const cases: [unknown, RegExp][] = [
    ['ssn', /list of .*rules/],
    [[null], /redact: expects rule 1 to be an object/],
    [[rule({ key: 'a' }), { key: 'a' }], /rule 2 expects "method" to be one of drop, mask, hash, encrypt/],
    [[{ key: 'a', method: 'toString' }], /"method"/],
    [[{ method: 'drop' }], /rule 1 has 0 of "path", "key" and "pattern"; give it exactly one/],
    [[{ key: 'a', path: '/a', method: 'drop' }], /rule 1 has 2 of/],
    [[{ key: 'a', methode: 'drop' }], /rule 1 has a field "methode".*path, key, pattern, method, keepLast/],
    [[rule({ path: 'a/b' })], /rule 1: the path "a\/b" must begin with "\/"/],
    [[rule({ path: '' })], /must begin with/],
    [[rule({ path: '/a~2' })], /"~"/],
    [[rule({ path: '/a~' })], /"~"/],
    [[rule({ path: 1 })], /rule 1 expects "path" to be a JSON Pointer/],
    [[rule({ path: `/${'a'.repeat(2000)}` })], /at most 1024 characters/],
    [[rule({ key: '' })], /rule 1 expects "key" to be a name/],
    [[rule({ key: '-_ .' })], /"key"/],
    [[rule({ pattern: '\\d+' })], /rule 1 expects "pattern" to be a regular expression/],
    [[rule({ pattern: Object.create(RegExp.prototype) })], /"pattern"/],
    [[rule({ pattern: new Proxy(/a/, {}) })], /"pattern"/],
    [[rule({ key: 'a' }, 'mask', { keepLast: 0 })], /rule 1 expects "keepLast" to be a whole number from 1 to 64/],
    [[rule({ key: 'a' }, 'mask', { keepLast: 1.5 })], /"keepLast"/],
    [[rule({ key: 'a' }, 'hash', { keepLast: 4 })], /"mask" only; leave it out with "hash"/],
    [Array.from({ length: 257 }, () => rule({ key: 'a' })), /257 rules; at most 256/],
    [
      new Proxy([rule({ key: 'a' })], {
        get: () => {
          throw new Error('trap');
        },
      }),
      /cannot be read/,
    ],
  ];
  test.each(cases)('%#', (redact, problem) => {
    const wrong = redact as RedactRule[];
    for (const give of [() => audited({ model: 'm', redact: wrong }), () => configureDecisions({ redact: wrong })]) {
      expect(give).toThrow(DecisionTrailError);
      expect(give).toThrow(problem);
    }
  });

  test('where they come from a prototype, there is no rule', () => {
    const inherited = Object.create({ key: 'a', method: 'drop' }) as RedactRule;
    expect(() => audited({ model: 'm', redact: [inherited] })).toThrow(/has 0 of/);
  });
});

describe('rules are read once', () => {
  test('so that what happens to them later makes no difference', () => {
    const reads: string[] = [];
    const pattern = /\d+/;
    Object.defineProperties(pattern, {
      exec: { value: () => expect.unreachable() },
      source: { get: () => expect.unreachable() },
      flags: { get: () => expect.unreachable() },
      ignoreCase: { get: () => expect.unreachable() },
    });
    const redact = [
      {
        get key() {
          reads.push('key');
          return reads.length > 1 ? 'other' : 'a';
        },
        method: 'mask',
      } as RedactRule,
      { pattern, method: 'mask' } as const,
      rule({ path: '/b' }, 'drop'),
    ];
    const decide = audited({ model: 'm', redact })((_input: unknown) => 'ok');
    Object.assign(redact[2]!, { method: 'encrypt', path: '/c' });
    redact.length = 0;
    pattern.compile('x');
    decide({ a: 1, b: 2, c: 'see 3', d: 'x' });
    expect(seen.records[0]?.input).toEqual({ a: '***', c: 'see ***', d: 'x' });
    expect(reads).toEqual(['key']);
  });
});
