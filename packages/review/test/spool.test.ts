/** `decision-trail spool`, `reconcile` and the source `spool:`, on spools that an application has made. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { crc32 } from 'node:zlib';
import { Store } from '@decision-trail/review';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { runCommand, startDev, temporaryDirectory } from './command.js';
import type { Ended } from './command.js';
import { FakeBackend, jaegerAnswer, lokiAnswer } from './fake-backend.js';
import { contentOf, filesOf } from './files.js';
import { leaveSpool, NOBODY, startSpoolApp } from './spool-app.js';

let dir: string;
let spool: string;

beforeEach(() => {
  dir = temporaryDirectory();
  spool = join(dir, 'spool');
});

const run = (...args: string[]): Promise<Ended> => runCommand(dir, args, { OTEL_EXPORTER_OTLP_ENDPOINT: NOBODY });

type JsonLine = Record<string, unknown>;

/** What a command prints with `--json`. */
async function lines(...args: string[]): Promise<JsonLine[]> {
  const { code, stdout, stderr } = await run(...args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as JsonLine]));
}

const idsOf = (bodies: readonly JsonLine[]): unknown[] => bodies.map(({ id }) => id);

/** What a store has of a kind of record: ids of decisions that it has as log records, and as spans. */
function stored(name = 'decision-trail.db'): { logs: unknown[]; spans: unknown[]; losses: JsonLine[] } {
  const db = new DatabaseSync(join(dir, name), { readOnly: true });
  const all = (sql: string): JsonLine[] => db.prepare(sql).all() as JsonLine[];
  const logs = all("SELECT id FROM record WHERE event = 'decision.made' ORDER BY id").map(({ id }) => id);
  const spans = all('SELECT decision_id AS id FROM span ORDER BY id').map(({ id }) => id);
  const losses = all("SELECT body FROM record WHERE event = 'decision.loss'");
  db.close();
  return { logs, spans, losses: losses.map(({ body }) => JSON.parse(body as string) as JsonLine) };
}

/** A Collector that refuses everything for good. */
async function refusing(): Promise<string> {
  const backend = await FakeBackend.start(() => ({ status: 400, text: '' }));
  onTestFinished(() => backend.stop());
  return backend.url;
}

/** Changes a byte in the middle of a decision's id, in the only segment of a spool. */
function damage(id: string): void {
  const [path] = filesOf(spool, '.segment');
  const bytes = readFileSync(path!);
  const at = bytes.indexOf(id) + 10;
  bytes[at] = bytes[at]! ^ 1;
  writeFileSync(path!, bytes);
}

/** Turns a segment into one of a later version. */
function makeNewer(): void {
  const [path] = filesOf(spool, '.segment');
  const bytes = readFileSync(path!);
  bytes[7] = 2;
  bytes.writeUInt32LE(crc32(bytes.subarray(12, 64), crc32(bytes.subarray(0, 8))), 8);
  writeFileSync(path!, bytes);
}

describe('reading a spool', () => {
  test('counts what a live and a killed process have in it, and changes nothing', async () => {
    const app = startSpoolApp(spool);
    const live = await app.decide(2);
    const left = await leaveSpool(spool, 3);
    const before = contentOf(spool);

    const status = await lines('spool', 'status', spool, '--json');
    expect(
      status.map(({ state, logs, traces, deadLetters, damage }) => ({ state, logs, traces, deadLetters, damage })),
    ).toEqual(
      expect.arrayContaining([
        {
          state: 'live',
          logs: { waiting: 2, acknowledged: 0 },
          traces: { waiting: 2, acknowledged: 0 },
          deadLetters: 0,
          damage: [],
        },
        {
          state: 'left',
          logs: { waiting: 3, acknowledged: 0 },
          traces: { waiting: 3, acknowledged: 0 },
          deadLetters: 0,
          damage: [],
        },
      ]),
    );
    expect((await run('spool', 'status', spool)).stdout).toMatch(/^total of 2 +5 +0 +5 +0 +\d+ +\d+s +0 +0$/m);

    const segments = await lines('spool', 'ls', spool, '--json');
    expect(segments.map(({ stream }) => stream)).toEqual(status.map(({ id }) => id));
    expect((await run('spool', 'ls', spool)).stdout).toMatch(/^[0-9a-f-]{36} +1 +\d+ +3 +3 +6 +20\S+Z +20\S+Z$/m);

    const listed = await run('list', '--source', `spool:${spool}`, '--json');
    expect(
      listed.stdout
        .trimEnd()
        .split('\n')
        .map((line) => (JSON.parse(line) as JsonLine)['id']),
    ).toEqual([...live, ...left]);
    const shown = await run('show', left[1]!, '--source', `spool:${spool}`, '--json');
    expect(listed.stdout).toContain(shown.stdout);
    const printed = (await run('spool', 'cat', spool)).stdout;
    expect(printed.split('\n').toSorted()).toEqual(listed.stdout.split('\n').toSorted());
    expect((await run('spool', 'dead-letters', spool)).stderr).toBe('decision-trail: there are no dead letters\n');

    expect(contentOf(spool)).toEqual(before);
  });

  test('prints one stream, with its spans, and where each record stands', async () => {
    await leaveSpool(spool, 1);
    const [{ id } = {}] = await lines('spool', 'status', spool, '--json');
    const ids = await leaveSpool(spool, 2, NOBODY);
    const other = (await lines('spool', 'status', spool, '--json')).find((stream) => stream['id'] !== id)![
      'id'
    ] as string;

    const printed = (await run('spool', 'cat', spool, '--stream', other, '--spans')).stdout.trimEnd().split('\n');
    expect(printed).toEqual([
      expect.stringContaining(`"id":"${ids[0]}"`),
      expect.stringMatching(/^20\S+Z span decision loan [0-9a-f]{32}\/[0-9a-f]{16} [\d.]+ ms$/),
      expect.stringContaining(`"id":"${ids[1]}"`),
      expect.stringMatching(/^20\S+Z span decision loan /),
    ]);
    const places = await lines('spool', 'cat', spool, '--stream', other, '--spans', '--json');
    expect(places.map(({ signal, sequence, isWaiting }) => ({ signal, sequence, isWaiting }))).toEqual([
      { signal: 'logs', sequence: 1, isWaiting: true },
      { signal: 'traces', sequence: 1, isWaiting: true },
      { signal: 'logs', sequence: 2, isWaiting: true },
      { signal: 'traces', sequence: 2, isWaiting: true },
    ]);
    expect(await run('spool', 'cat', spool, '--stream', 'x')).toEqual({
      code: 1,
      stdout: '',
      stderr: 'decision-trail: the spool has no stream x\n',
    });
  });

  test('lists each decision once, however often it was sent', async () => {
    const ids = await leaveSpool(spool, 2);
    const store = await startDev(dir);
    expect((await run('spool', 'send', spool, '--endpoint', store.url)).code).toBe(0);
    expect(idsOf(await lines('list', '--source', `spool:${spool}`, '--json'))).toEqual(ids);
    expect((await run('list', '--source', `spool:${spool}`, '--json')).stdout).toBe(
      (await run('list', '--json')).stdout,
    );
  });
});

describe('spool send', () => {
  test('delivers what nobody alive owns, and leaves the rest alone', async () => {
    const app = startSpoolApp(spool);
    await app.decide(1);
    const left = [...(await leaveSpool(spool, 2)), ...(await leaveSpool(spool, 3))];
    const { url } = await startDev(dir);

    const sent = await run('spool', 'send', spool, '--endpoint', url);
    expect({ code: sent.code, stderr: sent.stderr }).toEqual({ code: 0, stderr: '' });
    expect(
      sent.stdout
        .trimEnd()
        .split('\n')
        .map((line) => line.slice(38))
        .toSorted(),
    ).toEqual([
      'delivered 2 log records and 2 spans',
      'delivered 3 log records and 3 spans',
      'live, left to the process that delivers it',
    ]);
    expect(stored()).toEqual({ logs: left, spans: left, losses: [] });
    expect((await run('spool', 'send', spool, '--endpoint', url)).stdout).toMatch(
      /live[^\n]*\nnothing is left to deliver\n$/,
    );

    const states = (await lines('spool', 'status', spool, '--json')).map(({ state }) => String(state));
    expect(states.toSorted((a, b) => a.localeCompare(b))).toEqual(['delivered', 'delivered', 'live']);
  });

  test('keeps what was delivered only as long as it is told to', async () => {
    await leaveSpool(spool, 2);
    const { url } = await startDev(dir);
    expect((await run('spool', 'send', spool, '--endpoint', url, '--retention', '0s')).code).toBe(0);
    expect(await lines('spool', 'status', spool, '--json')).toEqual([]);
  });

  test('says what is left where no Collector listens, and exits with 6', async () => {
    const ids = await leaveSpool(spool, 2);
    const { code, stdout, stderr } = await run('spool', 'send', spool, '--timeout', '0.5');
    expect(code).toBe(6);
    expect(stdout).toMatch(/^[0-9a-f-]{36} {2}nothing delivered, not all of it\n$/);
    expect(stderr).toMatch(/does not take records \(ECONNREFUSED [^\n]*\n/);
    expect(stderr).toMatch(/\ndecision-trail: 2 log records and 2 spans are left in the spool\n$/);
    expect(idsOf(await lines('list', '--source', `spool:${spool}`, '--json'))).toEqual(ids);
  });

  test('sends the headers that it is given, and gives up at once where they are not the right ones', async () => {
    await leaveSpool(spool, 1);
    const collector = await FakeBackend.start(({ headers }) => ({
      status: headers['x-key'] === 'k=1' ? 200 : 401,
      text: '',
    }));
    onTestFinished(() => collector.stop());
    const wrong = await run('spool', 'send', spool, '--endpoint', collector.url, '--header', 'x-key=k2');
    expect(wrong.code).toBe(6);
    expect(wrong.stderr).toContain('needs a change of credentials or address');
    expect((await run('spool', 'send', spool, '--endpoint', collector.url, '--header', 'x-key=k=1')).code).toBe(0);
  });
});

describe('dead letters', () => {
  test('are listed, sent again, and removed when they are accepted', async () => {
    const ids = await leaveSpool(spool, 2);
    const collector = await refusing();
    const refused = await run('spool', 'send', spool, '--endpoint', collector);
    expect(refused.code).toBe(6);
    expect(refused.stdout).toMatch(/^[0-9a-f-]{36} {2}nothing delivered, 4 refused and among the dead letters\n$/);
    expect(refused.stderr).toContain(
      `the Collector refused 4 records; \`decision-trail spool dead-letters ${spool}\` tells why\n`,
    );

    const before = contentOf(spool);
    const letters = await lines('spool', 'dead-letters', spool, '--json');
    expect(letters.length).toBeGreaterThanOrEqual(4);
    for (const letter of letters) expect(letter).toMatchObject({ reason: 'refused', status: 400, records: 1 });
    expect((await run('spool', 'dead-letters', spool)).stdout).toMatch(
      /^20\S+Z +logs +refused +400 +1 +[0-9a-f-]{36}/m,
    );
    expect(contentOf(spool)).toEqual(before);

    const again = await run('spool', 'dead-letters', 'retry', spool, '--endpoint', collector);
    expect(again.code).toBe(6);
    expect(again.stdout).toBe('0 records delivered and no longer among the dead letters\n');
    expect(again.stderr).toContain('again, which stay among the dead letters\n');
    expect(await lines('spool', 'dead-letters', spool, '--json')).toEqual(letters);
    const away = await run('spool', 'dead-letters', 'retry', spool, '--timeout', '0.5');
    expect(away.code).toBe(6);
    expect(away.stderr).toContain('were not sent, and stay among the dead letters\n');
    expect(contentOf(spool)).toEqual(before);

    const { url } = await startDev(dir);
    const accepted = await run('spool', 'dead-letters', 'retry', spool, '--endpoint', url);
    expect(accepted).toEqual({
      code: 0,
      stdout: `${letters.length} records delivered and no longer among the dead letters\n`,
      stderr: '',
    });
    expect(stored()).toMatchObject({ logs: ids, spans: ids });
    expect([...contentOf(spool).keys()].filter((name) => name.includes('dead-letters'))).toEqual([]);
  });

  test('of a live process can be sent again while it adds others', async () => {
    const app = startSpoolApp(spool, await refusing());
    const first = await app.decide(2);
    const { url } = await startDev(dir);
    expect((await run('spool', 'dead-letters', 'retry', spool, '--endpoint', url)).code).toBe(0);
    expect(stored()).toMatchObject({ logs: first, spans: first });
    expect(await lines('spool', 'dead-letters', spool, '--json')).toEqual([]);

    const second = await app.decide(1);
    expect((await lines('spool', 'dead-letters', spool, '--json')).length).toBeGreaterThanOrEqual(2);
    await app.kill();
    expect((await run('spool', 'dead-letters', 'retry', spool, '--endpoint', url)).code).toBe(0);
    expect(stored()).toMatchObject({ logs: [...first, ...second], spans: [...first, ...second] });
    expect(filesOf(spool, '.accepted')).toEqual([]);
  });

  test('are told of in the trail', async () => {
    const [bad] = await leaveSpool(spool, 1);
    const dev = await startDev(dir);
    await run('spool', 'send', spool, '--endpoint', await refusing());
    await run('spool', 'dead-letters', 'retry', spool, '--endpoint', dev.url);
    const { logs, losses } = stored();
    expect(logs).toEqual([bad]);
    expect(losses).toMatchObject([
      { reason: 'dead-letter', count: 1 },
      { reason: 'dead-letter', count: 1 },
    ]);
  });
});

describe('damage', () => {
  test('is told of by repair, which leaves it as it is', async () => {
    const ids = await leaveSpool(spool, 3);
    damage(ids[1]!);
    const before = contentOf(spool);
    const { code, stdout, stderr } = await run('spool', 'repair', spool);
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /^\S{36} {2}segment 1, byte \d+ {2}corrupt: \d+ bytes are not what was written, 1 log record missing\n/,
    );
    expect(stdout).toMatch(/\n\S{36} {2}readable: 2 log records and 3 spans, of which 5 wait for delivery\n$/);
    expect(stderr).toBe('decision-trail: 1 place in the spool cannot be read\n');

    const listed = await run('list', '--source', `spool:${spool}`, '--json');
    expect(listed.code).toBe(0);
    expect(
      listed.stdout
        .trimEnd()
        .split('\n')
        .map((line) => (JSON.parse(line) as JsonLine)['id']),
    ).toEqual([ids[0], ids[2]]);
    expect(listed.stderr).toBe(
      `decision-trail: 1 place in the spool cannot be read, and what was there is left out; \`decision-trail spool repair ${spool}\` tells more\n`,
    );
    expect(contentOf(spool)).toEqual(before);
  });

  test('does not keep the rest from being sent, and is told of in the trail', async () => {
    const ids = await leaveSpool(spool, 3);
    damage(ids[1]!);
    const { url } = await startDev(dir);
    const { code, stdout } = await run('spool', 'send', spool, '--endpoint', url, '--retention', '0s');
    expect(code).toBe(0);
    expect(stdout).toMatch(/ {2}delivered 2 log records and 3 spans\n$/);
    expect(stored().logs).toEqual([ids[0], ids[2]]);
    expect(stored().losses).toMatchObject([{ reason: 'corrupt', count: 1 }]);
    const repaired = await run('spool', 'repair', spool);
    expect(repaired.code).toBe(1);
    expect(repaired.stdout).toContain(
      'segment 1  was damaged; delivered as far as it could be read, and kept in damaged/\n',
    );
  });

  test('at the end of a stream is what a crash has torn off', async () => {
    const ids = await leaveSpool(spool, 1);
    const [path] = filesOf(spool, '.segment');
    writeFileSync(path!, readFileSync(path!).subarray(0, -3));
    expect(
      idsOf(
        (await run('list', '--source', `spool:${spool}`, '--json')).stdout
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line) as JsonLine),
      ),
    ).toEqual(ids);
    expect((await run('spool', 'repair', spool)).stdout).toContain('torn: the last write did not finish');
  });

  test('what a newer version has written is not guessed at, nor passed over in silence', async () => {
    await leaveSpool(spool, 1);
    makeNewer();
    const before = contentOf(spool);
    const newer =
      /^decision-trail: not all of the spool could be read: stream \S{36} is of a newer version; update @decision-trail\/review\n$/;
    for (const args of [
      ['list', '--source', `spool:${spool}`],
      ['spool', 'cat', spool],
      ['show', 'x', '--source', `spool:${spool}`],
    ]) {
      const { code, stderr } = await run(...args);
      expect(code).toBe(3);
      expect(stderr.replace('decision-trail: no decisions found\n', '')).toMatch(newer);
    }
    expect((await run('spool', 'repair', spool)).stdout).toContain('newer: written by a newer version');
    expect(contentOf(spool)).toEqual(before);
    const { url } = await startDev(dir);
    const { code, stderr } = await run('spool', 'send', spool, '--endpoint', url);
    expect(code).toBe(6);
    expect(stderr).toContain('and a stream of a newer version; update @decision-trail/review\n');
  });
});

describe('reconcile', () => {
  /** Delivers all of the spool to a Collector whose backend then loses some. */
  async function deliverAndLose(lost: readonly string[]): Promise<string> {
    const { url } = await startDev(dir);
    expect((await run('spool', 'send', spool, '--endpoint', url)).code).toBe(0);
    const db = new DatabaseSync(join(dir, 'decision-trail.db'));
    for (const id of lost) {
      db.prepare('DELETE FROM record WHERE id = ?').run(id);
      db.prepare('DELETE FROM span WHERE decision_id = ?').run(id);
    }
    db.close();
    return url;
  }

  test('sends again what a store does not have', async () => {
    const ids = [...(await leaveSpool(spool, 3)), ...(await leaveSpool(spool, 2))];
    const url = await deliverAndLose([ids[0]!, ids[3]!]);
    const args = ['reconcile', spool, '--source', 'sqlite:decision-trail.db', '--endpoint', url];

    const dry = await run(...args, '--dry-run');
    expect({ code: dry.code, stderr: dry.stderr }).toEqual({
      code: 1,
      stderr: 'decision-trail: the backend does not have 2 decisions\n',
    });
    expect(dry.stdout).toMatch(/^compared 5 decisions from 20\S+Z to 20\S+Z: 3 there, 2 missing\n$/);
    expect(stored().logs).toHaveLength(3);

    const sent = await run(...args);
    expect({ code: sent.code, stderr: sent.stderr }).toEqual({ code: 0, stderr: '' });
    expect(sent.stdout).toMatch(/: 3 there, 2 missing\nsent 2 again\n$/);
    expect(stored().logs).toEqual(ids);
    expect((await run(...args, '--dry-run')).stdout).toMatch(/: 5 there, 0 missing\n$/);
  });

  test('compares log records with Loki', async () => {
    const ids = await leaveSpool(spool, 3);
    const url = await deliverAndLose(ids);
    const bodies = await lines('list', '--source', `spool:${spool}`, '--json');
    const kept = bodies.slice(0, 2).map((body) => ({
      nanos: BigInt(Date.parse(body['timestamp'] as string)) * 1_000_000n,
      labels: { service_name: 'loans', decision_id: body['id'] as string },
      body: JSON.stringify(body),
    }));
    const loki = await FakeBackend.start(lokiAnswer(kept, 1_000_000));
    onTestFinished(() => loki.stop());
    const { stdout } = await run('reconcile', spool, '--source', `loki:${loki.url}`, '--endpoint', url);
    expect(stdout).toMatch(/^compared 3 decisions [^\n]*: 2 there, 1 missing\nsent 1 again\n$/);
    expect(stored()).toMatchObject({ logs: [ids[2]], spans: [] });
  });

  test('compares spans with Jaeger', async () => {
    const ids = await leaveSpool(spool, 3);
    const url = await deliverAndLose(ids);
    const spans = (await lines('spool', 'cat', spool, '--spans', '--json')).filter(({ signal }) => signal === 'traces');
    const kept = spans.slice(1).map(({ record }) => {
      const { traceId, name, startUnixNano, attributes } = record as { [field: string]: string } & {
        attributes: JsonLine;
      };
      return {
        traceId: traceId!,
        startMicro: Number(BigInt(startUnixNano!) / 1_000n),
        service: 'loans',
        operation: name!,
        tags: attributes,
      };
    });
    const jaeger = await FakeBackend.start(jaegerAnswer(kept));
    onTestFinished(() => jaeger.stop());
    const { stdout, stderr } = await run('reconcile', spool, '--source', `jaeger:${jaeger.url}`, '--endpoint', url);
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^compared 3 decisions [^\n]*: 2 there, 1 missing\nsent 1 again\n$/);
    expect(stored()).toMatchObject({ logs: [], spans: [ids[0]] });
  });

  test('says of what is missing that it still waits, and that it could not be sent', async () => {
    await leaveSpool(spool, 2);
    Store.open(join(dir, 'decision-trail.db')).close();
    const args = ['reconcile', spool, '--source', 'sqlite:decision-trail.db', '--timeout', '0.5'];
    const away = await run(...args);
    expect(away.code).toBe(6);
    expect(away.stdout).toMatch(/: 0 there, 2 missing \(2 of them still wait for delivery\)\nsent 0 again\n$/);
    expect(away.stderr).toMatch(
      /\ndecision-trail: the Collector took no more: of 2 decisions that the backend does not have, 0 were sent\n$/,
    );
    const refused = await run(...args, '--endpoint', await refusing());
    expect(refused.code).toBe(6);
    expect(refused.stderr).toContain('the Collector refused 2: of 2 decisions');
    expect((await run(...args, '--since', '2100-01-01')).stdout).toBe('the spool holds no decisions to compare\n');
  });

  test('tells of a backend that cannot be read, and exits with 3', async () => {
    await leaveSpool(spool, 1);
    const { code, stderr } = await run('reconcile', spool, '--source', `loki:${NOBODY}`);
    expect(code).toBe(3);
    expect(stderr).toMatch(/^decision-trail: cannot reach Loki at [^\n]*\n$/);
  });
});

describe('what is no spool is told of in one line, and left alone', () => {
  const COMMANDS = [
    ['spool', 'status'],
    ['spool', 'ls'],
    ['spool', 'cat'],
    ['spool', 'send'],
    ['spool', 'repair'],
    ['spool', 'dead-letters'],
    ['spool', 'dead-letters', 'retry'],
    ['reconcile', '--source', `loki:${NOBODY}`],
  ];

  test.each(COMMANDS)('%s %s %s', async (...command) => {
    mkdirSync(join(dir, 'other'));
    writeFileSync(join(dir, 'other/notes.txt'), 'x');
    mkdirSync(join(dir, 'empty'));
    const before = contentOf(dir);
    const [missing, file, other, empty] = await Promise.all(
      ['missing', 'other/notes.txt', 'other', 'empty'].map((name) => run(...command, name)),
    );
    const told = (message: string): Ended => ({ code: 3, stdout: '', stderr: `decision-trail: ${message}\n` });
    expect(missing).toEqual(told(`there is no directory ${join(dir, 'missing')}`));
    expect(file).toEqual(told(`${join(dir, 'other/notes.txt')} is a file; a spool is a directory`));
    expect(other).toEqual(told(`${join(dir, 'other')} holds no spool, but other things`));
    expect(empty!.code).toBe(0);
    expect(contentOf(dir)).toEqual(before);
  });

  test('as a source', async () => {
    expect(await run('list', '--source', 'spool:missing')).toEqual({
      code: 3,
      stdout: '',
      stderr: `decision-trail: there is no directory ${join(dir, 'missing')}\n`,
    });
  });
});

describe('wrong use is told in one line', () => {
  const COMMANDS = 'use status, ls, cat, send, repair or dead-letters (--help tells more)';

  test.each([
    [['spool'], `no command for the spool given; ${COMMANDS}`],
    [['spool', 'frob'], `unknown command 'spool frob'; ${COMMANDS}`],
    [['spool', 'status'], "missing required argument 'dir'"],
    [['spool', 'send', '.', '--header', 'secret'], "option '--header' wants name=value"],
    [
      ['spool', 'send', '.', '--timeout', '0'],
      "option '--timeout <seconds>' argument '0' is invalid. It is no positive number of seconds.",
    ],
    [
      ['spool', 'send', '.', '--retention', 'x'],
      "option '--retention <age>' argument 'x' is invalid. It is no age: use one such as 12h or 7d.",
    ],
    [['reconcile', '.'], "required option '--source <source>' not specified"],
    [['reconcile', '.', '--source', 'spool:.'], 'a spool is compared with sqlite:FILE, loki:URL or jaeger:URL'],
    [['list', '--source', 'spool:'], 'the source spool: names no directory'],
  ])('%j', async (args, message) => {
    expect(await run(...args)).toEqual({ code: 2, stdout: '', stderr: `decision-trail: ${message}\n` });
  });

  test('of the endpoint too', async () => {
    mkdirSync(spool);
    for (const args of [
      ['spool', 'send'],
      ['spool', 'dead-letters', 'retry'],
    ]) {
      const { code, stderr } = await run(...args, spool, '--endpoint', 'collector:4318');
      expect({ code, stderr }).toEqual({
        code: 2,
        stderr: 'decision-trail: endpoint must be an http:// or https:// URL\n',
      });
    }
  });
});

test('help names the commands, their options and the exit codes', async () => {
  const { code, stdout } = await run('spool', 'send', '--help');
  expect(code).toBe(0);
  for (const text of ['--endpoint', '--header', '--timeout', '--retention', '6 ']) expect(stdout).toContain(text);
  const spoolHelp = (await run('spool', '--help')).stdout;
  for (const name of ['status', 'ls', 'cat', 'send', 'repair', 'dead-letters']) expect(spoolHelp).toContain(name);
});
