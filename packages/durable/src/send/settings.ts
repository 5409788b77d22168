import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { SpoolError } from '../errors.js';
import { parseHeaders, requireHeaders, takeCredentials } from './headers.js';
import type { Proxy } from './proxy.js';
import { proxyFor } from './proxy.js';

/** What is sent: each signal has its own path and its own variables. */
export type Signal = 'logs' | 'traces';

/** Settings of one signal's delivery; each overrides the standard variables. */
export interface OtlpOptions {
  /** Base URL of an OTLP/HTTP receiver: `/v1/logs` or `/v1/traces` is appended. Default: `http://localhost:4318`. */
  readonly endpoint?: string;
  /** URL for this signal, taken as it is; wins over `endpoint`. */
  readonly url?: string;
  /** Headers of each request, over those of the environment. */
  readonly headers?: Readonly<Record<string, string>>;
  /** For one request from connecting to the last byte of the answer, 1 to 3,600,000 ms. Default: 10,000. */
  readonly timeoutMs?: number;
  /** Default: `none`. */
  readonly compression?: 'none' | 'gzip';
  /** Authorities to trust instead of those of Node, PEM. */
  readonly certificate?: string;
  /** Key of the client certificate, PEM, without a passphrase. Needs `clientCertificate`. */
  readonly clientKey?: string;
  /** Client certificate and its chain, PEM. Needs `clientKey`. */
  readonly clientCertificate?: string;
  /** URL of an HTTP proxy, or `false` for none whatever the environment says. */
  readonly proxy?: string | false;
}

/** Authorities and client certificate, PEM. */
export interface TlsSettings {
  readonly ca?: string;
  readonly key?: string;
  readonly cert?: string;
}

/** Where and how to send one signal. Everything in it was checked. */
export interface OtlpSettings {
  readonly signal: Signal;
  /** Without user name and password: they are in `headers`. */
  readonly url: URL;
  /** Names in lower case. May hold secrets. */
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly compression: 'none' | 'gzip';
  readonly tls: TlsSettings;
  /** The proxy that this URL is reached through. */
  readonly proxy?: Proxy;
}

const ENDPOINT_DEFAULT = 'http://localhost:4318';
const TIMEOUT_DEFAULT_MS = 10_000;
const TIMEOUT_MAX_MS = 3_600_000;

/** A setting as it was given, and what to call it in an error. */
interface Given<T = string> {
  readonly name: string;
  readonly value: T;
}

/**
 * Settings from options, else from the standard variables (`OTEL_EXPORTER_OTLP_LOGS_*` before `OTEL_EXPORTER_OTLP_*`), else
 * the defaults of the OTLP exporter specification. An empty variable counts as absent.
 *
 * @throws SpoolError `INVALID_OPTIONS`, which names the setting and says what it must be; it never quotes a secret.
 */
export function otlpSettings(
  signal: Signal,
  options: OtlpOptions = {},
  env: Readonly<Record<string, string | undefined>> = process.env,
): OtlpSettings {
  const variable = (what: string): Given | undefined => fromEnv(env, signal, what);
  checkProtocol(variable('PROTOCOL'));
  const { url, authorization } = endpoint(signal, options, env);
  const proxy = options.proxy === false ? undefined : proxyFor(url, options.proxy, env);
  return {
    signal,
    url,
    headers: { ...authorization, ...headersFromEnv(env, signal), ...requireHeaders('headers', options.headers ?? {}) },
    timeoutMs: timeout(given('timeoutMs', options.timeoutMs) ?? variable('TIMEOUT')),
    compression: compression(given('compression', options.compression) ?? variable('COMPRESSION')),
    tls: tlsSettings(options, variable),
    ...(proxy === undefined ? {} : { proxy }),
  };
}

function given<T>(name: string, value: T | undefined): Given<T> | undefined {
  return value === undefined ? undefined : { name, value };
}

/** The variable of the signal, else the general one. */
function fromEnv(env: Readonly<Record<string, string | undefined>>, signal: Signal, what: string): Given | undefined {
  for (const name of [`OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_${what}`, `OTEL_EXPORTER_OTLP_${what}`]) {
    const value = env[name]?.trim();
    if (value !== undefined && value !== '') return { name, value };
  }
  return undefined;
}

function checkProtocol(protocol: Given | undefined): void {
  if (protocol === undefined || protocol.value === 'http/protobuf') return;
  throw invalid(
    protocol.name,
    'must be http/protobuf, the only protocol that is spoken here (a Collector listens for it on port 4318)',
  );
}

function endpoint(
  signal: Signal,
  options: OtlpOptions,
  env: Readonly<Record<string, string | undefined>>,
): { url: URL; authorization: Record<string, string> } {
  if (options.url !== undefined) return httpUrl({ name: 'url', value: options.url });
  if (options.endpoint === undefined) {
    const own = `OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_ENDPOINT`;
    const value = env[own]?.trim();
    if (value !== undefined && value !== '') return httpUrl({ name: own, value });
  }
  const base = given('endpoint', options.endpoint) ?? fromEnv(env, signal, 'ENDPOINT');
  const parsed = httpUrl(base ?? { name: 'endpoint', value: ENDPOINT_DEFAULT });
  parsed.url.pathname = `${parsed.url.pathname.replace(/\/+$/, '')}/v1/${signal}`;
  return parsed;
}

/** User name and password of the URL become the header that they stand for, so that no message can quote them. */
function httpUrl({ name, value }: Given): { url: URL; authorization: Record<string, string> } {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) throw invalid(name, 'must be an http:// or https:// URL');
  const authorization = takeCredentials(name, url);
  url.hash = '';
  return { url, authorization: authorization === undefined ? {} : { authorization } };
}

function headersFromEnv(
  env: Readonly<Record<string, string | undefined>>,
  signal: Signal,
): Readonly<Record<string, string>> {
  let headers = {};
  for (const name of ['OTEL_EXPORTER_OTLP_HEADERS', `OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_HEADERS`]) {
    headers = { ...headers, ...parseHeaders(name, env[name] ?? '') };
  }
  return headers;
}

function timeout(timeout: Given<string | number> | undefined): number {
  if (timeout === undefined) return TIMEOUT_DEFAULT_MS;
  const { name, value } = timeout;
  const ms = typeof value === 'number' ? value : /^\d{1,10}$/.test(value) ? Number(value) : Number.NaN;
  if (Number.isInteger(ms) && ms >= 1 && ms <= TIMEOUT_MAX_MS) return ms;
  throw invalid(name, 'must be a whole number of milliseconds from 1 to 3600000');
}

function compression(compression: Given | undefined): 'none' | 'gzip' {
  if (compression === undefined) return 'none';
  const { name, value } = compression;
  if (value === 'gzip' || value === 'none') return value;
  throw invalid(name, 'must be gzip or none');
}

function tlsSettings(options: OtlpOptions, variable: (what: string) => Given | undefined): TlsSettings {
  const pem = (option: 'certificate' | 'clientKey' | 'clientCertificate', what: string): Given | undefined =>
    given(option, options[option]) ?? readPem(variable(what));
  const ca = pem('certificate', 'CERTIFICATE');
  const key = pem('clientKey', 'CLIENT_KEY');
  const cert = pem('clientCertificate', 'CLIENT_CERTIFICATE');
  if (ca !== undefined) checkCertificate(ca);
  if (cert !== undefined) checkCertificate(cert);
  if ((key === undefined) !== (cert === undefined)) {
    throw invalid((key ?? cert)?.name ?? '', 'must be set together with the other half, key and client certificate');
  }
  if (key !== undefined && cert !== undefined) {
    try {
      createSecureContext({ key: key.value, cert: cert.value });
    } catch {
      // The cause stays out: nothing that was read from a key belongs in a log.
      throw invalid(key.name, `must be a PEM key without a passphrase, the one that ${cert.name} belongs to`);
    }
  }
  return {
    ...(ca === undefined ? {} : { ca: ca.value }),
    ...(key === undefined || cert === undefined ? {} : { key: key.value, cert: cert.value }),
  };
}

function readPem(file: Given | undefined): Given | undefined {
  if (file === undefined) return undefined;
  try {
    return { name: file.name, value: readFileSync(file.value, 'utf8') };
  } catch (cause) {
    throw invalid(file.name, 'must be the path of a readable PEM file', cause);
  }
}

/** OpenSSL takes a file without any certificate in it for an empty list, and then trusts nobody. */
function checkCertificate({ name, value }: Given): void {
  try {
    void new X509Certificate(value);
  } catch {
    throw invalid(name, 'must hold a PEM certificate');
  }
}

function invalid(name: string, must: string, cause?: unknown): SpoolError {
  return new SpoolError('INVALID_OPTIONS', `${name} ${must}`, cause === undefined ? {} : { cause });
}
