import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import { decode, textAttribute } from './wire.ts';
import type { Message } from './wire.ts';

/** As `docs/spec/spool.md` has it; written apart from the code that it judges. */
const SEGMENT_HEADER_BYTES = 64;
const FRAME_HEADER_BYTES = 64;
/** Stream id and number of the segment: where they stand in its header. */
const IDENTITY_BYTES = [16, 40] as const;
const MAGIC = Buffer.from('DTSPOOL\u0001', 'latin1');
const KIND = { logRecord: 1, span: 2 } as const;

export interface DeadLetters {
  readonly logs: ReadonlySet<string>;
  readonly spans: ReadonlySet<string>;
  /** What could not be read, in words. */
  readonly problems: readonly string[];
}

/** The ids of the decisions, and of their spans, that a spool names as refused for good by the Collector. */
export function deadLettersOf(directory: string): DeadLetters {
  const logs = new Set<string>();
  const spans = new Set<string>();
  const problems: string[] = [];
  for (const file of segmentsOf(directory)) {
    try {
      for (const { kind, payload } of framesOf(readFileSync(file))) {
        if (kind === KIND.logRecord) addIds(logs, decode('ScopeLogs', payload));
        if (kind === KIND.span) addIds(spans, decode('ScopeSpans', payload));
      }
    } catch (error) {
      problems.push(`${path.relative(directory, file)}: ${(error as Error).message}`);
    }
  }
  return { logs, spans, problems };
}

function segmentsOf(directory: string): string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory).flatMap((stream) => {
    const dead = path.join(directory, stream, 'dead-letters');
    if (!existsSync(dead)) return [];
    const names = readdirSync(dead).filter((name) => name.endsWith('.segment'));
    return names.map((name) => path.join(dead, name));
  });
}

function* framesOf(segment: Buffer): Generator<{ kind: number; payload: Buffer }> {
  if (segment.length <= SEGMENT_HEADER_BYTES) return;
  if (!segment.subarray(0, MAGIC.length).equals(MAGIC)) throw new Error('no segment of version 1');
  const seed = crc32(segment.subarray(...IDENTITY_BYTES));
  let at = SEGMENT_HEADER_BYTES;
  while (at < segment.length) {
    if (at + FRAME_HEADER_BYTES > segment.length) throw new Error(`a torn frame at byte ${at}`);
    const end = at + FRAME_HEADER_BYTES + segment.readUInt32LE(at);
    if (end > segment.length) throw new Error(`a torn frame at byte ${at}`);
    if (crc32(segment.subarray(at + 8, end), seed) !== segment.readUInt32LE(at + 4))
      throw new Error(`bad CRC at byte ${at}`);
    yield { kind: segment[at + 8]!, payload: segment.subarray(at + FRAME_HEADER_BYTES, end) };
    at = end;
  }
}

function addIds(ids: Set<string>, scoped: Message): void {
  for (const item of (scoped['items'] as Message[] | undefined) ?? []) {
    const id = textAttribute(item, 'decision.id');
    if (id !== undefined) ids.add(id);
  }
}
