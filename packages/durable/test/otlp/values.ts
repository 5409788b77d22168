import fc from 'fast-check';

/** Strings of every kind: ASCII, all of Unicode, lone surrogates, and lengths about which a varint grows. */
export const text: fc.Arbitrary<string> = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.integer({ min: 0xd700, max: 0xe000 }).map((code) => String.fromCharCode(code)) }),
  fc.tuple(fc.constantFrom('a', 'é', '漢', '😀'), fc.integer({ min: 0, max: 140 })).map(([char, n]) => char.repeat(n)),
  fc
    .tuple(fc.constantFrom('a', 'é', '漢'), fc.integer({ min: 16_370, max: 16_390 }))
    .map(([char, n]) => char.repeat(n)),
);

const EDGES = [
  0,
  1,
  127,
  128,
  2 ** 28,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 53 - 1,
  2 ** 53,
  2 ** 62,
  2 ** 63,
  2 ** 64,
];

const number: fc.Arbitrary<number> = fc.oneof(
  fc.constantFrom(
    ...EDGES,
    ...EDGES.map((edge) => -edge),
    ...EDGES.map((edge) => edge + 0.5),
    NaN,
    Infinity,
    -Infinity,
  ),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double(),
);

/** Whatever OTLP has a form for, nested. */
export const value: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    text,
    number,
    fc.boolean(),
    fc.constantFrom(null, undefined, '', [], {}),
    fc.uint8Array(),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(text, tie('value'), { maxKeys: 4 }),
  ),
})).value;

/** Attributes, of which most are short texts, as in applications. */
export const attributes: fc.Arbitrary<Record<string, unknown>> = fc.dictionary(
  fc.oneof(fc.string({ maxLength: 130 }), text),
  fc.oneof(fc.string({ maxLength: 130 }), value),
  { maxKeys: 12 },
);

export const time: fc.Arbitrary<[number, number]> = fc.tuple(
  fc.oneof(fc.integer({ min: 0, max: 0xffff_ffff }), fc.constantFrom(0, 65_535, 65_536, 1_780_000_000, 18_446_744_072)),
  fc.integer({ min: 0, max: 999_999_999 }),
);

const hex = (bytes: number): fc.Arbitrary<string> =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((id) => Buffer.from(id).toString('hex'));

const traceState = text.map((state) => ({
  serialize: () => state,
  set: () => never(),
  unset: () => never(),
  get: () => undefined,
}));

function never(): never {
  throw new Error('not asked for here');
}

export const spanContext = fc.record(
  {
    traceId: hex(16),
    spanId: hex(8),
    traceFlags: fc.integer({ min: 0, max: 255 }),
    isRemote: fc.boolean(),
    traceState,
  },
  { requiredKeys: ['traceId', 'spanId', 'traceFlags'] },
);

export const count: fc.Arbitrary<number> = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0x7fff_ffff }));
