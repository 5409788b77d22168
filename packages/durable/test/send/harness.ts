import type { Answer } from '../../src/send/answer.ts';
import { OtlpClient } from '../../src/send/client.ts';
import type { Note } from '../../src/send/queue.ts';
import type { SenderOptions } from '../../src/send/sender.ts';
import { Sender } from '../../src/send/sender.ts';
import type { OtlpOptions } from '../../src/send/settings.ts';
import { otlpSettings } from '../../src/send/settings.ts';
import type { MemoryQueue } from './memory-queue.ts';
import { assemble, readResponse } from './otlp.ts';
import type { OtlpSink } from './otlp-sink.ts';

/** What a sender has told of. */
export interface Told {
  delivered: number;
  readonly retrying: { readonly why: Answer; readonly delayMs: number }[];
  readonly denied: { readonly why: Answer; readonly delayMs: number }[];
  readonly buried: { readonly frames: number; readonly note: Note }[];
  readonly failed: { readonly error: unknown; readonly delayMs: number }[];
}

/** A sender with a real client, connected to a sink. */
export interface Delivery {
  readonly sender: Sender;
  readonly told: Told;
  close(): Promise<void>;
}

export function deliver(
  sink: OtlpSink,
  queue: MemoryQueue,
  options: Partial<SenderOptions> & { readonly otlp?: OtlpOptions },
): Delivery {
  const { otlp, ...rest } = options;
  const settings = otlpSettings('logs', { endpoint: sink.endpoint, ...otlp }, {});
  const client = new OtlpClient(settings, { readResponse, userAgent: 'tests/1' });
  const told: Told = { delivered: 0, retrying: [], denied: [], buried: [], failed: [] };
  const sender = new Sender({
    signal: 'logs',
    queue,
    client,
    assemble,
    random: () => 0.5,
    events: {
      delivered: (frames) => void (told.delivered += frames),
      retrying: (why, delayMs) => void told.retrying.push({ why, delayMs }),
      denied: (why, delayMs) => void told.denied.push({ why, delayMs }),
      buried: (frames, note) => void told.buried.push({ frames, note }),
      failed: (error, delayMs) => void told.failed.push({ error, delayMs }),
    },
    ...rest,
  });
  const close = async (): Promise<void> => {
    await sender.stop();
    await client.close();
  };
  return { sender, told, close };
}
