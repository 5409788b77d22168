import type { Channel } from './channel.js';
import type { StreamEnd, StreamObserver } from './observer.js';

/**
 * Several streams that each give all of one: it is as far as the one that is furthest ahead, over when one comes to its
 * end, and left when the last one is.
 */
export class BranchedProgress {
  readonly #channel: Channel;
  #open = 0;
  #items = 0;
  #isReturned = false;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  /** @param channel That of the branch; `undefined` where it cannot be observed. */
  add(branch: object, channel: Channel | undefined): void {
    if (channel?.add(branch, this.#observer()) !== true) return;
    this.#open += 1;
    this.#channel.outlive();
  }

  #observer(): StreamObserver {
    let items = 0;
    return {
      run: (step) => this.#channel.run(step),
      item: (value) => {
        items += 1;
        if (items > this.#items) this.#channel.item(value);
        this.#items = Math.max(items, this.#items);
      },
      end: (how, value) => this.#end(how, value),
    };
  }

  #end(how: StreamEnd, value: unknown): void {
    this.#open -= 1;
    if (how === 'returned') this.#isReturned = true;
    if (how === 'completed' || how === 'failed') this.#channel.end(how, value);
    else if (this.#open === 0) this.#channel.end(this.#isReturned ? 'returned' : 'abandoned');
  }
}
