import { setTimeout as delay } from 'node:timers/promises';
import type { Application } from './application.ts';
import type { CollectorQueue } from './receiving.ts';
import type { Scale } from './scale.ts';
import type { Settings } from './settings.ts';
import { accept } from './sink.ts';
import type { Rule } from './sink.ts';
import type { Stage } from './stage.ts';

/** One thing that goes wrong. */
export interface Scenario {
  readonly name: string;
  readonly collector?: CollectorQueue;
  readonly isTls?: true;
  readonly isDiskSmall?: true;
  readonly settings?: (scale: Scale) => Partial<Settings>;
  /** An acknowledgement can be lost in it, and so a record can be sent twice. */
  readonly allowsDuplicates?: true;
  /** A Collector may refuse records for good. */
  readonly allowsDeadLetters?: true;
  /** Decisions may be withheld, as was asked for. */
  readonly allowsRefusals?: true;
  /** The Collector loses what it has acknowledged, and no sender can help it. */
  readonly isLossBehind?: true;
  /** It repeats itself, so one run is enough. */
  readonly isRepetition?: true;
  /** Memory, event loop and speed are what it is about, too. */
  readonly isMeasured?: true;
  play(stage: Stage): Promise<void>;
}

const SECOND_MS = 1_000;
/** When something goes wrong for a while, so much of the decisions is made. */
const FAULT_AT = 0.2;
const REQUEST_BYTES_MAX = 128 * 1024;
const SHORT_JOB_DECISIONS = 300;
/** A job must not wait for a Collector that does not come back. */
const JOB_END_MS = 20_000;
const JOB_FLUSH_MS = 2_000;
/** The second of ten: a short run has no tenth request. */
const oneInTen = (number: number): boolean => number % 10 === 2;

async function plain(stage: Stage): Promise<void> {
  await stage.start().finish();
}

/** Something is wrong from a fifth of the decisions on, for the time of an outage. */
function forAWhile(begin: (stage: Stage) => unknown, end: (stage: Stage) => unknown): Scenario['play'] {
  return async (stage) => {
    const application = stage.start();
    await application.reach(FAULT_AT);
    await begin(stage);
    await delay(stage.scale.outageMs);
    await end(stage);
    await application.finish();
  };
}

function ruleForAWhile(rule: Rule): Scenario['play'] {
  return forAWhile(
    ({ sink }) => (sink.rule = rule),
    ({ sink }) => (sink.rule = accept),
  );
}

function ruleAlways(rule: Rule): Scenario['play'] {
  return async (stage) => {
    stage.sink.rule = rule;
    await plain(stage);
  };
}

/** The process ends right after its last decision. */
function ending(how: Settings['ending']): Scenario['play'] {
  return async (stage) => {
    const application = stage.start({ ending: how });
    await application.makeAll();
    await application.endWithin(JOB_END_MS);
  };
}

async function killAtRandom(stage: Stage): Promise<void> {
  const { kills, killWithinMs } = stage.scale;
  for (let kill = 0; kill < kills; kill++) {
    const application = stage.start();
    await application.begin();
    await delay(Math.random() * killWithinMs);
    await application.signal('SIGKILL');
  }
}

/** What one process has left is delivered by others, each of which is killed while it is at it. */
async function killDuringRecovery(stage: Stage): Promise<void> {
  await stage.receiver.down();
  const first = stage.start();
  await first.makeAll();
  await first.signal('SIGKILL');
  await stage.receiver.up();
  if (stage.pipeline === 'stock') return;

  for (let kill = 0; kill < stage.scale.recoveryKills; kill++) {
    const application = stage.start({ decisions: 0 });
    if (kill % 3 === 0) await delay(Math.random() * SECOND_MS);
    else await requestOf(application, stage, kill % 3 === 1 ? 'accept-unanswered' : 'hang');
    await application.signal('SIGKILL');
  }
}

/** Resolves at its next request, which stays unanswered; or when it has nothing to send. */
async function requestOf(
  application: Application,
  { sink }: Stage,
  verdict: 'accept-unanswered' | 'hang',
): Promise<void> {
  let isAsked = false;
  sink.rule = () => {
    if (isAsked) return { do: 'hang' };
    isAsked = true;
    return { do: verdict };
  };
  await application.begin();
  await sink.until(() => isAsked, SECOND_MS);
  sink.rule = accept;
}

/** The backend is away, the Collector has acknowledged everything, and is killed. */
async function killCollector(stage: Stage): Promise<void> {
  await stage.sink.down();
  await stage.start().finish();
  await stage.receiver.down();
  await stage.receiver.up();
  await stage.sink.up();
}

/** There is no room for records until the disk is freed and the Collector takes some. */
async function runOutOfRoom(stage: Stage): Promise<void> {
  await stage.receiver.down();
  stage.disk?.occupy();
  const application = stage.start();
  await application.runOutOfRoom();
  stage.disk?.free();
  await stage.receiver.up();
  await application.finish();
}

const burst = ({ burstDecisions: decisions, warmUpDecisions }: Scale): Partial<Settings> => ({
  decisions,
  warmUpDecisions,
  ratePerS: undefined,
  spans: true,
});
const withSpans = (): Partial<Settings> => ({ spans: true });

export const SCENARIOS: readonly Scenario[] = [
  { name: 'synchronous burst', settings: burst, isMeasured: true, play: plain },
  {
    name: 'poisoned records, 20 kinds',
    settings: ({ decisions }) => ({ poisonEvery: Math.max(60, Math.floor(decisions / 100)) }),
    play: plain,
  },
  {
    name: 'Collector away for a while',
    collector: 'persistent',
    settings: withSpans,
    allowsDuplicates: true,
    play: forAWhile(
      ({ receiver }) => receiver.down(),
      ({ receiver }) => receiver.up(),
    ),
  },
  {
    name: 'Collector killed, back after 1 s',
    collector: 'persistent',
    settings: withSpans,
    allowsDuplicates: true,
    play: async (stage) => {
      const application = stage.start();
      await application.reach(FAULT_AT);
      await stage.receiver.down();
      await delay(SECOND_MS);
      await stage.receiver.up();
      await application.finish();
    },
  },
  { name: '429 with Retry-After', play: ruleForAWhile(() => ({ do: 'refuse', status: 429, retryAfterS: 1 })) },
  { name: '503 with Retry-After', play: ruleForAWhile(() => ({ do: 'refuse', status: 503, retryAfterS: 1 })) },
  {
    name: 'short job that ends by itself',
    settings: () => ({ decisions: SHORT_JOB_DECISIONS, ratePerS: undefined }),
    allowsDuplicates: true,
    play: ending('itself'),
  },
  {
    name: 'short job, Collector away',
    settings: () => ({ decisions: SHORT_JOB_DECISIONS, ratePerS: undefined }),
    allowsDuplicates: true,
    play: async (stage) => {
      await stage.receiver.down();
      const job = stage.start({ ending: 'itself', flushTimeoutMs: JOB_FLUSH_MS });
      await job.makeAll();
      await job.endWithin(JOB_END_MS);
      await stage.receiver.up();
    },
  },
  { name: 'process.exit', allowsDuplicates: true, play: ending('process.exit') },
  { name: 'uncaught exception', allowsDuplicates: true, play: ending('uncaught exception') },
  {
    name: 'SIGTERM',
    allowsDuplicates: true,
    play: async (stage) => {
      const application = stage.start();
      await application.makeAll();
      await application.signal('SIGTERM');
    },
  },
  {
    name: 'SIGKILL at random moments',
    settings: withSpans,
    allowsDuplicates: true,
    isRepetition: true,
    play: killAtRandom,
  },
  {
    name: 'SIGKILL during recovery, repeated',
    allowsDuplicates: true,
    isRepetition: true,
    play: killDuringRecovery,
  },
  {
    name: 'partial success on 1 request in 10',
    allowsDeadLetters: true,
    play: ruleAlways(({ number, items }) =>
      oneInTen(number) ? { do: 'accept-part', rejected: Math.ceil(items.length / 10) } : { do: 'accept' },
    ),
  },
  {
    name: '400 on 1 request in 10',
    allowsDeadLetters: true,
    play: ruleAlways(({ number }) => (oneInTen(number) ? { do: 'refuse', status: 400 } : { do: 'accept' })),
  },
  {
    name: '500 on 1 request in 10',
    allowsDeadLetters: true,
    play: ruleAlways(({ number }) => (oneInTen(number) ? { do: 'refuse', status: 500 } : { do: 'accept' })),
  },
  {
    name: '413 above 128 KiB',
    play: ruleAlways(({ bytes }) => (bytes > REQUEST_BYTES_MAX ? { do: 'refuse', status: 413 } : { do: 'accept' })),
  },
  { name: '401 for a while', play: ruleForAWhile(() => ({ do: 'refuse', status: 401 })) },
  { name: 'network black hole', play: ruleForAWhile(() => ({ do: 'hang' })) },
  {
    name: 'slow reader',
    allowsDuplicates: true,
    play: forAWhile(
      ({ sink, scale }) => (sink.readDelayMs = scale.timeoutMs / 40),
      ({ sink }) => (sink.readDelayMs = 0),
    ),
  },
  { name: 'connection reset', play: ruleForAWhile(() => ({ do: 'reset' })) },
  {
    name: 'TLS failure for a while',
    isTls: true,
    allowsDuplicates: true,
    play: forAWhile(
      ({ sink, certificates }) => sink.show(certificates!.untrusted),
      ({ sink, certificates }) => sink.show(certificates!.trusted),
    ),
  },
  { name: 'answers, forgets the connection', play: ruleAlways(() => ({ do: 'accept-and-forget' })) },
  {
    name: 'stores, answer lost, 1 in 10',
    allowsDuplicates: true,
    play: ruleAlways(({ number }) => ({ do: oneInTen(number) ? 'accept-unanswered' : 'accept' })),
  },
  {
    name: 'Collector killed, queue on disk',
    collector: 'persistent',
    allowsDuplicates: true,
    play: killCollector,
  },
  {
    name: 'Collector killed, queue in memory',
    collector: 'memory',
    allowsDuplicates: true,
    isLossBehind: true,
    play: killCollector,
  },
  {
    name: 'disk full, decisions withheld',
    isDiskSmall: true,
    settings: ({ segmentBytesMax }) => ({
      delivery: 'required',
      spool: { whenFull: 'refuse', freeBytesMin: 0, segmentBytesMax },
    }),
    allowsDuplicates: true,
    allowsRefusals: true,
    play: runOutOfRoom,
  },
  {
    name: 'disk full, async callers wait',
    isDiskSmall: true,
    settings: ({ segmentBytesMax }) => ({
      isAsync: true,
      spool: { whenFull: 'block', freeBytesMin: 0, segmentBytesMax },
    }),
    allowsDuplicates: true,
    play: runOutOfRoom,
  },
  {
    name: 'spool at its limit, async callers wait',
    settings: ({ diskBytes: bytesMax, segmentBytesMax }) => ({
      isAsync: true,
      spool: { whenFull: 'block', bytesMax, segmentBytesMax },
    }),
    allowsDuplicates: true,
    play: runOutOfRoom,
  },
  {
    name: 'backlog of a long outage',
    settings: ({ backlogDecisions: decisions, backlogRatePerS: ratePerS, warmUpDecisions }) => ({
      decisions,
      ratePerS,
      warmUpDecisions,
      spool: { bytesMax: 8 * 1024 ** 3 },
    }),
    isRepetition: true,
    isMeasured: true,
    play: async (stage) => {
      await stage.receiver.down();
      const application = stage.start();
      await application.makeAll();
      await stage.receiver.up();
      const begunMs = performance.now();
      await application.finish();
      const perS = stage.sink.logs.size / ((performance.now() - begunMs) / 1000);
      stage.notes.push(`${Math.round(perS)} records/s`);
    },
  },
];
