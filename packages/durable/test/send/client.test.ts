import { getEventListeners } from 'node:events';
import { createServer } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, expect, test } from 'vitest';
import { OtlpClient } from '../../src/send/client.ts';
import type { OtlpOptions } from '../../src/send/settings.ts';
import { otlpSettings } from '../../src/send/settings.ts';
import { Authority } from './certificates.ts';
import { HttpProxy } from './http-proxy.ts';
import { assemble, encodeStatus, frames, readResponse } from './otlp.ts';
import type { SinkOptions } from './otlp-sink.ts';
import { OtlpSink } from './otlp-sink.ts';

const closing: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const open of closing.splice(0).toReversed()) await open.close();
});

async function sinkWith(options: SinkOptions = {}): Promise<OtlpSink> {
  const sink = await OtlpSink.start(options);
  closing.push(sink);
  return sink;
}

function clientOf(options: OtlpOptions, env: Record<string, string> = {}): OtlpClient {
  const client = new OtlpClient(otlpSettings('logs', options, env), { readResponse, userAgent: 'tests/1' });
  closing.push(client);
  return client;
}

const BODY = assemble(frames(3));

test('a request arrives as OTLP has it, and connections are kept', async () => {
  const sink = await sinkWith();
  const client = clientOf({ endpoint: sink.endpoint, headers: { 'X-Tenant': 'a' } });
  for (let request = 0; request < 9; request += 1) {
    expect(await client.send(BODY)).toEqual({ kind: 'accepted', status: 200 });
  }
  expect(sink.violations).toEqual([]);
  // The next request may begin before the pool has seen that the one before is over.
  expect(sink.connections).toBeLessThanOrEqual(2);
  expect(sink.kept.slice(0, 6)).toEqual(['d1', 'd2', 'd3', 'd1', 'd2', 'd3']);
  expect(sink.kept).toHaveLength(27);
  expect(sink.requests[0]?.headers).toMatchObject({ 'x-tenant': 'a', 'user-agent': 'tests/1' });
});

test('with gzip the body is compressed', async () => {
  const sink = await sinkWith();
  const client = clientOf({ endpoint: sink.endpoint, compression: 'gzip' });
  expect((await client.send(assemble(frames(9, 1000)))).kind).toBe('accepted');
  expect(sink.kept).toHaveLength(9);
  const { headers } = sink.requests[0] ?? {};
  expect(headers?.['content-encoding']).toBe('gzip');
  expect(Number(headers?.['content-length'])).toBeLessThan(3000);
});

test('errors carry status, message and Retry-After', async () => {
  const sink = await sinkWith();
  sink.play({ kind: 'status', status: 503, message: 'queue is full', headers: { 'retry-after': '3' } });
  expect(await clientOf({ endpoint: sink.endpoint }).send(BODY)).toEqual({
    kind: 'retry',
    status: 503,
    message: 'queue is full',
    retryAfterMs: 3000,
  });
});

test('redirects are not followed', async () => {
  const [sink, other] = [await sinkWith(), await sinkWith()];
  sink.play({ kind: 'status', status: 307, headers: { location: `${other.endpoint}/v1/logs` } });
  expect(await clientOf({ endpoint: sink.endpoint }).send(BODY)).toMatchObject({ kind: 'denied', status: 307 });
  expect(other.arrived).toBe(0);
});

test('a message that quotes our credentials does not carry them', async () => {
  const sink = await sinkWith();
  const message = 'no: Bearer s3cr3t-token, s3cr3t-token';
  sink.play({ kind: 'status', status: 401, message });
  const client = clientOf({ endpoint: sink.endpoint, headers: { authorization: 'Bearer s3cr3t-token' } });
  expect((await client.send(BODY)).message).toBe('no: [masked], [masked]');
});

test.each(['reset-before-reading', 'reset-after-reading', 'not-http'] as const)(
  'after %s the request may be sent again',
  async (kind) => {
    const sink = await sinkWith();
    sink.play({ kind });
    const client = clientOf({ endpoint: sink.endpoint });
    const answer = await client.send(BODY);
    expect(answer.kind).toBe('retry');
    expect(answer.status).toBeUndefined();
    expect(answer.code).toMatch(/^(ECONNRESET|UND_ERR_SOCKET|HTTPParserError|HPE_\w+)$/);
    expect(await client.send(BODY)).toMatchObject({ kind: 'accepted' });
  },
);

test('a connection that was closed while it was idle costs nothing but a retry', async () => {
  const sink = await sinkWith();
  const client = clientOf({ endpoint: sink.endpoint });
  sink.play({ kind: 'forget' }, { kind: 'forget' });
  const kinds = [];
  for (let request = 0; request < 4; request += 1) kinds.push((await client.send(BODY)).kind);
  expect(kinds[0]).toBe('accepted');
  expect(kinds.every((kind) => kind === 'accepted' || kind === 'retry')).toBe(true);
  expect(sink.kept.length / 3).toBe(kinds.filter((kind) => kind === 'accepted').length);
});

test.each(['hang', 'black-hole'] as const)(
  'a receiver that does not answer (%s) is given up at the time-out',
  async (kind) => {
    const sink = await sinkWith();
    sink.play({ kind });
    const client = clientOf({ endpoint: sink.endpoint, timeoutMs: 50 });
    expect(await client.send(BODY)).toMatchObject({ kind: 'retry', code: 'TIMEOUT' });
    expect(await clientOf({ endpoint: sink.endpoint }).send(BODY)).toMatchObject({ kind: 'accepted' });
  },
);

test('a receiver that reads slowly gets the whole request', async () => {
  const sink = await sinkWith();
  sink.play({ kind: 'slow' });
  expect(await clientOf({ endpoint: sink.endpoint }).send(assemble(frames(300, 1000)))).toMatchObject({
    kind: 'accepted',
  });
  expect(sink.kept).toHaveLength(300);
});

test('a request can be broken off', async () => {
  const sink = await sinkWith();
  sink.play({ kind: 'hang' });
  const controller = new AbortController();
  const answer = clientOf({ endpoint: sink.endpoint }).send(BODY, controller.signal);
  await sink.until(({ requests }) => requests.length > 0);
  controller.abort();
  expect(await answer).toMatchObject({ kind: 'retry', code: 'ABORTED' });
  const late = clientOf({ endpoint: sink.endpoint }).send(BODY, controller.signal);
  expect(await late).toMatchObject({ kind: 'retry', code: 'ABORTED' });
});

test('nothing of a request stays with the signal that could have ended it', async () => {
  const sink = await sinkWith();
  const { signal } = new AbortController();
  await clientOf({ endpoint: sink.endpoint }).send(BODY, signal);
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});

test('nobody listening is told by the code of the system', async () => {
  const sink = await sinkWith();
  const { endpoint } = sink;
  closing.splice(closing.indexOf(sink), 1);
  await sink.close();
  expect(await clientOf({ endpoint }).send(BODY)).toMatchObject({ kind: 'retry', code: 'ECONNREFUSED' });
});

test('of an endless answer 64 KiB are read', async () => {
  const sink = await sinkWith();
  const body = Buffer.alloc(10_000_000, 'x');
  sink.play(
    { kind: 'answer', status: 200, body },
    { kind: 'answer', status: 503, body, headers: { 'content-type': 'text/plain' } },
  );
  const client = clientOf({ endpoint: sink.endpoint });
  expect(await client.send(BODY)).toMatchObject({ kind: 'denied', code: 'NOT_OTLP' });
  const answer = await client.send(BODY);
  expect(answer).toMatchObject({ kind: 'retry', status: 503 });
  expect(answer.message).toHaveLength(1024);
});

test('an answer that breaks off is none', async () => {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  expect((await clientOf({ endpoint: `http://127.0.0.1:${port}` }).send(BODY)).kind).toBe('retry');
  server.close();
});

test('compressed answers are read, and bombs are not', async () => {
  const sink = await sinkWith();
  const headers = { 'content-encoding': 'gzip' };
  sink.play(
    { kind: 'answer', status: 400, headers, body: gzipSync(encodeStatus('bad')) },
    { kind: 'answer', status: 400, headers, body: gzipSync(Buffer.alloc(10_000_000)) },
  );
  const client = clientOf({ endpoint: sink.endpoint });
  expect(await client.send(BODY)).toEqual({ kind: 'refused', status: 400, message: 'bad' });
  expect(await client.send(BODY)).toEqual({ kind: 'refused', status: 400 });
});

test('TLS with an authority of its own', async () => {
  const authority = new Authority('tests');
  const sink = await sinkWith({ tls: authority.issue('collector') });
  expect(await clientOf({ endpoint: sink.endpoint, certificate: authority.certificate }).send(BODY)).toMatchObject({
    kind: 'accepted',
  });
  expect(sink.requests[0]?.encrypted).toBe(true);
});

test('a receiver whose certificate nobody vouches for gets nothing', async () => {
  const sink = await sinkWith({ tls: new Authority('theirs').issue('collector') });
  const client = clientOf({ endpoint: sink.endpoint, certificate: new Authority('ours').certificate });
  expect(await client.send(BODY)).toMatchObject({ kind: 'retry', code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' });
  expect(sink.arrived).toBe(0);
});

test('mutual TLS', async () => {
  const authority = new Authority('tests');
  const clients = new Authority('clients');
  const sink = await sinkWith({ tls: { ...authority.issue('collector'), clients: clients.certificate } });
  const { key, certificate } = clients.issue('loans');
  const tls = { certificate: authority.certificate, clientKey: key, clientCertificate: certificate };
  expect(await clientOf({ endpoint: sink.endpoint, ...tls }).send(BODY)).toMatchObject({ kind: 'accepted' });
  expect(sink.requests[0]?.client).toBe('loans');
  const stranger = clientOf({ endpoint: sink.endpoint, certificate: authority.certificate });
  expect((await stranger.send(BODY)).kind).toBe('retry');
});

test('through a proxy, plain', async () => {
  const sink = await sinkWith();
  const proxy = await HttpProxy.start('me:pw');
  closing.push(proxy);
  const client = clientOf({ endpoint: sink.endpoint }, { http_proxy: `http://me:pw@${proxy.host}` });
  expect(await client.send(BODY)).toMatchObject({ kind: 'accepted' });
  expect(proxy.seen).toEqual([`POST ${sink.endpoint}/v1/logs`]);
  expect(sink.violations).toEqual([]);
  const stranger = clientOf({ endpoint: sink.endpoint }, { http_proxy: proxy.host });
  expect(await stranger.send(BODY)).toMatchObject({ kind: 'denied', status: 407 });
});

test('through a proxy, TLS in a tunnel', async () => {
  const authority = new Authority('tests');
  const sink = await sinkWith({ tls: authority.issue('collector') });
  const proxy = await HttpProxy.start('me:pw');
  closing.push(proxy);
  const options = { endpoint: sink.endpoint, certificate: authority.certificate };
  const client = clientOf(options, { HTTPS_PROXY: `http://me:pw@${proxy.host}` });
  expect(await client.send(BODY)).toMatchObject({ kind: 'accepted' });
  expect(proxy.seen).toEqual([`CONNECT ${new URL(sink.endpoint).host}`]);
  const stranger = clientOf(options, { HTTPS_PROXY: proxy.host });
  expect(await stranger.send(BODY)).toMatchObject({ kind: 'denied', status: 407, code: 'PROXY' });
});

test('a proxy that did not answer for a while is used again when it does', async () => {
  const authority = new Authority('tests');
  const sink = await sinkWith({ tls: authority.issue('collector') });
  const proxy = await HttpProxy.start();
  closing.push(proxy);
  proxy.silent = 6;
  const options = { endpoint: sink.endpoint, certificate: authority.certificate, timeoutMs: 50 };
  const client = clientOf(options, { HTTPS_PROXY: proxy.host });
  while (proxy.silent > 0) expect(await client.send(BODY)).toMatchObject({ kind: 'retry' });
  let answer = await client.send(BODY);
  while (answer.kind === 'retry') answer = await client.send(BODY);
  expect(answer).toEqual({ kind: 'accepted', status: 200 });
});
