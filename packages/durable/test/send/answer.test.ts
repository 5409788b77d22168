import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { AnswerKind, RawAnswer } from '../../src/send/answer.ts';
import { classify, parseRetryAfter, printable } from '../../src/send/answer.ts';
import { readStatusMessage } from '../../src/send/status.ts';
import { encodeResponse, encodeStatus, readResponse } from './otlp.ts';

const NOW = Date.UTC(2026, 0, 1, 12, 0, 0);

function raw(status: number, body: Uint8Array | string = '', headers: Record<string, string> = {}): RawAnswer {
  return { status, headers, body: Buffer.from(body), complete: true };
}

const kindOf = (answer: RawAnswer): AnswerKind => classify(answer, readResponse, NOW).kind;

test.each<[number, AnswerKind]>([
  [200, 'accepted'],
  [202, 'accepted'],
  [204, 'accepted'],
  [301, 'denied'],
  [307, 'denied'],
  [400, 'refused'],
  [401, 'denied'],
  [403, 'denied'],
  [404, 'denied'],
  [405, 'denied'],
  [407, 'denied'],
  [408, 'retry'],
  [413, 'too-large'],
  [415, 'denied'],
  [418, 'denied'],
  [422, 'refused'],
  [429, 'retry'],
  [500, 'server-error'],
  [501, 'server-error'],
  [502, 'retry'],
  [503, 'retry'],
  [504, 'retry'],
  [505, 'server-error'],
])('an answer with status %i is %s', (status, kind) => {
  expect(kindOf(raw(status))).toBe(kind);
});

test('a partial success is told from a warning', () => {
  expect(classify(raw(200, encodeResponse(3, 'three were bad')), readResponse, NOW)).toEqual({
    kind: 'partial',
    status: 200,
    rejected: 3,
    message: 'three were bad',
  });
  expect(classify(raw(200, encodeResponse(0, 'use TLS')), readResponse, NOW)).toEqual({
    kind: 'accepted',
    status: 200,
    message: 'use TLS',
  });
});

test('receivers that answer in JSON are understood', () => {
  const json = { 'content-type': 'application/json; charset=utf-8' };
  expect(kindOf(raw(200, '{}', json))).toBe('accepted');
  expect(classify(raw(200, '{"partialSuccess":{"rejectedLogRecords":"2"}}', json), readResponse, NOW)).toMatchObject({
    kind: 'partial',
    rejected: 2,
  });
  expect(kindOf(raw(200, '{"partialSuccess":{"rejectedSpans":1}}', json))).toBe('partial');
  expect(classify(raw(400, '{"code":3,"message":"bad"}', json), readResponse, NOW).message).toBe('bad');
});

test.each([
  raw(200, '<html>Please log in</html>', { 'content-type': 'text/html' }),
  raw(200, 'ok', { 'content-type': 'application/json' }),
  raw(200, '[]', { 'content-type': 'application/json' }),
  { ...raw(200, encodeResponse(0, 'cut')), complete: false },
])('a 200 that is not an answer of OTLP acknowledges nothing: %#', (answer) => {
  expect(classify(answer, readResponse, NOW)).toMatchObject({ kind: 'denied', code: 'NOT_OTLP' });
});

test.each([
  ['0', 0],
  ['7', 7000],
  [' 120 ', 120_000],
  ['86400', 300_000],
  ['Thu, 01 Jan 2026 12:00:09 GMT', 9000],
  ['Thu, 01 Jan 2026 11:00:00 GMT', 0],
  ['Thursday, 01-Jan-26 12:00:09 GMT', 9000],
  ['Fri, 02 Jan 2026 12:00:00 GMT', 300_000],
  ['-1', undefined],
  ['1.5', undefined],
  ['soon', undefined],
  ['', undefined],
  [undefined, undefined],
])('Retry-After %j is %j ms', (value, ms) => {
  expect(parseRetryAfter(value, NOW)).toBe(ms);
});

test('the message of an error is what the Collector said', () => {
  expect(classify(raw(503, encodeStatus('queue is full'), { 'retry-after': '2' }), readResponse, NOW)).toEqual({
    kind: 'retry',
    status: 503,
    message: 'queue is full',
    retryAfterMs: 2000,
  });
  expect(classify(raw(401, 'no\nentry', { 'content-type': 'text/plain' }), readResponse, NOW).message).toBe('no entry');
  expect(classify(raw(502, '<html>', { 'content-type': 'text/html' }), readResponse, NOW).message).toBeUndefined();
});

test('messages are one printable line of at most 1,024 characters', () => {
  expect(printable('a\u001b[31mb\u202ec\u2028d\r\ne')).toBe('a [31mb c d e');
  expect(printable('é'.repeat(5000))).toHaveLength(1024);
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 3000 }), (text) => {
      const line = printable(text);
      expect(line.length).toBeLessThanOrEqual(1024);
      expect(line).not.toMatch(/[\p{C}\r\n]/u);
    }),
  );
});

test('a google.rpc.Status is read, and nothing else is taken for one', () => {
  expect(readStatusMessage(encodeStatus('why'))).toBe('why');
  expect(readStatusMessage(Buffer.concat([encodeStatus('why'), Buffer.from([0x1a, 1, 0])]))).toBe('why');
  expect(readStatusMessage(new Uint8Array())).toBeUndefined();
  expect(readStatusMessage(Buffer.from('<html></html>'))).toBeUndefined();
  expect(readStatusMessage(Buffer.from([0x12, 2, 0xff, 0xff]))).toBeUndefined();
  expect(readStatusMessage(encodeStatus('cut off').subarray(0, 6))).toBeUndefined();
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), fc.uint8Array(), (text, bytes) => {
      expect(readStatusMessage(encodeStatus(text))).toBe(text);
      readStatusMessage(bytes);
    }),
  );
});
