// How much of a file the server has, how much is on its way, and how fast that grows.

/** Milliseconds whose bytes make the speed. */
const WINDOW = 6000;

export class Progress {
  readonly #size: number;
  readonly #now: () => number;
  readonly #held = new Map<number, number>();
  readonly #flying = new Map<number, number>();
  #samples: [number, number][] = [];

  /** `size`: bytes of the file. */
  constructor(size: number, now: () => number) {
    this.#size = size;
    this.#now = now;
  }

  /** Bytes of whole parts. */
  get held(): number {
    return this.#sum(this.#held.values());
  }

  /** Bytes held by the server and in flight. */
  get moved(): number {
    return this.#sum([...this.#held.values(), ...this.#flying.values()]);
  }

  #sum(sizes: Iterable<number>): number {
    let sum = 0;
    for (const size of sizes) sum += size;
    return Math.min(sum, this.#size);
  }

  /** Bytes per second over the last seconds; falls by itself where nothing moves. 0 while unknown. */
  get speed(): number {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    const now = this.#now();
    if (!first || !last || last[0] - first[0] < 500 || now - last[0] > WINDOW) return 0;
    return Math.max(0, ((last[1] - first[1]) * 1000) / (now - first[0]));
  }

  /** Whether the server holds a part. */
  has(number: number): boolean {
    return this.#held.has(number);
  }

  /** What the server says that it holds. */
  holds(parts: { number: number; size: number }[]): void {
    this.#held.clear();
    for (const part of parts) this.#held.set(part.number, part.size);
  }

  /** So much of a part is on its way. */
  flies(number: number, sent: number): void {
    this.#flying.set(number, sent);
    const now = this.#now();
    this.#samples.push([now, this.moved]);
    while (this.#samples.length > 2 && now - (this.#samples[0]?.[0] ?? now) > WINDOW) this.#samples.shift();
  }

  /** A part is no longer on its way. */
  lost(number: number): void {
    this.#flying.delete(number);
  }

  /** A part is there. */
  lands(number: number, size: number): void {
    this.#held.set(number, size);
    this.flies(number, 0);
    this.#flying.delete(number);
  }

  /** Nothing is on its way any more. */
  stop(): void {
    this.#flying.clear();
  }

  /** Measures the speed from now on. */
  restart(): void {
    this.#samples = [];
  }
}
