import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import fc from 'fast-check';
import { audited, conventions } from '@decision-trail/decisions';
import type { DecisionRecord } from '@decision-trail/decisions';
import { startSdk, stopSdk } from './telemetry.js';
import type { Seen } from './telemetry.js';

const { RECORD_BYTES_MAX, ATTRIBUTE_JSON_BYTES_MAX } = conventions;

let seen: Seen;
beforeEach(async () => {
  seen = await startSdk();
});
afterEach(stopSdk);

const decide = audited({ model: 'm' })((_input: unknown): unknown => 'ok');

/** What is recorded of an input. */
function recorded(input: unknown): { record: DecisionRecord; body: string; attributes: Record<string, unknown> } {
  seen.logs.length = 0;
  decide(input);
  const [log] = seen.logs;
  const body = String(log?.body);
  return { record: JSON.parse(body) as DecisionRecord, body, attributes: log!.attributes };
}

const sha256 = (bytes: string | Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describe('what JSON can say is recorded as JSON.stringify writes it', () => {
  test('for any JSON value, but that the sign of a zero is kept', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (generated) => {
        const value = JSON.parse(JSON.stringify(generated)) as unknown;
        expect(recorded(value).body).toContain(`"input":${JSON.stringify(value)},"decision":"ok"`);
      }),
    );
    expect(recorded([-0, 0]).body).toContain('"input":[-0,0],');
  });

  test('keys that JavaScript gives a meaning stay data', () => {
    const input = JSON.parse('{"__proto__":{"polluted":true},"constructor":1,"toString":null}') as unknown;
    const { body } = recorded(input);
    expect(body).toContain('"input":{"__proto__":{"polluted":true},"constructor":1,"toString":null}');
    expect({}).not.toHaveProperty('polluted');
  });
});

describe('what JSON cannot say has a form of its own', () => {
  const bytes = new Uint8Array([1, 2, 255]);
  const floats = new Float32Array([0.5, Number.NaN]);
  const cyclic: Record<string, unknown> = { name: 'a' };
  cyclic['self'] = cyclic;
  cyclic['a/b~c'] = { back: cyclic };
  const list: unknown[] = [1];
  list.push({ list });
  class Point {
    x = 1;
    #secret = 2;
    method(): number {
      return this.#secret;
    }
    toJSON(): unknown {
      return { point: [this.x] };
    }
  }
  const self = {
    a: 1,
    toJSON(): unknown {
      return this;
    },
  };
  const cases: Record<string, [unknown, unknown]> = {
    bigint: [12345678901234567890n, '12345678901234567890'],
    NaN: [{ x: Number.NaN }, { x: { $number: 'NaN' } }],
    infinities: [
      [Infinity, -Infinity],
      [{ $number: 'Infinity' }, { $number: '-Infinity' }],
    ],
    date: [new Date(0), '1970-01-01T00:00:00.000Z'],
    'invalid date': [new Date(Number.NaN), 'Invalid Date'],
    map: [
      new Map<unknown, unknown>([
        ['a', 1],
        [{ k: 1 }, 2n],
      ]),
      [
        ['a', 1],
        [{ k: 1 }, '2'],
      ],
    ],
    set: [new Set([1, 'a']), [1, 'a']],
    undefined: [{ a: undefined, b: [undefined] }, { b: [null] }],
    'functions and symbols': [{ f: () => 1, s: Symbol('s'), l: [() => 1, Symbol('s')] }, { l: [null, null] }],
    'boxed primitives': [
      [Object(1), Object('a'), Object(true), Object(2n)],
      [1, 'a', true, '2'],
    ],
    bytes: [bytes, { $bytes: { length: 3, sha256: sha256(bytes), base64: 'AQL/' } }],
    buffer: [Buffer.from('hi'), { $bytes: { length: 2, sha256: sha256('hi'), base64: 'aGk=' } }],
    'array buffer': [bytes.buffer, { $bytes: { length: 3, sha256: sha256(bytes), base64: 'AQL/' } }],
    'view of a part': [bytes.subarray(1), { $bytes: { length: 2, sha256: sha256(bytes.subarray(1)), base64: 'Av8=' } }],
    'typed array': [
      floats,
      {
        $tensor: {
          type: 'float32',
          dims: [2],
          sha256: sha256(new Uint8Array(floats.buffer)),
          data: [0.5, { $number: 'NaN' }],
        },
      },
    ],
    'tensor of ONNX labels': [
      { type: 'int64', dims: [1, 2], data: new BigInt64Array([1n, -2n]), size: 2 },
      {
        $tensor: {
          type: 'int64',
          dims: [1, 2],
          sha256: sha256(new Uint8Array(new BigInt64Array([1n, -2n]).buffer)),
          data: ['1', '-2'],
        },
      },
    ],
    'object that only looks a little like a tensor': [
      { type: 'a', dims: ['x'] },
      { type: 'a', dims: ['x'] },
    ],
    cycle: [cyclic, { name: 'a', self: { $ref: '/input' }, 'a/b~c': { back: { $ref: '/input' } } }],
    'cycle through a list': [{ list }, { list: [1, { list: { $ref: '/input/list' } }] }],
    'the same object twice is no cycle': [((o) => [o, o])({ a: 1 }), [{ a: 1 }, { a: 1 }]],
    toJSON: [new Point(), { point: [1] }],
    'toJSON that returns itself': [self, { a: 1 }],
    'toJSON that throws': [{ toJSON: () => expect.unreachable() }, { $unreadable: 'AssertionError' }],
    error: [new RangeError('bad'), { type: 'RangeError', message: 'bad' }],
    'getter that throws': [
      {
        get a(): never {
          throw new TypeError('x');
        },
        b: 1,
      },
      { a: { $unreadable: 'TypeError' }, b: 1 },
    ],
    'revoked proxy': [
      ((): unknown => {
        const { proxy, revoke } = Proxy.revocable({}, {});
        revoke();
        return [proxy];
      })(),
      [{ $unreadable: 'TypeError' }],
    ],
    'object without prototype': [Object.assign(Object.create(null) as object, { a: 1 }), { a: 1 }],
    url: [new URL('http://a.test/b'), 'http://a.test/b'],
    'nothing at all': [undefined, null],
  };
  for (const [name, [input, expected]] of Object.entries(cases)) {
    test(name, () => {
      expect(recorded(input).record.input).toEqual(expected);
      expect(recorded({ nested: [input] }).record).not.toHaveProperty('truncated');
    });
  }

  test('lone surrogates are escaped, so that the record is valid UTF-8', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.constantFrom('\ud800', '\udc00'), (text, surrogate) => {
        const input = { [text + surrogate]: surrogate + text };
        const { body, record } = recorded(input);
        expect(Buffer.from(body).toString()).toBe(body);
        expect(record.input).toEqual(input);
      }),
    );
  });
});

describe('limits', () => {
  test('whatever comes in, the record parses and is within its limits, and what was cut is named', () => {
    const long = fc
      .integer({ min: 0, max: 90_000 })
      .chain((length) =>
        fc.constantFrom('a', 'é', '€', '😀', '"', '\n', '\ud800').map((unit) => unit.repeat(length / unit.length)),
      );
    const value = fc.oneof(
      fc.jsonValue(),
      long,
      fc.array(long, { maxLength: 4 }),
      fc.dictionary(fc.string(), long, { maxKeys: 4 }),
    );
    fc.assert(
      fc.property(value, (input) => {
        const { record, body, attributes } = recorded(input);
        expect(Buffer.byteLength(body)).toBeLessThanOrEqual(RECORD_BYTES_MAX);
        const projection = String(attributes['decision.input']);
        expect(Buffer.byteLength(projection)).toBeLessThanOrEqual(ATTRIBUTE_JSON_BYTES_MAX);
        expect(() => JSON.parse(projection) as unknown).not.toThrow();
        expect(attributes['decision.truncated']).toBe('truncated' in record);
        if (record.truncated === undefined) {
          expect(record.input).toEqual(input);
        } else {
          for (const { path, bytes, sha256: digest } of record.truncated) {
            const whole = JSON.stringify(at(input, path));
            expect({ path, bytes, digest }).toEqual({ path, bytes: Buffer.byteLength(whole), digest: sha256(whole) });
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  /** The value at a JSON Pointer into `{ input }`. */
  function at(input: unknown, pointer: string): unknown {
    let value: unknown = { input };
    for (const token of pointer.slice(1).split('/')) {
      value = (value as Record<string, unknown>)[token.replaceAll('~1', '/').replaceAll('~0', '~')];
    }
    return value;
  }

  test('one long text does not push out the rest', () => {
    const input = { text: 'x'.repeat(200_000), applicant: { age: 30 } };
    const { record } = recorded(input);
    expect(record.input).toEqual({ text: expect.stringMatching(/^x{32000,}$/) as string, applicant: { age: 30 } });
    expect(record.truncated).toEqual([
      { path: '/input/text', bytes: 200_002, sha256: sha256(JSON.stringify(input.text)) },
    ]);
  });

  test('a record that is too large keeps its beginning, and the digest of the whole', () => {
    const input = Array.from({ length: 50_000 }, (_, i) => i);
    const { record } = recorded(input);
    expect(record.input).toEqual(input.slice(0, (record.input as number[]).length));
    expect((record.input as number[]).length).toBeGreaterThan(10_000);
    expect(record.truncated).toEqual([
      { path: '/input', bytes: JSON.stringify(input).length, sha256: sha256(JSON.stringify(input)) },
    ]);
    expect(record.decision).toBe('ok');
  });

  test('a short text is kept whole or left out: half an id misleads', () => {
    const input = Array.from({ length: 3000 }, (_, i) => `customer-${i}-${'0'.repeat(20)}`);
    const { attributes } = recorded(input);
    for (const id of JSON.parse(String(attributes['decision.input'])) as string[]) expect(input).toContain(id);
  });

  test('large binary data is recorded by shape and digest', () => {
    const data = new Float64Array(100_000).fill(1);
    const { record } = recorded({ data, bytes: new Uint8Array(5000) });
    const digest = sha256(new Uint8Array(data.buffer));
    expect(record.input).toEqual({
      data: { $tensor: { type: 'float64', dims: [100_000], sha256: digest } },
      bytes: { $bytes: { length: 5000, sha256: sha256(new Uint8Array(5000)) } },
    });
    expect(record.truncated).toEqual([
      { path: '/input/data', bytes: 800_000, sha256: digest },
      { path: '/input/bytes', bytes: 5000, sha256: sha256(new Uint8Array(5000)) },
    ]);
  });

  test('a structure 10,000 levels deep is cut, and said to be', () => {
    let deep: unknown = 'bottom';
    for (let i = 0; i < 10_000; i++) deep = { deep };
    const { record } = recorded(deep);
    expect(record.truncated?.[0]?.path).toMatch(/^\/input(\/deep){200}$/);
    expect(record.decision).toBe('ok');
  });

  test('thousands of deep cuts with long paths cannot make a record too large, or writing it endless', () => {
    const deep = (): unknown => {
      let value: unknown = 'bottom';
      for (let i = 0; i < 220; i++) value = { deep: value };
      return value;
    };
    const many = Array.from({ length: 40 }, deep);
    audited({ model: 'm', attributes: { many }, alternatives: () => [{ decision: many }] })(() => many)();
    audited({ model: 'm', attributes: { many }, alternatives: () => [{ decision: many }] })((_input: unknown) => many)(
      many,
    );
    for (const log of seen.logs) expect(Buffer.byteLength(String(log.body))).toBeLessThanOrEqual(RECORD_BYTES_MAX);
    expect(seen.records.map(({ model }) => model.name)).toEqual(['m', 'm']);
    expect(seen.records[1]?.truncated?.map(({ path }) => path)).toContain('/input');
  });

  test('an error message and a decision that are very long are cut too', () => {
    const fail = audited({ model: 'm' }, () => {
      throw new Error('x'.repeat(100_000));
    });
    expect(fail).toThrow();
    expect(seen.records[0]?.error?.message.length).toBeLessThanOrEqual(1024);
    seen.logs.length = 0;
    audited({ model: 'm' }, () => 'y'.repeat(100_000))();
    expect(String(seen.logs[0]?.attributes['decision.value'])).toMatch(/^y{4000,4096}$/);
    expect(seen.records[0]?.truncated?.[0]).toMatchObject({ path: '/decision', bytes: 100_002 });
  });
});

describe('ids', () => {
  test('are unique and sort in the order in which the decisions began, within a millisecond and when the clock steps back', () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    try {
      for (let i = 0; i < 10_000; i++) {
        if (i === 5_000) vi.setSystemTime(Date.now() - 60_000);
        decide(i);
      }
    } finally {
      vi.useRealTimers();
    }
    const ids = seen.records.map((record) => record.id);
    expect(new Set(ids).size).toBe(10_000);
    expect(ids.toSorted()).toEqual(ids);
  });
});
