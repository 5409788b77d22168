import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { SpoolError } from '../../src/errors.ts';
import { isExempt } from '../../src/send/proxy.ts';
import type { OtlpOptions } from '../../src/send/settings.ts';
import { otlpSettings } from '../../src/send/settings.ts';
import { Authority } from './certificates.ts';

const dir = mkdtempSync(join(tmpdir(), 'decision-trail-send-'));
afterAll(() => rmSync(dir, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(dir, name);
  writeFileSync(path, text);
  return path;
}

/** The message of the error that settings are refused with. */
function refusal(env: Record<string, string>, options: OtlpOptions = {}): string {
  try {
    otlpSettings('logs', options, env);
  } catch (error) {
    expect(error).toBeInstanceOf(SpoolError);
    expect((error as SpoolError).code).toBe('INVALID_OPTIONS');
    return (error as SpoolError).message;
  }
  throw new Error('settings were taken that are wrong');
}

test('without options and variables the defaults of the specification hold', () => {
  expect(otlpSettings('logs', {}, {})).toEqual({
    signal: 'logs',
    url: new URL('http://localhost:4318/v1/logs'),
    headers: {},
    timeoutMs: 10_000,
    compression: 'none',
    tls: {},
  });
});

test.each([
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318' }, 'http://c:4318/v1/traces'],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318/' }, 'http://c:4318/v1/traces'],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'https://c/base//' }, 'https://c/base/v1/traces'],
  [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://c:4318' }, 'http://c:4318/'],
  [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://t/x?y=1', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c' }, 'http://t/x?y=1'],
  [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: ' ', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c' }, 'http://c/v1/traces'],
  [{ OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: 'http://l' }, 'http://localhost:4318/v1/traces'],
])('%j sends traces to %s', (env, url) => {
  expect(otlpSettings('traces', {}, env).url.href).toBe(url);
});

test('options win over variables', () => {
  const env = {
    OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: 'http://e',
    OTEL_EXPORTER_OTLP_LOGS_TIMEOUT: '1',
    OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
    OTEL_EXPORTER_OTLP_HEADERS: 'tenant=a,team=x',
    HTTP_PROXY: 'proxy:3128',
  };
  const options = {
    endpoint: 'http://o',
    timeoutMs: 2,
    compression: 'none',
    headers: { Tenant: 'b' },
    proxy: false,
  } as const;
  const settings = otlpSettings('logs', options, env);
  expect(settings.url.href).toBe('http://o/v1/logs');
  expect(settings).toMatchObject({ timeoutMs: 2, compression: 'none', headers: { tenant: 'b', team: 'x' } });
  expect(settings.proxy).toBeUndefined();
  expect(otlpSettings('logs', { url: 'http://u', endpoint: 'http://o' }, env).url.href).toBe('http://u/');
});

test('headers of the signal are merged over the general ones, and percent-decoded', () => {
  const env = {
    OTEL_EXPORTER_OTLP_HEADERS: 'Authorization=Bearer%20general, x-tenant = a%2Cb%3D%3B ,',
    OTEL_EXPORTER_OTLP_LOGS_HEADERS: 'authorization=Bearer%20logs,x-raw=a=b',
  };
  expect(otlpSettings('logs', {}, env).headers).toEqual({
    authorization: 'Bearer logs',
    'x-tenant': 'a,b=;',
    'x-raw': 'a=b',
  });
  expect(otlpSettings('traces', {}, env).headers['authorization']).toBe('Bearer general');
});

test('user name and password of the URL become a header', () => {
  const settings = otlpSettings('logs', { endpoint: 'https://me:p%40ss@c' }, {});
  expect(settings.url.href).toBe('https://c/v1/logs');
  expect(settings.headers).toEqual({ authorization: `Basic ${Buffer.from('me:p@ss').toString('base64')}` });
});

test.each([
  ['OTEL_EXPORTER_OTLP_ENDPOINT', 'localhost:4318', 'http:// or https:// URL'],
  ['OTEL_EXPORTER_OTLP_LOGS_ENDPOINT', 'https://me:secret-7@', 'http:// or https:// URL'],
  ['OTEL_EXPORTER_OTLP_ENDPOINT', 'https://me:secret-7%@c', 'percent-encoded'],
  ['OTEL_EXPORTER_OTLP_HEADERS', 'secret-7', 'name=value pairs'],
  ['OTEL_EXPORTER_OTLP_HEADERS', 'authorization=Bearer secret-7;x', '%3B'],
  ['OTEL_EXPORTER_OTLP_LOGS_HEADERS', 'authorization=secret-7%', 'percent-encoded'],
  ['OTEL_EXPORTER_OTLP_HEADERS', 'authorization=secret-7%0D%0Ax:y', 'printable ASCII'],
  ['OTEL_EXPORTER_OTLP_HEADERS', 'content-length=7', 'must not set content-length'],
  ['OTEL_EXPORTER_OTLP_TIMEOUT', '10s', 'whole number of milliseconds'],
  ['OTEL_EXPORTER_OTLP_LOGS_TIMEOUT', '0', 'whole number of milliseconds'],
  ['OTEL_EXPORTER_OTLP_TIMEOUT', '-1', 'whole number of milliseconds'],
  ['OTEL_EXPORTER_OTLP_COMPRESSION', 'zstd', 'gzip or none'],
  ['OTEL_EXPORTER_OTLP_PROTOCOL', 'grpc', 'http/protobuf'],
  ['OTEL_EXPORTER_OTLP_LOGS_PROTOCOL', 'http/json', 'http/protobuf'],
  ['OTEL_EXPORTER_OTLP_CERTIFICATE', '/nowhere/ca.pem', 'readable PEM file'],
  ['OTEL_EXPORTER_OTLP_LOGS_CLIENT_KEY', '/nowhere/key.pem', 'readable PEM file'],
  ['http_proxy', 'ftp://me:secret-7@proxy', 'URL of a proxy'],
  ['HTTP_PROXY', 'http://me:secret-7%@proxy', 'percent-encoded'],
])('%s=%s is refused by its name, and no secret is quoted', (name, value, must) => {
  const message = refusal({ [name]: value });
  expect(message).toContain(name);
  expect(message).toContain(must);
  expect(message).not.toContain('secret-7');
});

test('certificates are read from the files that the variables name, those of the signal first', () => {
  const authority = new Authority('tests');
  const client = authority.issue('client');
  const env = {
    OTEL_EXPORTER_OTLP_CERTIFICATE: '/nowhere',
    OTEL_EXPORTER_OTLP_LOGS_CERTIFICATE: file('ca.pem', authority.certificate),
    OTEL_EXPORTER_OTLP_CLIENT_KEY: file('key.pem', client.key),
    OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: file('client.pem', client.certificate),
  };
  expect(otlpSettings('logs', {}, env).tls).toEqual({
    ca: authority.certificate,
    cert: client.certificate,
    key: client.key,
  });
});

test('files that hold something else are refused', () => {
  const authority = new Authority('tests');
  const [one, other] = [authority.issue('one'), authority.issue('other')];
  const empty = file('empty.pem', 'nothing');
  expect(refusal({ OTEL_EXPORTER_OTLP_CERTIFICATE: empty })).toContain('PEM certificate');
  expect(refusal({}, { clientKey: one.key })).toMatch(/^clientKey must be set together/);
  expect(refusal({}, { clientCertificate: one.certificate })).toMatch(/^clientCertificate must be set together/);
  const mismatch = refusal({}, { clientKey: one.key, clientCertificate: other.certificate });
  expect(mismatch).toBe('clientKey must be a PEM key without a passphrase, the one that clientCertificate belongs to');
});

test('the proxy is that of the scheme, and its credentials leave its URL', () => {
  const env = { HTTP_PROXY: 'http://plain:1', HTTPS_PROXY: 'http://me:pw@secure:2', https_proxy: '' };
  expect(otlpSettings('logs', { endpoint: 'http://c' }, env).proxy?.url.href).toBe('http://plain:1/');
  expect(otlpSettings('logs', { endpoint: 'https://c' }, env).proxy).toEqual({
    url: new URL('http://secure:2/'),
    authorization: `Basic ${Buffer.from('me:pw').toString('base64')}`,
  });
  expect(otlpSettings('logs', { endpoint: 'http://c' }, { ...env, NO_PROXY: 'c' }).proxy).toBeUndefined();
  expect(otlpSettings('logs', { endpoint: 'http://c' }, { ...env, REQUEST_METHOD: 'GET' }).proxy).toBeUndefined();
  expect(otlpSettings('logs', { endpoint: 'http://c' }, { http_proxy: 'proxy:3128' }).proxy?.url.host).toBe(
    'proxy:3128',
  );
});

test.each([
  ['http://collector', 'collector', true],
  ['http://collector', 'other, collector', true],
  ['http://Collector.Example.org', 'example.org', true],
  ['http://collector.example.org', '.example.org', true],
  ['http://collector.example.org', '*.example.org', true],
  ['http://badexample.org', 'example.org', false],
  ['http://collector:4318', 'collector:4318', true],
  ['http://collector:4318', 'collector:80', false],
  ['https://collector', 'collector:443', true],
  ['http://10.1.2.3', '10.0.0.0/8', true],
  ['http://11.1.2.3', '10.0.0.0/8', false],
  ['http://10.1.2.3', '10.0.0.0/99', false],
  ['http://1.10.1.2.3.example', '2.3.example', true],
  ['http://[::1]:4318', '::1', true],
  ['http://[::1]:4318', '[::1]:4318', true],
  ['http://[fd00::7]', 'fd00::/8', true],
  ['http://collector', '*', true],
  ['http://collector', '', false],
])('%s with NO_PROXY=%s: %s', (url, noProxy, exempt) => {
  expect(isExempt(new URL(url), noProxy)).toBe(exempt);
});
