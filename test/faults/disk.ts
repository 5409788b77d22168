import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** A file system of its own, and so small that it fills up. */
export interface SmallDisk {
  readonly directory: string;
  /** Takes half of it, until it is freed. */
  occupy(): void;
  free(): void;
  remove(): void;
}

/** Mounting takes Linux and root. */
export function canMount(): boolean {
  return process.platform === 'linux' && process.getuid?.() === 0;
}

export function mountSmallDisk(directory: string, bytes: number): SmallDisk {
  mkdirSync(directory);
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes},mode=0700`, 'decision-trail-faults', directory]);
  const ballast = path.join(directory, 'ballast');
  return {
    directory,
    occupy: () => writeFileSync(ballast, Buffer.alloc(bytes / 2)),
    free: () => rmSync(ballast, { force: true }),
    remove: () => void execFileSync('umount', [directory]),
  };
}
