/** How much of everything. */
export interface Scale {
  /** Times that each scenario is played. */
  readonly runs: number;
  readonly decisions: number;
  readonly ratePerS: number;
  /** More than the stock processor holds. */
  readonly burstDecisions: number;
  readonly outageMs: number;
  /** Of one request; also how long a request may hang. */
  readonly timeoutMs: number;
  readonly flushTimeoutMs: number;
  /** Of one process of the application, whatever it does. */
  readonly lifeMaxMs: number;
  /** Processes killed at a random moment, and how late in their life at most. */
  readonly kills: number;
  readonly killWithinMs: number;
  /** Processes killed while they deliver what another has left. */
  readonly recoveryKills: number;
  /** Made while the Collector is away, at a rate of its own. */
  readonly backlogDecisions: number;
  readonly backlogRatePerS: number;
  /** Made before memory is measured. */
  readonly warmUpDecisions: number;
  /** Of a disk that is too small, and of a spool that may not grow. */
  readonly diskBytes: number;
  readonly segmentBytesMax: number;
}

const MIB = 1024 * 1024;

export const FULL: Scale = {
  runs: 3,
  decisions: 50_000,
  ratePerS: 5_000,
  burstDecisions: 50_000,
  outageMs: 20_000,
  timeoutMs: 10_000,
  flushTimeoutMs: 180_000,
  lifeMaxMs: 400_000,
  kills: 100,
  killWithinMs: 2_000,
  recoveryKills: 30,
  backlogDecisions: 1_000_000,
  backlogRatePerS: 25_000,
  warmUpDecisions: 20_000,
  diskBytes: 32 * MIB,
  segmentBytesMax: 4 * MIB,
};

export const QUICK: Scale = {
  runs: 1,
  decisions: 1_500,
  ratePerS: 3_000,
  burstDecisions: 6_000,
  outageMs: 1_500,
  timeoutMs: 2_000,
  flushTimeoutMs: 20_000,
  lifeMaxMs: 45_000,
  kills: 5,
  killWithinMs: 600,
  recoveryKills: 5,
  backlogDecisions: 10_000,
  backlogRatePerS: 10_000,
  warmUpDecisions: 0,
  diskBytes: 2 * MIB,
  segmentBytesMax: MIB / 4,
};
