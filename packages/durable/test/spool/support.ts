import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { onTestFinished } from 'vitest';

import { Files } from '../../src/spool/files.ts';
import type { Position } from '../../src/spool/format.ts';
import { KIND } from '../../src/spool/frame.ts';
import type { Frame, Origin } from '../../src/spool/frame.ts';
import { StreamReader } from '../../src/spool/reader.ts';
import type { Damage } from '../../src/spool/reader.ts';
import type { StoredFrame } from '../../src/spool/stored-frame.ts';
import type { StreamWriter } from '../../src/spool/writer.ts';

/** A directory that is gone after the test. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'spool-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export function origin(name: string): Origin {
  return { resource: Buffer.from(`resource ${name}`), scope: Buffer.from(`scope ${name}`) };
}

/** Headroom and a payload, as the encoder hands them over. */
export function withHeadroom(payload: string | Uint8Array): Buffer {
  const bytes = Buffer.from(payload);
  const frame = Buffer.alloc(64 + bytes.length, 0xee);
  bytes.copy(frame, 64);
  return frame;
}

export function appendLog(
  writer: StreamWriter,
  from: Origin,
  payload: string | Uint8Array,
  leafHash?: Uint8Array,
): number {
  const sequence = writer.nextSequence;
  writer.append(KIND.logRecord, from, withHeadroom(payload), leafHash);
  return sequence;
}

export interface ReadStream {
  readonly frames: StoredFrame[];
  readonly damage: Damage[];
  readonly position: Position;
}

export interface ReadOptions {
  readonly kind?: Frame['kind'];
  readonly files?: Files;
  readonly from?: Position;
  readonly live?: () => boolean;
  readonly end?: () => { readonly segment: number; readonly offset: number };
}

/** Reads all that is there at this time. */
export async function readStream(directory: string, streamId: string, options: ReadOptions = {}): Promise<ReadStream> {
  const reader = new StreamReader({ directory, streamId, files: new Files(), kind: KIND.logRecord, ...options });
  const frames: StoredFrame[] = [];
  const damage: Damage[] = [];
  for (let reading = await reader.read(); reading !== undefined; reading = await reader.read()) {
    frames.push(...reading.frames);
    damage.push(...reading.damage);
  }
  const { position } = reader;
  reader.close();
  return { frames, damage, position };
}

export function texts(frames: readonly Frame[]): string[] {
  return frames.map(({ payload }) => Buffer.from(payload).toString());
}
