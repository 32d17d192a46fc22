// Addresses that parts are sent to: some are asked for ahead, stale ones are asked for again, and where
// the bucket takes none they are those of the site itself.

import type { SignedPart } from "./world";

/** So many in one question. */
const AHEAD = 8;
/** After so many the parts go through the site. */
const STRAYS = 3;

export class Tickets {
  readonly #now: () => number;
  readonly #known = new Map<number, SignedPart>();
  #asking: Promise<void> | null = null;
  /** Parts in a row that the bucket itself did not take. */
  #strays = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** The address of a part. `ahead`: what is sent after it; `ask` asks the server. */
  async take(
    number: number,
    ahead: number[],
    ask: (numbers: number[], proxied: boolean) => Promise<SignedPart[]>,
  ): Promise<SignedPart> {
    for (;;) {
      const known = this.#known.get(number);
      // The viewer's clock may be wrong: this only avoids requests that are certainly expired.
      if (known && Date.parse(known.expires_at) - this.#now() > 10_000) return known;
      if (known) this.#known.delete(number);
      if (this.#asking !== null) {
        await this.#asking;
        continue;
      }
      const numbers = [number, ...ahead.filter((next) => !this.#known.has(next)).slice(0, AHEAD - 1)];
      this.#asking = ask(numbers, this.#strays >= STRAYS).then((parts) => {
        for (const part of parts) this.#known.set(part.number, part);
      });
      try {
        await this.#asking;
      } finally {
        this.#asking = null;
      }
      const fresh = this.#known.get(number);
      if (fresh) return fresh;
    }
  }

  /** A part's address is of no use any more. */
  drop(number: number): void {
    this.#known.delete(number);
  }

  /** The bucket took a part. */
  arrived(): void {
    this.#strays = 0;
  }

  /** The bucket did not take a part. */
  strayed(): void {
    this.#strays += 1;
    if (this.#strays === STRAYS) this.#known.clear();
  }
}
