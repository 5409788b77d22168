import { once } from 'node:events';
import type { IncomingMessage, Server } from 'node:http';
import { createServer, request as forward } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { connect } from 'node:net';

/** An HTTP proxy for tests: forwards plain requests, and opens tunnels. */
export class HttpProxy {
  /** Request lines that it has seen. */
  readonly seen: string[] = [];
  /** How many requests for a tunnel it leaves without an answer from now on. */
  silent = 0;
  readonly #authorization: string | undefined;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(authorization: string | undefined) {
    this.#authorization = authorization;
    this.#server = createServer((request, response) => {
      this.seen.push(`${request.method} ${request.url}`);
      if (!this.#allows(request)) {
        response.writeHead(407, { 'proxy-authenticate': 'Basic' }).end();
        return;
      }
      const { 'proxy-authorization': _, ...headers } = request.headers;
      const onwards = forward(request.url ?? '', { method: request.method ?? '', headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      });
      onwards.on('error', () => response.destroy());
      request.pipe(onwards);
    });
    this.#server.on('connect', (request: IncomingMessage, socket: Socket) => this.#tunnel(request, socket));
    this.#server.on('connection', (socket: Socket) => this.#track(socket));
  }

  /** @param credentials `user:password` that it asks for. */
  static async start(credentials?: string): Promise<HttpProxy> {
    const authorization =
      credentials === undefined ? undefined : `Basic ${Buffer.from(credentials).toString('base64')}`;
    const proxy = new HttpProxy(authorization);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  /** `127.0.0.1:port`. */
  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket)).on('error', () => {});
  }

  #allows(request: IncomingMessage): boolean {
    return this.#authorization === undefined || request.headers['proxy-authorization'] === this.#authorization;
  }

  #tunnel(request: IncomingMessage, socket: Socket): void {
    this.seen.push(`CONNECT ${request.url}`);
    if (this.silent > 0) {
      this.silent -= 1;
      return;
    }
    if (!this.#allows(request)) {
      socket.end('HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n');
      return;
    }
    const [host = '', port = ''] = (request.url ?? '').split(':');
    const target = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      target.pipe(socket).pipe(target);
    });
    this.#track(target);
  }
}
