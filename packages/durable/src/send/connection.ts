import type { Socket } from 'node:net';
import { buildConnector, Pool } from 'undici';
import type { Proxy } from './proxy.js';
import type { OtlpSettings } from './settings.js';

/** Connections to one Collector at most: one for each stream that is delivered at the same time, and there are few. */
const CONNECTIONS_MAX = 4;

/** A proxy has refused to connect to the Collector; its status says why. */
export class TunnelRefused extends Error {
  override readonly name = 'TunnelRefused';
  readonly status: number;

  constructor(status: number) {
    super(`the proxy has refused to connect: ${status}`);
    this.status = status;
  }
}

/** Connections to a Collector, and what stands in the request line and the headers because of the way there. */
export interface Connection {
  readonly pool: Pool;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Breaks what is open. */
  close(): Promise<void>;
}

/**
 * Opens nothing yet. No socket keeps the process alive: delivery goes on while there is a process, and who waits for it
 * holds a timer.
 */
export function connectionTo({ url, tls, timeoutMs, proxy }: OtlpSettings): Connection {
  const direct = buildConnector({ timeout: timeoutMs, ...tls });
  const path = `${url.pathname}${url.search}`;
  if (proxy === undefined) {
    const pool = poolOf(url.origin, detached(direct));
    return { pool, path, headers: {}, close: () => pool.destroy() };
  }
  // The client certificate is for the Collector; its authorities serve for both.
  const toProxy = detached(buildConnector({ timeout: timeoutMs, ...(tls.ca === undefined ? {} : { ca: tls.ca }) }));
  const proxyPool = poolOf(proxy.url.origin, toProxy);
  if (url.protocol === 'http:') {
    // Many proxies allow CONNECT to 443 only, so plain HTTP goes the plain way: the whole URL in the request line.
    const headers = { host: url.host, ...authorization(proxy) };
    return { pool: proxyPool, path: `${url.origin}${path}`, headers, close: () => proxyPool.destroy() };
  }
  const pool = poolOf(url.origin, detached(tunnel(proxy, proxyPool, direct, timeoutMs)));
  const close = async (): Promise<void> => {
    await Promise.all([pool.destroy(), proxyPool.destroy()]);
  };
  return { pool, path, headers: {}, close };
}

function poolOf(origin: string, connect: buildConnector.connector): Pool {
  // Each request has one time-out for all of it, which is kept by whoever makes it.
  return new Pool(origin, { connect, connections: CONNECTIONS_MAX, headersTimeout: 0, bodyTimeout: 0 });
}

function authorization(proxy: Proxy): Record<string, string> {
  return proxy.authorization === undefined ? {} : { 'proxy-authorization': proxy.authorization };
}

/** TLS to the Collector through the proxy. */
function tunnel(
  proxy: Proxy,
  proxyPool: Pool,
  secure: buildConnector.connector,
  timeoutMs: number,
): buildConnector.connector {
  return (options, callback) => {
    const host = options.host ?? options.hostname;
    const path = options.port === '' ? `${host}:443` : host;
    const headers = { host: path, ...authorization(proxy) };
    // A proxy that never answers would otherwise keep the connection's place for ever.
    const signal = AbortSignal.timeout(timeoutMs);
    proxyPool.connect({ path, headers, signal }).then(
      ({ statusCode, socket }) => {
        if (statusCode === 200) {
          secure({ ...options, httpSocket: socket as Socket }, callback);
          return;
        }
        socket.on('error', () => {}).destroy();
        callback(new TunnelRefused(statusCode), null);
      },
      (error: Error) => callback(error, null),
    );
  };
}

/** Sockets that do not keep the process alive, also where undici would have them do so while a request is under way. */
function detached(connect: buildConnector.connector): buildConnector.connector {
  return (options, callback) => {
    // The socket is returned at once, before it is connected, where the types promise nothing.
    const early: unknown = connect(options, (error, socket) => {
      if (error !== null) {
        callback(error, null);
        return;
      }
      detach(socket);
      callback(null, socket);
    });
    if (isSocket(early)) detach(early);
    return early;
  };
}

function isSocket(value: unknown): value is Socket {
  return typeof value === 'object' && value !== null && 'unref' in value && 'ref' in value;
}

function detach(socket: Socket): void {
  socket.unref();
  socket.ref = () => socket;
  // Where a host has several addresses, each attempt has a handle of its own.
  socket.on('connectionAttempt', () => socket.unref());
}
