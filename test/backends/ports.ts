import { createServer } from 'node:net';
import { BackendError } from './errors.ts';

// Below the range that the kernel gives to outgoing connections: a client that keeps dialling a stopped server in that
// range can be given the very port as its own end, connect to itself, and keep the server from starting again.
const PORT_MIN = 12_000;
const PORT_MAX = 31_999;
const ATTEMPTS_MAX = 1_000;

const given = new Set<number>();

/** Ports of the loopback interface, free now and not given out by this process before. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  for (let attempt = 0; attempt < ATTEMPTS_MAX && ports.length < count; attempt++) {
    const port = PORT_MIN + Math.floor(Math.random() * (PORT_MAX - PORT_MIN + 1));
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    ports.push(port);
  }
  if (ports.length < count)
    throw new BackendError('NOT_READY', `no ${count} free ports between ${PORT_MIN} and ${PORT_MAX}`);
  return ports;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ port, host: '127.0.0.1', exclusive: true }, () => probe.close(() => resolve(true)));
  });
}
