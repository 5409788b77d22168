import { afterEach, expect, test } from 'vitest';
import type { Answer } from '../../src/send/answer.ts';
import type { SenderOptions } from '../../src/send/sender.ts';
import { Sender } from '../../src/send/sender.ts';
import type { OtlpOptions } from '../../src/send/settings.ts';
import { Authority } from './certificates.ts';
import { ManualClock, NEVER_MS, SwiftClock } from './clocks.ts';
import type { Delivery } from './harness.ts';
import { deliver } from './harness.ts';
import { MemoryQueue } from './memory-queue.ts';
import { assemble, frame, frames } from './otlp.ts';
import type { Fault, SinkOptions } from './otlp-sink.ts';
import { OtlpSink } from './otlp-sink.ts';

const closing: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const open of closing.splice(0).toReversed()) await open.close();
});

interface Setup extends Delivery {
  readonly sink: OtlpSink;
  readonly queue: MemoryQueue;
}

async function setup(
  queue: MemoryQueue,
  options: Partial<SenderOptions> & { sink?: SinkOptions; otlp?: OtlpOptions } = {},
): Promise<Setup> {
  const { sink: sinkOptions, ...rest } = options;
  const sink = await OtlpSink.start(sinkOptions);
  const delivery = deliver(sink, queue, { clock: new SwiftClock(), ...rest });
  closing.push(sink, delivery);
  return { ...delivery, sink, queue };
}

const ids = (count: number): string[] => frames(count).map((_, index) => `d${index + 1}`);

test('what waits is delivered in order, 512 records to a request', async () => {
  const { sender, sink, told, queue } = await setup(new MemoryQueue(frames(1200)));
  expect(await sender.drain(NEVER_MS)).toBe(true);
  expect(sink.kept).toEqual(ids(1200));
  expect(sink.requests.map((request) => request.ids.length)).toEqual([512, 512, 176]);
  expect(told.delivered).toBe(1200);
  expect(queue.waiting).toBe(0);
  expect(queue.acts.filter((act) => act !== 'next')).toEqual(['acknowledge', 'acknowledge', 'acknowledge']);
});

test('a request has 2 MiB of payload at most, or one record', async () => {
  const queue = new MemoryQueue([...frames(5, 900_000), frame('large', 6, 3_000_000), frame('last', 7)]);
  const { sender, sink } = await setup(queue);
  expect(await sender.drain(NEVER_MS)).toBe(true);
  expect(sink.requests.map((request) => request.ids.length)).toEqual([2, 2, 1, 1, 1]);
});

test('records wait for company for 200 ms, and 512 of them no longer', async () => {
  const clock = new ManualClock();
  const queue = new MemoryQueue();
  const { sender, sink } = await setup(queue, { clock });
  for (const one of frames(511)) {
    queue.append(one);
    sender.wake();
  }
  expect(clock.armed).toEqual([200]);
  expect(sink.arrived).toBe(0);
  queue.append(frame('d512', 512));
  sender.wake();
  await sink.until(({ kept }) => kept.length === 512);
  queue.append(frame('late', 513));
  sender.wake();
  await clock.fire(200);
  await sink.until(({ kept }) => kept.length === 513);
  expect(sink.requests.map((request) => request.ids.length)).toEqual([512, 1]);
});

test('a wake while the queue is looked into is not lost', async () => {
  const clock = new ManualClock();
  const queue = new MemoryQueue();
  const { sender, sink } = await setup(queue, { clock });
  sender.wake();
  await clock.fire(200);
  for (let turn = 0; turn < 20; turn += 1) {
    queue.append(frame(`t${turn}`, turn + 1));
    sender.wake();
    // At each step of the loop's way to sleep another time.
    for (let microtask = 0; microtask < turn; microtask += 1) await Promise.resolve();
  }
  const delivered = sink.until(({ kept }) => kept.length === 20);
  const done = { now: false };
  void delivered.then(() => (done.now = true));
  while (!done.now) {
    if (clock.armed.includes(200)) await clock.fire(200);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(new Set(sink.kept).size).toBe(20);
});

test('pauses between retries are jittered, doubled, and at most 30 s', async () => {
  const { sender, sink, told } = await setup(new MemoryQueue(frames(3)));
  sink.play(...Array.from({ length: 8 }, () => ({ kind: 'status', status: 503 }) as const));
  expect(await sender.drain(NEVER_MS)).toBe(true);
  expect(told.retrying.map(({ delayMs }) => delayMs)).toEqual([500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]);
  expect(sink.kept).toEqual(ids(3));
});

test('Retry-After wins where it is longer', async () => {
  const { sender, sink, told } = await setup(new MemoryQueue(frames(1)));
  const wait = (seconds: string) =>
    ({ kind: 'status', status: 429, message: 'slow down', headers: { 'retry-after': seconds } }) as const;
  sink.play(wait('7'), wait('0'), wait('9999'));
  expect(await sender.drain(NEVER_MS)).toBe(true);
  expect(told.retrying.map(({ delayMs }) => delayMs)).toEqual([7000, 1000, 300_000]);
  expect(told.retrying[0]?.why).toEqual({ kind: 'retry', status: 429, message: 'slow down', retryAfterMs: 7000 });
});

test('while the receiver is away, what comes later joins the request', async () => {
  const clock = new ManualClock();
  const queue = new MemoryQueue(frames(1));
  const { sender, sink } = await setup(queue, { clock });
  sink.play({ kind: 'status', status: 503 });
  sender.wake();
  await clock.fire(200);
  await clock.untilArmed(500);
  queue.append(frame('d2', 2), frame('d3', 3));
  await clock.fire(500);
  await sink.until(({ kept }) => kept.length === 3);
  expect(sink.requests.map((request) => request.ids.length)).toEqual([1, 3]);
});

test.each([401, 403, 404, 307])('status %i alarms, pauses 30 s, and loses nothing', async (status) => {
  const { sender, sink, told } = await setup(new MemoryQueue(frames(3)));
  sink.play({ kind: 'status', status, message: 'no entry' }, { kind: 'status', status });
  expect(await sender.drain(NEVER_MS)).toBe(true);
  expect(told.denied.map(({ delayMs }) => delayMs)).toEqual([30_000, 30_000]);
  expect(told.denied[0]?.why).toEqual({ kind: 'denied', status, message: 'no entry' });
  expect(sink.kept).toEqual(ids(3));
});

test('a refused record is found and buried, and its neighbours arrive in order', async () => {
  const refuses = (id: string): number | undefined => (id === 'd77' ? 400 : undefined);
  const { sender, sink, told, queue } = await setup(new MemoryQueue(frames(512)), { sink: { refuses } });
  expect(await sender.drain(NEVER_MS)).toBe(true);
  expect(sink.kept).toEqual(ids(512).filter((id) => id !== 'd77'));
  expect(told.delivered).toBe(511);
  expect(queue.buried.map(({ frames }) => frames.map(({ sequence }) => sequence))).toEqual([[77]]);
  expect(queue.buried[0]?.note).toEqual({
    at: expect.any(Number),
    signal: 'logs',
    reason: 'refused',
    status: 400,
    message: 'not this one',
  });
  expect(queue.acts.filter((act) => act !== 'next')).toEqual(['bury', 'acknowledge']);
});

test('one request in ten refused for no reason loses nothing', async () => {
  const faultOf = (request: number): Fault | undefined =>
    request % 10 === 0 ? { kind: 'status', status: 400 } : undefined;
  const queue = new MemoryQueue(frames(3000));
  const { sender, sink } = await setup(queue, { sink: { faultOf }, limits: { framesMax: 50 } });
  expect(await sender.drain(NEVER_MS)).toBe(true);
  expect(sink.kept).toEqual(ids(3000));
  expect(sink.requests.filter(({ kept }) => !kept).length).toBeGreaterThan(5);
  expect(queue.buried).toEqual([]);
});

test('too large a request is halved, and later ones begin smaller', async () => {
  const { sender, sink, queue } = await setup(new MemoryQueue(frames(512, 4000)), { sink: { bytesMax: 300_000 } });
  expect(await sender.drain(NEVER_MS)).toBe(true);
  expect(sink.kept).toEqual(ids(512));
  expect(queue.buried).toEqual([]);
  const before = sink.requests.length;
  queue.append(...frames(512, 4000));
  expect(await sender.drain(NEVER_MS)).toBe(true);
  const later = sink.requests.slice(before);
  expect(later.filter(({ kept }) => !kept).length).toBeLessThan(later.length / 2);
  expect(later[0]?.ids.length).toBeLessThan(100);
});

test('a record that is too large alone is buried', async () => {
  const queue = new MemoryQueue([frame('d1', 1), frame('large', 2, 50_000), frame('d3', 3)]);
  const { sender, sink } = await setup(queue, { sink: { bytesMax: 10_000 } });
  expect(await sender.drain(NEVER_MS)).toBe(true);
  expect(sink.kept).toEqual(['d1', 'd3']);
  expect(queue.buried[0]?.note).toMatchObject({ reason: 'too-large', status: 413, message: 'too much at once' });
});

test('a record that the server fails over is buried, after others of its batch were taken', async () => {
  const refuses = (id: string): number | undefined => (id === 'd3' ? 500 : undefined);
  const { sender, sink, told, queue } = await setup(new MemoryQueue(frames(8)), { sink: { refuses } });
  expect(await sender.drain(NEVER_MS)).toBe(true);
  expect(new Set(sink.kept)).toEqual(new Set(ids(8).filter((id) => id !== 'd3')));
  expect(sink.kept).toHaveLength(7);
  expect(told.buried).toEqual([{ frames: 1, note: queue.buried[0]?.note }]);
  expect(queue.buried[0]?.note).toMatchObject({ reason: 'server-error', status: 500 });
});

test('a server that is broken for everything has nothing buried', async () => {
  const { sender, sink, queue } = await setup(new MemoryQueue(frames(8)));
  sink.play(...Array.from({ length: 60 }, () => ({ kind: 'status', status: 500 }) as const));
  expect(await sender.drain(NEVER_MS)).toBe(true);
  expect(sink.kept.sort()).toEqual(ids(8).sort());
  expect(queue.buried).toEqual([]);
});

test('a record that the server fails over is kept until another one comes to tell who is to blame', async () => {
  const clock = new ManualClock();
  const queue = new MemoryQueue(frames(1));
  const refuses = (id: string): number | undefined => (id === 'd1' ? 500 : undefined);
  const { sender, sink } = await setup(queue, { clock, sink: { refuses }, random: () => 0.001 });
  sender.wake();
  await clock.fire(200);
  for (const ms of [1, 2, 4, 8, 16, 30, 30, 30]) await clock.fire(ms);
  expect(queue.buried).toEqual([]);
  queue.append(frame('d2', 2));
  const over = sender.drain(NEVER_MS);
  const done = { now: false };
  void over.then(() => (done.now = true));
  while (!done.now) {
    const [ms] = clock.armed.filter((ms) => ms < NEVER_MS);
    if (ms !== undefined) await clock.fire(ms);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(sink.kept).toEqual(['d2']);
  expect(queue.buried).toHaveLength(1);
});

/** Sends to nobody: tells what was sent, by sequence number, and answers from a list, then with acceptance. */
function scripted(...kinds: readonly Answer['kind'][]): { sent: string[]; options: Partial<SenderOptions> } {
  const sent: string[] = [];
  const answers = [...kinds];
  const options: Partial<SenderOptions> = {
    assemble: (batch) => Buffer.from(batch.map(({ sequence }) => sequence).join()),
    client: {
      send: async (body) => {
        sent.push(Buffer.concat(body).toString());
        return { kind: answers.shift() ?? 'accepted' };
      },
    },
  };
  return { sent, options };
}

test.each([
  ['stay', 0, ['1,2', '1', '2', '2', '2', '2,3']],
  ['were dropped by a full spool', 1, ['1,2', '1', '2', '2', '2', '2,3']],
])('beginning again, nothing is sent twice or left out where the settled ones %s', async (_, dropped, expected) => {
  // Two together are too much, the first alone is taken, and the server fails over the second.
  const { sent, options } = scripted('too-large', 'accepted', 'server-error', 'server-error', 'server-error');
  const { sender, queue } = await setup(new MemoryQueue(frames(2)), {
    ...options,
    events: {
      retrying: () => {
        if (sent.length !== 5) return;
        queue.dropOldest(dropped);
        queue.append(frame('d3', 3));
      },
    },
  });
  expect(await sender.drain(NEVER_MS)).toBe(true);
  expect(sent).toEqual(expected);
  expect(queue.waiting).toBe(0);
});

test('after a partial success nothing is sent again, and all of the request is kept', async () => {
  const { sender, sink, told, queue } = await setup(new MemoryQueue(frames(6)), { limits: { framesMax: 3 } });
  sink.play({ kind: 'partial', rejected: 1, message: 'd2 is too old' });
  expect(await sender.drain(NEVER_MS)).toBe(true);
  expect(sink.kept).toEqual(ids(6));
  expect(queue.buried).toHaveLength(1);
  expect(queue.buried[0]?.frames.map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
  expect(queue.buried[0]?.note).toMatchObject({ reason: 'partial-success', status: 200, message: 'd2 is too old' });
  expect(told.delivered).toBe(3);
});

test.each(['next', 'acknowledge', 'bury'] as const)('a queue that fails at %s is asked again', async (act) => {
  const refuses = (id: string): number | undefined => (id === 'd2' ? 400 : undefined);
  const queue = new MemoryQueue(frames(3));
  queue.failures[act] = 3;
  const { sender, sink, told } = await setup(queue, { sink: { refuses } });
  expect(await sender.drain(NEVER_MS)).toBe(true);
  expect(told.failed.map(({ delayMs }) => delayMs)).toEqual([500, 1000, 2000]);
  expect(told.failed[0]?.error).toMatchObject({ code: 'EIO' });
  expect(sink.kept).toEqual(['d1', 'd3']);
  expect(queue.buried).toHaveLength(1);
  expect(queue.waiting).toBe(0);
});

test('listeners that throw do not stop delivery', async () => {
  const events = {
    delivered: () => {
      throw new Error('listener');
    },
  };
  const { sender, queue } = await setup(new MemoryQueue(frames(3)), { events });
  expect(await sender.drain(NEVER_MS)).toBe(true);
  expect(queue.waiting).toBe(0);
});

test('an assembler that throws is told of, and nothing is lost', async () => {
  let calls = 0;
  const failing: SenderOptions['assemble'] = (batch) => {
    calls += 1;
    if (calls < 3) throw new Error('no memory');
    return Buffer.concat(assemble(batch));
  };
  const { sender, sink, told } = await setup(new MemoryQueue(frames(3)), { assemble: failing });
  expect(await sender.drain(NEVER_MS)).toBe(true);
  expect(told.retrying.map(({ why }) => why.message)).toEqual(['Error: no memory', 'Error: no memory']);
  expect(sink.kept).toEqual(ids(3));
});

test('drain gives up at its deadline, and delivery goes on', async () => {
  const clock = new ManualClock();
  const { sender, sink } = await setup(new MemoryQueue(frames(3)), { clock, otlp: { timeoutMs: 50 } });
  sink.play({ kind: 'hang' });
  const drained = sender.drain(5000);
  expect(clock.holds).toBe(true);
  await sink.until(({ requests }) => requests.length === 1);
  await clock.fire(5000);
  expect(await drained).toBe(false);
  expect(clock.holds).toBe(false);
  await clock.fire(500);
  await sink.until(({ kept }) => kept.length === 3);
});

test('drain ends at once where no attempt can be made before its deadline', async () => {
  const clock = new ManualClock();
  const { sender, sink } = await setup(new MemoryQueue(frames(3)), { clock });
  sink.play({ kind: 'status', status: 503, headers: { 'retry-after': '60' } });
  expect(await sender.drain(5000)).toBe(false);
  expect(await sender.drain(5000)).toBe(false);
  expect(clock.armed).toEqual([60_000]);
});

test('drain does not sit out a pause of our own', async () => {
  const clock = new ManualClock();
  const { sender, sink } = await setup(new MemoryQueue(frames(3)), { clock });
  sink.play({ kind: 'status', status: 503 });
  sender.wake();
  await clock.fire(200);
  await clock.untilArmed(500);
  expect(await sender.drain(5000)).toBe(true);
  expect(sink.kept).toEqual(ids(3));
});

test('drain of an empty queue is true, and several may run', async () => {
  const { sender } = await setup(new MemoryQueue());
  expect(await Promise.all([sender.drain(NEVER_MS), sender.drain(NEVER_MS)])).toEqual([true, true]);
  expect(await sender.drain(NEVER_MS)).toBe(true);
});

test('stop breaks off what hangs, keeps it queued, and lets nothing begin', async () => {
  const clock = new ManualClock();
  const queue = new MemoryQueue(frames(3));
  const { sender, sink } = await setup(queue, { clock });
  sink.play({ kind: 'hang' });
  const drained = sender.drain(NEVER_MS);
  await sink.until(({ requests }) => requests.length === 1);
  await sender.stop();
  expect(await drained).toBe(false);
  expect(queue.waiting).toBe(3);
  sender.wake();
  expect(await sender.drain(1)).toBe(false);
  expect(clock.armed).toEqual([]);
  expect(sink.arrived).toBe(1);
});

test('what was accepted when stop came is acknowledged', async () => {
  const queue = new MemoryQueue(frames(3));
  let sender: Sender | undefined;
  const client = {
    send: async (): Promise<Answer> => {
      void sender?.stop();
      return { kind: 'accepted', status: 200 };
    },
  };
  sender = new Sender({ signal: 'logs', queue, client, assemble, clock: new SwiftClock() });
  await sender.drain(NEVER_MS);
  await sender.stop();
  expect(queue.waiting).toBe(0);
});

test('a request in flight is the only one', async () => {
  let flying = 0;
  let most = 0;
  const client = {
    send: async (): Promise<Answer> => {
      flying += 1;
      most = Math.max(most, flying);
      await new Promise((resolve) => setImmediate(resolve));
      flying -= 1;
      return { kind: 'accepted', status: 200 };
    },
  };
  const queue = new MemoryQueue(frames(100));
  const sender = new Sender({
    signal: 'logs',
    queue,
    client,
    assemble,
    clock: new SwiftClock(),
    limits: { framesMax: 7 },
  });
  sender.wake();
  await Promise.all([sender.drain(NEVER_MS), sender.drain(NEVER_MS)]);
  expect([most, queue.waiting]).toEqual([1, 0]);
});

test('a certificate that nobody vouches for is told of, and nothing is lost', async () => {
  const authority = new Authority('theirs');
  const queue = new MemoryQueue(frames(3));
  const clock = new ManualClock();
  const ours = new Authority('ours').certificate;
  const { sender, sink, told } = await setup(queue, {
    clock,
    sink: { tls: authority.issue('collector') },
    otlp: { certificate: ours },
  });
  sender.wake();
  await clock.fire(200);
  await clock.fire(500);
  await clock.untilArmed(1000);
  expect(told.retrying.map(({ why }) => why.code)).toEqual(Array(2).fill('UNABLE_TO_VERIFY_LEAF_SIGNATURE'));
  expect(queue.waiting).toBe(3);
  const mended = deliver(sink, queue, { clock: new SwiftClock(), otlp: { certificate: authority.certificate } });
  closing.push(mended);
  await sender.stop();
  expect(await mended.sender.drain(NEVER_MS)).toBe(true);
  expect(sink.kept).toEqual(ids(3));
});
