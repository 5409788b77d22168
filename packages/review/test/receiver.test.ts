/** The receiver, spoken to as exporters do and as nobody should. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { ReviewError, Store, startReceiver } from '@decision-trail/review';
import type { Receiver, Sink } from '@decision-trail/review';
import {
  JsonLogsSerializer,
  JsonTraceSerializer,
  ProtobufLogsSerializer,
  ProtobufTraceSerializer,
} from '@opentelemetry/otlp-transformer';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { body, logRecord, span } from './stock.js';

const PROTOBUF = { 'content-type': 'application/x-protobuf' };
const JSON_TYPE = { 'content-type': 'application/json; charset=utf-8' };
const MIB = 1024 * 1024;

let dir: string;
let store: Store;
let receiver: Receiver;
let troubles: string[];

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'decision-trail-receiver-'));
  store = Store.open(join(dir, 'store.db'));
  await receiveInto(store);
});

afterEach(async () => {
  await receiver.close();
  store.close();
  rmSync(dir, { recursive: true, force: true });
});

async function receiveInto(sink: Sink): Promise<void> {
  troubles = [];
  receiver = await startReceiver({ store: sink, port: 0, onTrouble: (line) => troubles.push(line) });
}

async function post(
  path: string,
  content: Uint8Array | string,
  headers: Record<string, string> = PROTOBUF,
): Promise<{ status: number; headers: Headers; body: Buffer }> {
  const response = await fetch(receiver.url + path, {
    method: 'POST',
    headers,
    body: content as Uint8Array<ArrayBuffer> | string,
  });
  return { status: response.status, headers: response.headers, body: Buffer.from(await response.arrayBuffer()) };
}

const logs = (...bodies: string[]): Uint8Array =>
  ProtobufLogsSerializer.serializeRequest(bodies.map((text) => logRecord({ body: text })))!;

const jsonLogs = (...bodies: unknown[]): Uint8Array =>
  JsonLogsSerializer.serializeRequest(bodies.map((value) => logRecord({ body: value })))!;

const stored = (): string[] => [...store.decisions()].map((entry) => entry.body);

describe('decisions', () => {
  test('are stored byte for byte, from either encoding, compressed or not', async () => {
    expect((await post('/v1/logs', logs(body('a')))).status).toBe(200);
    expect((await post('/v1/logs', jsonLogs(body('b')), JSON_TYPE)).status).toBe(200);
    expect(
      (await post('/v1/logs', gzipSync(logs(body('c'))), { ...PROTOBUF, 'content-encoding': 'gzip' })).status,
    ).toBe(200);
    expect((await post('/v1/logs', logs(body('d')), { ...PROTOBUF, 'content-encoding': 'identity' })).status).toBe(200);
    expect(stored()).toEqual([body('a'), body('b'), body('c'), body('d')]);
    expect(troubles).toEqual([]);
  });

  test('sent again are stored once', async () => {
    await post('/v1/logs', logs(body('a'), body('b')));
    const again = await post('/v1/logs', logs(body('b'), body('c'), body('c')));
    expect(again).toMatchObject({ status: 200, body: Buffer.alloc(0) });
    expect(stored()).toEqual([body('a'), body('b'), body('c')]);
    expect(receiver.counts).toMatchObject({ records: 3, duplicates: 2, conflicts: 0 });
  });

  test('with an id that is known under another body are refused, and the first one is kept', async () => {
    await post('/v1/logs', logs(body('a')));
    const again = await post('/v1/logs', jsonLogs(body('a', { decision: 'deny' }), body('b')), JSON_TYPE);
    expect(again.status).toBe(200);
    expect(JSON.parse(again.body.toString())).toEqual({
      partialSuccess: {
        rejectedLogRecords: '1',
        errorMessage: 'decision a was sent again with another body; the first one is kept',
      },
    });
    expect(stored()).toEqual([body('a'), body('b')]);
    expect(troubles).toEqual(['decision a was sent again with another body; the first one is kept']);
  });

  test('that are malformed are refused with the reason, and the rest of the batch is stored', async () => {
    const batch = jsonLogs(body('a'), { a: 1 }, '{', body('b', { timestamp: 'now' }), body(''), '"\ud800"', body('c'));
    const { status, body: answer } = await post('/v1/logs', batch, JSON_TYPE);
    const { partialSuccess } = JSON.parse(answer.toString()) as { partialSuccess: Record<string, string> };
    expect(status).toBe(200);
    expect(partialSuccess['rejectedLogRecords']).toBe('5');
    expect(partialSuccess['errorMessage']).toContain('number 2 of 7 in its request): the body is no string');
    expect(partialSuccess['errorMessage']).toContain('number 3 of 7 in its request): not valid JSON');
    expect(partialSuccess['errorMessage']).toContain('number 4 of 7 in its request): the record has no RFC 3339');
    expect(partialSuccess['errorMessage']).toContain('number 6 of 7 in its request): the body is not valid Unicode');
    expect(stored()).toEqual([body('a'), body('c')]);
    expect(receiver.counts.malformed).toBe(5);
  });

  test('and what else happens to them is kept; other log records are not', async () => {
    const records = [
      logRecord({ eventName: 'decision.outcome', body: '{"decisionId":"a","label":"repaid"}' }),
      logRecord({ eventName: 'decision.outcome', body: '{"decisionId":"a","label":"late"}' }),
      logRecord({ eventName: 'decision.checkpoint', body: 'origin\n1\nhash=\n\n— key sig\n' }),
      logRecord({ eventName: 'user.login', body: 'hello' }),
      logRecord({ eventName: '', body: 'hello' }),
    ];
    for (let time = 0; time < 2; time++) await post('/v1/logs', ProtobufLogsSerializer.serializeRequest(records)!);
    expect(receiver.counts).toMatchObject({ records: 3, duplicates: 3, otherLogRecords: 4, malformed: 0 });
    expect(stored()).toEqual([]);
  });
});

describe('spans', () => {
  test('are stored once, whichever encoding they come in', async () => {
    const spans = [span(), span({ spanId: '00000000000000aa' })];
    expect((await post('/v1/traces', ProtobufTraceSerializer.serializeRequest(spans)!)).status).toBe(200);
    expect((await post('/v1/traces', JsonTraceSerializer.serializeRequest(spans)!, JSON_TYPE)).status).toBe(200);
    expect(receiver.counts).toMatchObject({ spans: 2, duplicates: 2 });
  });

  test('without valid ids are refused with the reason', async () => {
    const request = { resourceSpans: [{ scopeSpans: [{ spans: [{ traceId: 'abc', name: 'x' }] }] }] };
    const { body: answer } = await post('/v1/traces', JSON.stringify(request), JSON_TYPE);
    expect(JSON.parse(answer.toString())).toMatchObject({ partialSuccess: { rejectedSpans: '1' } });
  });
});

test('metrics are accepted and discarded, which is said once', async () => {
  for (let time = 0; time < 3; time++) expect((await post('/v1/metrics', 'anything')).status).toBe(200);
  expect(troubles).toEqual(['metrics are accepted and discarded: only decisions and spans are stored']);
});

test('a health check is answered', async () => {
  expect(await (await fetch(`${receiver.url}/healthz`)).text()).toBe('ok\n');
});

describe('a request that is not OTLP', () => {
  test.each([
    ['to another path', '/v1/profiles', 'POST', PROTOBUF, 404],
    ['by GET', '/v1/logs', 'GET', PROTOBUF, 405],
    ['by POST to the health check', '/healthz', 'POST', PROTOBUF, 405],
    ['of another type', '/v1/logs', 'POST', { 'content-type': 'text/plain' }, 415],
    ['of no type', '/v1/logs', 'POST', {}, 415],
    ['compressed otherwise', '/v1/logs', 'POST', { ...PROTOBUF, 'content-encoding': 'zstd' }, 415],
  ])('%s is refused', async (_, path, method, headers, status) => {
    const response = await fetch(receiver.url + path, { method, headers: headers as Record<string, string> });
    expect(response.status).toBe(status);
    if (status === 405) expect(response.headers.get('allow')).toMatch(/^(GET|POST)$/);
    await response.arrayBuffer();
  });

  test('is told why in the encoding that it came in', async () => {
    const json = await post('/v1/logs', '{', JSON_TYPE);
    expect(json).toMatchObject({ status: 400 });
    expect(json.headers.get('content-type')).toBe('application/json');
    expect(JSON.parse(json.body.toString())).toEqual({ code: 3, message: 'not valid JSON' });

    const protobuf = await post('/v1/logs', Buffer.from([0xff]));
    expect(protobuf).toMatchObject({ status: 400 });
    expect(protobuf.headers.get('content-type')).toBe('application/x-protobuf');
    // google.rpc.Status: code = 1, message = 2.
    const message = 'not a valid protobuf message';
    expect(protobuf.body).toEqual(Buffer.from([8, 3, 18, message.length, ...Buffer.from(message)]));
  });

  test('gets an answer of 400 or 200, whatever its bytes are', async () => {
    const types = fc.constantFrom(PROTOBUF, JSON_TYPE, { ...PROTOBUF, 'content-encoding': 'gzip' });
    const paths = fc.constantFrom('/v1/logs', '/v1/traces');
    await fc.assert(
      fc.asyncProperty(types, paths, fc.uint8Array({ maxLength: 300 }), async (type, path, bytes) => {
        expect([200, 400]).toContain((await post(path, bytes, type as Record<string, string>)).status);
      }),
      { numRuns: 300 },
    );
    expect(troubles).toEqual([]);
  });
});

describe('a body that is too large', () => {
  test('by its Content-Length is refused before any of it is read', async () => {
    const socket = connect(Number(new URL(receiver.url).port), '127.0.0.1');
    socket.write(
      'POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: 2147483648\r\n\r\n',
    );
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1.1 413 /);
    await once(socket.resume(), 'close');
  });

  test('is refused before the sender is told to go on', async () => {
    const socket = connect(Number(new URL(receiver.url).port), '127.0.0.1');
    socket.write(
      'POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: 2147483648\r\n' +
        'Expect: 100-continue\r\n\r\n',
    );
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1.1 413 /);
    socket.destroy();
  });

  test('without saying so is refused at the limit', async () => {
    let sentMib = 0;
    const endless = new ReadableStream({
      pull(controller) {
        sentMib += 1;
        controller.enqueue(randomBytes(MIB));
        if (sentMib === 60) controller.close();
      },
    });
    const response = await fetch(`${receiver.url}/v1/logs`, {
      method: 'POST',
      headers: PROTOBUF,
      body: endless,
      duplex: 'half',
    } as RequestInit);
    expect(response.status).toBe(413);
    await response.arrayBuffer();
  });

  test.each([
    ['protobuf', PROTOBUF, Buffer.alloc(6 * MIB, Buffer.from([0x0a, 0]))],
    ['JSON', JSON_TYPE, `{"resourceLogs":[${'{},'.repeat(2_000_000)}{}]}`],
  ])('in memory, as millions of empty messages in %s are, is refused', async (_, type, content) => {
    expect((await post('/v1/logs', content, type)).status).toBe(413);
  });

  test('once inflated is refused at the limit', async () => {
    const bomb = gzipSync(Buffer.alloc(400 * MIB));
    expect(bomb.length).toBeLessThan(MIB);
    const before = process.memoryUsage().arrayBuffers;
    const { status, body: answer } = await post('/v1/logs', bomb, { ...JSON_TYPE, 'content-encoding': 'gzip' });
    expect(status).toBe(413);
    expect(JSON.parse(answer.toString())).toMatchObject({ code: 8 });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(100 * MIB);
  });
});

describe('a store that cannot be written', () => {
  test('is answered with 503 and one line, and what is sent later is stored', async () => {
    let isFull = true;
    await receiver.close();
    await receiveInto({
      writeRecords: (rows) => {
        if (isFull) throw new ReviewError('STORE_UNWRITABLE', 'cannot write the store: the disk is full');
        return store.writeRecords(rows);
      },
      writeSpans: (rows) => store.writeSpans(rows),
    });
    for (let time = 0; time < 3; time++) {
      const refused = await post('/v1/logs', logs(body('a')));
      expect(refused.status).toBe(503);
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    }
    expect(troubles).toEqual(['cannot write the store: the disk is full; senders are told to try again']);
    isFull = false;
    expect((await post('/v1/logs', logs(body('a')))).status).toBe(200);
    expect(stored()).toEqual([body('a')]);
  });

  test('because it has reached its size is answered with 503, and keeps what it has', async () => {
    await receiver.close();
    store.close();
    store = Store.open(join(dir, 'small.db'), { pagesMax: 40 });
    await receiveInto(store);
    expect((await post('/v1/logs', logs(body('a')))).status).toBe(200);
    expect((await post('/v1/logs', logs(body('b', { input: 'x'.repeat(200_000) })))).status).toBe(503);
    expect(troubles).toEqual([expect.stringContaining('the disk is full')]);
    expect((await post('/v1/logs', logs(body('c')))).status).toBe(200);
    expect(stored()).toEqual([body('a'), body('c')]);
  });

  test('because its file was replaced is answered with 503: what is written there would be lost', async () => {
    rmSync(join(dir, 'store.db'));
    writeFileSync(join(dir, 'store.db'), '');
    expect((await post('/v1/logs', logs(body('a')))).status).toBe(503);
    expect(troubles).toEqual([expect.stringContaining('was moved or removed')]);
  });
});

test('a bug in the store is answered with 500 and one line without a stack', async () => {
  await receiver.close();
  const broken = (): never => {
    throw new TypeError('x is undefined');
  };
  await receiveInto({ writeRecords: broken, writeSpans: broken });
  expect((await post('/v1/logs', logs(body('a')))).status).toBe(500);
  expect(troubles).toEqual(['a request failed by a bug of decision-trail: x is undefined']);
});

test('closing lets a request under way finish, and its record is stored', async () => {
  const content = logs(body('a'));
  const socket = connect(Number(new URL(receiver.url).port), '127.0.0.1');
  socket.write(
    `POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: ${content.length}\r\n` +
      'Expect: 100-continue\r\n\r\n',
  );
  // The receiver is now in the middle of this request.
  await once(socket, 'data');
  const closed = receiver.close();
  socket.write(content);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  expect(answer.toString()).toMatch(/^HTTP\/1.1 200 [^]*connection: close/i);
  await closed;
  expect(stored()).toEqual([body('a')]);
});

test('a port in use is told by its number', async () => {
  const port = Number(new URL(receiver.url).port);
  await expect(startReceiver({ store, port })).rejects.toMatchObject({
    code: 'CANNOT_LISTEN',
    message: expect.stringContaining(`port ${port} is in use`) as string,
  });
});
