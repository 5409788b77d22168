import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteWriter } from '../../src/otlp/bytes.js';
import { text } from './values.ts';

function written(write: (writer: ByteWriter) => void): Buffer {
  const writer = new ByteWriter();
  writer.reset(64);
  write(writer);
  return Buffer.from(writer.buffer.subarray(64, writer.length));
}

test("a varint is the shortest there is, and of a negative number ten bytes of two's complement", () => {
  const integer = fc
    .bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n })
    .map(Number)
    .filter((n) => n < 2 ** 64);
  const property = fc.property(fc.oneof(integer, fc.integer(), fc.maxSafeInteger()), (number) => {
    let rest = BigInt.asUintN(64, BigInt(number));
    const bytes: number[] = [];
    for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
    bytes.push(Number(rest));
    expect([...written((writer) => writer.varint(number))]).toEqual(bytes);
  });
  fc.assert(property, { numRuns: 500 });
});

test('a string is its length and the UTF-8 that Buffer makes of it', () => {
  const property = fc.property(text, (string) => {
    const utf8 = Buffer.from(string);
    const length = written((writer) => writer.varint(utf8.length));
    expect(written((writer) => writer.string(string)).equals(Buffer.concat([length, utf8]))).toBe(true);
  });
  fc.assert(property, { numRuns: 300 });
});

test('a message of any size is behind a length of the shortest form, whatever was expected of it', () => {
  for (const size of [0, 1, 127, 128, 16_383, 16_384, 200_000, 2_097_152]) {
    for (const width of [1, 2, 3]) {
      const content = Buffer.alloc(size, 0x5a);
      const message = written((writer) => {
        const at = writer.open(width);
        writer.raw(content);
        writer.close(at, width);
      });
      const length = written((writer) => writer.varint(size));
      expect(message.equals(Buffer.concat([length, content]))).toBe(true);
    }
  }
});

test('a buffer that grew for one large record is given back before the next', () => {
  const writer = new ByteWriter();
  const usual = writer.buffer.length;
  writer.string('x'.repeat(3_000_000));
  expect(writer.buffer.length).toBeGreaterThan(3_000_000);
  writer.reset(64);
  expect(writer.buffer.length).toBe(usual);
  expect(writer.length).toBe(64);
  writer.string('x'.repeat(100_000));
  const grown = writer.buffer;
  writer.reset(64);
  expect(writer.buffer).toBe(grown);
});

test('the last byte of the buffer can be written to', () => {
  const writer = new ByteWriter();
  const size = writer.buffer.length;
  for (const left of [0, 1, 2, 5, 20]) {
    writer.reset(size - left);
    writer.string('');
    writer.string('é');
    writer.double(1);
    expect(writer.length).toBe(size - left + 1 + 3 + 8);
  }
});
