/**
 * The application that things happen to: `node app.ts SETTINGS`, started by `application.ts` with an IPC channel. It makes
 * decisions, says how far it is, and ends as it is told to.
 */
import { once } from 'node:events';
import { devNull } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Decisions } from './decisions.ts';
import { startPipeline, withoutPipeline } from './pipelines.ts';
import type { Account, Report, Settings } from './settings.ts';

const SILENT = { progress: () => {}, noRoom: () => {} };

const settings = JSON.parse(process.argv[2] ?? '') as Settings;
const warmUp = { ...settings, decisions: settings.warmUpDecisions, ratePerS: undefined, returnedFile: devNull };
if (settings.warmUpDecisions > 0) await withoutPipeline(() => new Decisions(warmUp, SILENT).make());
const pipeline = await startPipeline(settings);
const rssAtStart = process.memoryUsage.rss();
let imbalance: string | undefined;

const decisions = new Decisions(settings, {
  progress: (made) => {
    balance();
    report({ type: 'progress', made });
  },
  noRoom: () => report({ type: 'no-room' }),
});
report({ type: 'begun' });
const begunMs = performance.now();
const refused = await decisions.make();
report({ type: 'made', refused, seconds: (performance.now() - begunMs) / 1000 });

switch (settings.ending) {
  case 'itself':
    break;
  case 'process.exit':
    process.exit(0);
  // oxlint-disable-next-line no-fallthrough
  case 'uncaught exception':
    throw new Error('nobody catches this');
  case 'told': {
    const loopDelay = monitorEventLoopDelay({ resolution: 1 });
    loopDelay.enable();
    await once(process, 'message');
    const delivered = await pipeline.flush();
    loopDelay.disable();
    const account = balance();
    report({
      type: 'flushed',
      delivered,
      account,
      imbalance,
      rssGrowthBytes: process.resourceUsage().maxRSS * 1024 - rssAtStart,
      loopDelayMaxMs: loopDelay.max / 1e6,
    });
    await pipeline.shutdown();
    process.disconnect();
  }
}

/** At all times, each record is in one of four places, and none of ours is missing; losses that were told of are records too. */
function balance(): Account | undefined {
  const account = pipeline.account();
  if (account === undefined) return undefined;
  const { emitted, acknowledged, spooled, deadLettered, refused: turnedAway } = account;
  const accounted = acknowledged + spooled + deadLettered + turnedAway;
  if (emitted !== accounted || accounted < decisions.handedOver) {
    imbalance ??= `${decisions.handedOver} made, but ${JSON.stringify(account)}`;
  }
  return account;
}

function report(message: Report): void {
  process.send?.(message);
}
