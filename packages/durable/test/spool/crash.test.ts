import { setImmediate } from 'node:timers/promises';

import fc from 'fast-check';
import { expect, test } from 'vitest';

import { SpoolError } from '../../src/errors.ts';
import { Files } from '../../src/spool/files.ts';
import { isStreamId } from '../../src/spool/format.ts';
import { KIND } from '../../src/spool/frame.ts';
import type { Processes } from '../../src/spool/owner.ts';
import type { Damage } from '../../src/spool/reader.ts';
import { Streams } from '../../src/spool/streams.ts';
import { StreamWriter } from '../../src/spool/writer.ts';
import { Down, FakeFileSystem, randomFrom } from './fake-fs.ts';
import type { Fault, Random } from './fake-fs.ts';
import { origin, readStream, withHeadroom } from './support.ts';

const SPOOL = '/var/spool';
const ORIGINS = [origin('a'), origin('b')];

const processes: Processes = {
  self: { pid: 1, startedAt: 1, bootId: 'boot', pidNamespace: 'ns', host: 'host', thread: 0 },
  startedAt: () => 1,
};

/** What a program has been told. */
interface Told {
  /** Every text that was tried under a number. */
  readonly tried: Map<number, string[]>;
  /** Records whose append returned. */
  readonly appended: Map<number, string>;
  /** Records whose commit resolved. */
  readonly stable: Set<number>;
  finished: boolean;
}

class Program {
  readonly told: Told = { tried: new Map(), appended: new Map(), stable: new Set(), finished: false };
  readonly #writer: StreamWriter;
  readonly #random: Random;
  #written = 0;
  readonly #faulty: boolean;
  #thisTurn: number[] = [];

  constructor(fs: FakeFileSystem, random: Random, faulty: boolean) {
    this.#random = random;
    this.#faulty = faulty;
    this.#writer = new StreamWriter(SPOOL, {
      files: new Files(fs),
      segmentBytes: 700,
      processes,
      now: () => 1,
      schedule: () => () => {},
    });
  }

  append(): void {
    const log = this.#random() < 0.8;
    const sequence = this.#writer.nextSequence;
    this.#written += 1;
    const text = `${this.#written} ${'x'.repeat(Math.floor(this.#random() * 150))}`;
    const from = ORIGINS[Math.floor(this.#random() * 2)]!;
    if (log) this.told.tried.set(sequence, [...(this.told.tried.get(sequence) ?? []), text]);
    this.#writer.append(log ? KIND.logRecord : KIND.span, from, withHeadroom(text));
    if (!log) return;
    this.told.appended.set(sequence, text);
    this.#thisTurn.push(sequence);
  }

  commit(): void {
    const covered = this.#covered();
    this.#writer.commit().then(
      () => covered.forEach((sequence) => this.told.stable.add(sequence)),
      () => {},
    );
  }

  commitSync(): void {
    this.#synced(() => this.#writer.commitSync());
  }

  close(): void {
    this.#synced(() => this.#writer.close());
  }

  #synced(work: () => void): void {
    const covered = this.#covered();
    try {
      work();
    } catch (error) {
      this.#thisTurn = [];
      throw error;
    }
    for (const sequence of covered) this.told.stable.add(sequence);
  }

  /** What the next commit vouches for: where one may have failed, for what was appended in the same turn only. */
  #covered(): number[] {
    return this.#faulty ? [...this.#thisTurn] : [...this.told.appended.keys()];
  }

  turn(): void {
    this.#thisTurn = [];
  }
}

/** Runs a program until its end, or until the machine goes down. Errors that a program must expect are passed over. */
async function run(fs: FakeFileSystem, seed: number, steps: number): Promise<Told> {
  const random = randomFrom(seed);
  let program: Program;
  try {
    program = new Program(fs, random, fs.fault !== undefined);
  } catch (error) {
    if (!fs.down && !(error instanceof SpoolError)) throw error;
    return { tried: new Map(), appended: new Map(), stable: new Set(), finished: false };
  }
  for (let step = 0; step < steps && !fs.down; step += 1) {
    const choice = random();
    // Without waiting, so that several steps are one turn of the event loop.
    expected(fs, () => {
      if (choice < 0.6) program.append();
      else if (choice < 0.75) program.commit();
      else if (choice < 0.8) program.commitSync();
    });
    if (choice < 0.8) continue;
    fs.settle();
    await turn();
    program.turn();
  }
  expected(fs, () => program.close());
  while (!fs.down && fs.settle()) await turn();
  program.told.finished = !fs.down;
  return program.told;
}

/** Lets those who wait for a promise go on. */
async function turn(): Promise<void> {
  await setImmediate();
}

function expected(fs: FakeFileSystem, work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!fs.down && !(error instanceof SpoolError)) throw error;
  }
}

/** Reads what is there, and checks that nothing in it is wrong. */
async function recovered(
  fs: FakeFileSystem,
  told: Told,
  sure: (sequence: number) => boolean,
): Promise<Map<number, string>> {
  const files = new Files(fs);
  const read = new Map<number, string>();
  for (const id of files.list(SPOOL).filter(isStreamId)) {
    let last = 0;
    for (const frame of (await readStream(`${SPOOL}/${id}`, id, { files })).frames) {
      const text = frame.payload.toString();
      expect(frame.sequence).toBeGreaterThan(last);
      last = frame.sequence;
      // A record that was refused may be there after a power cut where the one that got its number is not.
      const returned = sure(frame.sequence) ? told.appended.get(frame.sequence) : undefined;
      expect(returned === undefined ? told.tried.get(frame.sequence) : [returned]).toContain(text);
      // One whose origin is lost has none, and never another.
      const { resource } = frame.origin;
      expect(['', 'resource a', 'resource b']).toContain(Buffer.from(resource).toString());
      read.set(frame.sequence, text);
    }
  }
  return read;
}

function missing(read: Map<number, string>, wanted: Iterable<number>): number[] {
  return [...wanted].filter((sequence) => !read.has(sequence));
}

test('a power cut at any system call loses no record whose commit resolved, a kill none whose append returned', async () => {
  for (let seed = 1; seed <= 4; seed += 1) {
    for (let downAt = 1, finished = false; !finished; downAt += 1) {
      const fs = new FakeFileSystem(randomFrom(seed * 7_919 + downAt));
      fs.downAt = downAt;
      const told = await run(fs, seed, 60);
      ({ finished } = told);
      const where = `seed ${seed}, down at call ${downAt}`;
      expect(missing(await recovered(fs.afterKill(), told, () => true), told.appended.keys()), where).toEqual([]);
      for (let cut = 0; cut < 3; cut += 1) {
        expect(
          missing(await recovered(fs.afterPowerCut(), told, (sequence) => told.stable.has(sequence)), told.stable),
          where,
        ).toEqual([]);
      }
    }
  }
});

const CODES = ['ENOSPC', 'EIO', 'EDQUOT', 'EROFS', 'ENOENT', 'EFBIG'];

function faulty(random: Random, rate: number): (call: { readonly name: string }) => Fault | undefined {
  return ({ name }) => {
    if (random() >= rate) return undefined;
    const code = CODES[Math.floor(random() * CODES.length)]!;
    if (name !== 'write') return { code };
    // Short without an error; in part with an error; whole with an error.
    const bytes = [1, Math.floor(random() * 100), 1_000_000][Math.floor(random() * 3)]!;
    return random() < 0.4 ? { bytes: Math.min(bytes, 100) } : { code, bytes };
  };
}

test('whatever fails, a record whose append returned is read, one that was refused is not, and commits say the truth', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), fc.constantFrom(0.02, 0.1, 0.3), async (seed, rate) => {
      const random = randomFrom(seed);
      const fs = new FakeFileSystem(random);
      fs.fault = faulty(random, rate);
      const told = await run(fs, seed, 80);
      expect(fs.openFiles).toBe(0);
      const read = await recovered(fs.afterKill(), told, () => true);
      expect(missing(read, told.appended.keys())).toEqual([]);
      for (let cut = 0; cut < 3; cut += 1) {
        expect(
          missing(await recovered(fs.afterPowerCut(), told, (sequence) => told.stable.has(sequence)), told.stable),
        ).toEqual([]);
      }
    }),
    { numRuns: 150 },
  );
});

test('a disk that fills up refuses records with NO_SPACE, and takes them again once there is room', async () => {
  for (let capacity = 200; capacity < 1_500; capacity += 13) {
    const fs = new FakeFileSystem(randomFrom(capacity));
    fs.capacity = capacity;
    const files = new Files(fs);
    const writer = new StreamWriter(SPOOL, { files, segmentBytes: 700, processes, schedule: () => () => {} });
    const appended: number[] = [];
    const codes = new Set<string>();
    const append = (): void => {
      const { nextSequence } = writer;
      try {
        writer.append(KIND.logRecord, ORIGINS[0]!, withHeadroom('x'.repeat(100)));
        appended.push(nextSequence);
      } catch (error) {
        if (!(error instanceof SpoolError)) throw error;
        codes.add(error.code);
      }
    };
    for (let index = 0; index < 20; index += 1) append();
    expect([...codes]).toEqual(['NO_SPACE']);
    fs.capacity = Infinity;
    append();
    append();
    writer.close();
    const { frames, damage } = await readStream(writer.directory, writer.streamId, { files });
    expect(damage).toEqual([]);
    expect(frames.map(({ sequence }) => sequence)).toEqual(appended);
    expect(appended.length).toBeGreaterThanOrEqual(2);
  }
});

test('an error that a sync in the thread pool was told of is not kept from commitSync', async () => {
  const fs = new FakeFileSystem(randomFrom(1));
  const writer = new StreamWriter(SPOOL, { files: new Files(fs), processes, schedule: () => () => {} });
  const append = (): void => writer.append(KIND.logRecord, ORIGINS[0]!, withHeadroom('x'));
  append();
  writer.commitSync();
  append();
  const failed = writer.commit().catch((error: unknown) => error);
  await turn();
  let failures = 1;
  fs.fault = ({ name }) => (name === 'fdatasync' && (failures -= 1) >= 0 ? { code: 'EIO' } : undefined);
  // The sync has ended in the kernel; its callback has not run yet when somebody commits.
  const inTurn = Promise.resolve().then(() => {
    expect(() => writer.commitSync()).toThrow(SpoolError);
  });
  fs.settle();
  await inTurn;
  expect(await failed).toMatchObject({ code: 'IO' });
  expect(writer.pending).toBe(0);
  append();
  writer.commitSync();
  expect(writer.end.segment).toBe(2);
  writer.close();
});

test('a commit that ends after commitSync does not settle what came later', async () => {
  const fs = new FakeFileSystem(randomFrom(1));
  const writer = new StreamWriter(SPOOL, { files: new Files(fs), processes, schedule: () => () => {} });
  const append = (): void => writer.append(KIND.logRecord, ORIGINS[0]!, withHeadroom('x'));
  append();
  writer.commitSync();
  append();
  append();
  const running = writer.commit();
  await turn();
  append();
  writer.commitSync();
  expect(writer.pending).toBe(0);
  append();
  fs.settle();
  await running;
  expect(writer.pending).toBe(1);
  writer.close();
});

/** Ends what is under way in the thread pool until a promise is settled; `undefined` where the machine goes down before. */
async function pumped<T>(fs: FakeFileSystem, work: Promise<T>): Promise<T | undefined> {
  let settled = false;
  const done = work.finally(() => {
    settled = true;
  });
  done.catch(() => {});
  while (!settled && !fs.down) {
    fs.settle();
    await turn();
  }
  return settled ? done : undefined;
}

/** Delivers and deletes all that is there, and tells what a Collector got. */
async function deliverAll(fs: FakeFileSystem, own: Processes, nowMs: number): Promise<Set<number>> {
  const got = new Set<number>();
  // All was on stable storage: what is not there was deleted, and the cursors say so.
  const onDamage = (damage: Damage): never => {
    throw new Error(`told of damage where there is none: ${damage.what} ${damage.segment}`);
  };
  const onError = (error: SpoolError): void => {
    if (!fs.down) throw error;
  };
  const spool = new Streams(SPOOL, {
    files: new Files(fs),
    processes: own,
    now: () => nowMs,
    onDamage,
    onError,
  });
  try {
    for (const { id } of spool.list()) {
      const stream = spool.adopt(id);
      for (const queue of stream === undefined ? [] : [stream.logs, stream.traces]) {
        for (;;) {
          const batch = await queue.next({ framesMax: 2, bytesMax: 1_000 });
          if (batch === undefined) break;
          for (const { sequence } of batch.frames) got.add(sequence);
          await queue.acknowledge(batch);
          await pumped(fs, spool.clean({ retainedBytesMax: 0 }));
          if (fs.down) return got;
        }
      }
    }
    await pumped(fs, spool.clean({ retainedBytesMax: 0 }));
  } catch (error) {
    if (!fs.down) throw error;
  }
  return got;
}

test('a power cut at any system call of delivery and deletion leaves all that a Collector has not got', async () => {
  const next: Processes = { self: { ...processes.self, pid: 2 }, startedAt: (pid) => (pid === 2 ? 1 : 'gone') };
  const after: Processes = { self: { ...processes.self, pid: 3 }, startedAt: (pid) => (pid === 3 ? 1 : 'gone') };
  const records = 12;
  let deleted = 0;
  for (let downAt = 0, finished = false; !finished; downAt += 1) {
    const fs = new FakeFileSystem(randomFrom(downAt + 1));
    const writer = new StreamWriter(SPOOL, {
      files: new Files(fs),
      segmentBytes: 400,
      processes,
      schedule: () => () => {},
    });
    for (let index = 0; index < records; index += 1) {
      writer.append(KIND.logRecord, ORIGINS[index % 2]!, withHeadroom(`record ${index}`));
    }
    writer.close();
    fs.downAt = fs.calls + downAt;
    const got = await deliverAll(fs, next, 1);
    finished = !fs.down;
    for (const later of [fs.afterKill(), fs.afterPowerCut(), fs.afterPowerCut(), fs.afterPowerCut()]) {
      // An owner file that was torn is waited for.
      const rest = await deliverAll(later, after, 120_000);
      const lost = Array.from({ length: records }, (_, index) => index + 1).filter((n) => !got.has(n) && !rest.has(n));
      expect(lost, `down at call ${downAt}`).toEqual([]);
      if (later.readdirSync(SPOOL).length === 0) deleted += 1;
    }
  }
  expect(deleted).toBeGreaterThan(0);
});

test('after the machine went down nothing works any more, and nobody is told that it did', async () => {
  const fs = new FakeFileSystem(randomFrom(1));
  fs.downAt = 1;
  expect(() => fs.openSync('/x', 'wx')).toThrow(Down);
  await expect(run(fs, 1, 10)).resolves.toMatchObject({ finished: false });
});
