/** Streams: callbacks get what was yielded, and returned, when the stream has ended. */
import { audited } from '@decision-trail/decisions';
import type { StreamItems } from '@decision-trail/decisions';
import { is } from '../equal.js';

const generator = audited(
  {
    model: 'generator',
    decision: (items, count) => {
      is<StreamItems<string, boolean>>()(items);
      is<boolean | undefined>()(items.returned);
      is<string | undefined>()(items[0]);
      is<number>()(count);
      return items.join('');
    },
  },
  function* (count: number) {
    yield String(count);
    return true;
  },
);
is<(count: number) => Generator<string, boolean, unknown>>()(generator);

const asyncGenerator = audited(
  {
    model: 'async generator',
    score: (items) => {
      is<StreamItems<string, number>>()(items);
      return items.returned;
    },
  },
  async function* (text: string) {
    yield text;
    return 1;
  },
);
is<(text: string) => AsyncGenerator<string, number, unknown>>()(asyncGenerator);

audited(
  {
    model: 'async iterable',
    score: (items) => {
      is<StreamItems<string>>()(items);
      return items.length;
    },
  },
  (text: string): AsyncIterable<string> => asyncGenerator(text),
);

audited(
  {
    model: 'promise of a stream',
    score: (items) => {
      is<StreamItems<string>>()(items);
      return items.length;
    },
  },
  async (text: string): Promise<AsyncIterable<string>> => asyncGenerator(text),
);

audited({ model: 'm', score: (items: StreamItems<string, number>) => items.length })(asyncGenerator);
