// How many parts fly at once.

/** A part that took less lets one more fly with it; one that took longer flies alone. Milliseconds. */
const QUICK = 2000;
const SLOW = 6000;

/**
 * Parts in flight, over all files, in the order they asked: one at a time on a slow line, so that
 * it ends soon and counts; more while parts go through quickly.
 */
export class Slots {
  readonly #most: number;
  readonly #queue: (() => void)[] = [];
  #width = 1;
  #taken = 0;

  constructor(most: number) {
    this.#most = most;
  }

  async take(): Promise<() => void> {
    if (this.#taken < this.#width) this.#taken += 1;
    else await new Promise<void>((resolve) => this.#queue.push(resolve));
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#taken -= 1;
      this.#admit();
    };
  }

  /** How long a part took; infinite where it failed. */
  measured(ms: number): void {
    if (ms < QUICK) this.#width = Math.min(this.#most, this.#width + 1);
    else if (ms > SLOW) this.#width = 1;
    this.#admit();
  }

  #admit(): void {
    while (this.#taken < this.#width) {
      const next = this.#queue.shift();
      if (!next) return;
      this.#taken += 1;
      next();
    }
  }
}
