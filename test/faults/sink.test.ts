import { crc32 } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { judge } from './oracle.ts';
import { Sink } from './sink.ts';
import type { Verdict } from './sink.ts';
import { decode, itemsOf, textAttribute, WireError } from './wire.ts';

const ID = '01890a5d-ac96-774b-bcce-b302099a8057';
const TEXT = 'naïve 😀';
const NONE = { logs: new Set<string>(), spans: new Set<string>(), problems: [] };

let sink: Sink;
beforeEach(async () => {
  sink = await Sink.start();
});
afterEach(() => sink.down());

/** A field with a length. */
function field(number: number, ...parts: readonly (string | Buffer)[]): Buffer {
  const content = Buffer.concat(parts.map((part) => Buffer.from(part)));
  const { length } = content;
  const prefix = length < 0x80 ? [length] : [(length & 0x7f) | 0x80, length >> 7];
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...prefix]), content]);
}

function requestOf(crc: number = crc32(TEXT)): Buffer {
  const body = JSON.stringify({ id: ID, input: { text: TEXT, crc } });
  const attribute = field(6, field(1, 'decision.id'), field(2, field(1, ID)));
  return field(1, field(2, field(2, field(5, field(1, body)), attribute, field(12, 'decision.made'))));
}

async function post(body: Buffer, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${sink.url}/v1/logs`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-protobuf', ...headers },
    body: new Uint8Array(body),
  });
}

test('a request is read with its attributes', () => {
  const [item] = itemsOf(decode('logs', requestOf()));
  expect(textAttribute(item!, 'decision.id')).toBe(ID);
});

test('a request that ends anywhere but at its end is refused', () => {
  const whole = requestOf();
  for (let length = 1; length < whole.length; length++) {
    expect(() => decode('logs', whole.subarray(0, length))).toThrow(WireError);
  }
});

test.for([
  ['an unknown field', field(1, field(9, 'x')), 'has no field 9'],
  ['a wrong wire type', Buffer.from([0x08, 0x01]), 'wire type'],
  ['a second body', field(1, field(2, field(2, field(5, field(1, 'a')), field(5, field(1, 'b'))))), 'there twice'],
  ['two values in one', field(1, field(2, field(2, field(5, field(1, 'a'), field(1, 'b'))))), 'there twice'],
  ['bytes that are no UTF-8', field(1, field(2, field(2, field(12, Buffer.from([0xff]))))), 'not UTF-8'],
  ['a length longer than it need be', Buffer.from([0x0a, 0x80, 0x00]), 'longer than it need be'],
] as const)('%s is refused', ([, bytes, message]) => {
  expect(() => decode('logs', bytes)).toThrow(message);
});

test('a record is counted each time, and lost only where it was never received', async () => {
  expect(judge(new Set([ID]), sink, NONE, false)).toMatchObject({ returned: 1, lost: 1, duplicates: 0 });
  await post(requestOf());
  await post(requestOf());
  expect(judge(new Set([ID]), sink, NONE, false)).toMatchObject({ lost: 0, duplicates: 1, unreturned: 0 });
  expect(judge(new Set(), sink, NONE, false)).toMatchObject({ unreturned: 1 });
});

test('a record that is named as a dead letter is not lost', () => {
  const dead = { ...NONE, logs: new Set([ID]) };
  expect(judge(new Set([ID]), sink, dead, false)).toMatchObject({ lost: 0, dead: 1 });
});

test('an altered record and a malformed request are told of', async () => {
  await post(requestOf(1));
  expect((await post(Buffer.from('nonsense'))).status).toBe(400);
  expect((await post(requestOf(), { 'content-type': 'text/plain' })).status).toBe(400);
  expect(sink.problems).toEqual([
    `record ${ID} was altered`,
    expect.stringContaining('malformed'),
    'malformed: Content-Type text/plain',
  ]);
});

test.for([
  { do: 'refuse', status: 503, retryAfterS: 3 },
  { do: 'reset' },
  { do: 'accept-part', rejected: 1 },
] as const satisfies Verdict[])('$do stores nothing of what it refuses', async (verdict) => {
  sink.rule = () => verdict;
  const response = await post(requestOf()).catch(() => undefined);
  expect(sink.logs.size).toBe(0);
  if (verdict.do === 'refuse') expect(response?.headers.get('retry-after')).toBe('3');
});

test('a record whose answer is lost was received', async () => {
  sink.rule = () => ({ do: 'accept-unanswered' });
  await expect(post(requestOf())).rejects.toThrow();
  expect(sink.logs.get(ID)).toBe(1);
});

test('it is away, and back on the same port', async () => {
  await sink.down();
  await expect(post(requestOf())).rejects.toThrow();
  await sink.up();
  expect((await post(requestOf())).status).toBe(200);
});
