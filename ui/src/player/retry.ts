// Asks until the site answers: soon at first, then every eight seconds, at once when the network is
// back or the viewer wants it.

import { ApiError, type Wire } from "../api";

const STEPS = [2, 4, 8];
/** The longest wait that the site itself may ask for. */
const LONGEST = 60;
/** A site that says nothing for so long is away: some lines swallow what is sent, without a word. */
const ANSWER_MS = 10_000;

/** Nobody answered, or only to say that it cannot; as opposed to a refusal. */
export function isAway(error: unknown): error is ApiError {
  return error instanceof ApiError && (error.status === 0 || error.status >= 500);
}

/** What the site says of the video now, if its playlist can be read as well. Silence is no answer. */
export async function reach(ask: (signal: AbortSignal) => Promise<Wire["Playback"]>): Promise<Wire["Playback"]> {
  const signal = AbortSignal.timeout(ANSWER_MS);
  try {
    const playback = await ask(signal);
    const answer = await fetch(playback.hls, { signal });
    if (answer.status >= 500) throw new ApiError(answer.status, "http", answer.statusText);
    return playback;
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw new ApiError(0, "network", String(error));
  }
}

export class Retry {
  readonly #told: (seconds: number) => void;
  #skip: (() => void) | null = null;
  #stopped = false;

  /** `told` gets the seconds until the next attempt, each second; 0 when the wait is over. */
  constructor(told: (seconds: number) => void) {
    this.#told = told;
  }

  /** The answer, however long it takes; a refusal is thrown. */
  async until<T>(ask: () => Promise<T>): Promise<T> {
    for (let tries = 0; ; tries += 1) {
      try {
        const answer = await ask();
        this.#told(0);
        return answer;
      } catch (error) {
        if (!isAway(error) || this.#stopped) {
          this.#told(0);
          throw error;
        }
        const step = STEPS[Math.min(tries, STEPS.length - 1)] ?? LONGEST;
        await this.#wait(Math.max(step, Math.min(LONGEST, Math.ceil(error.wait))));
      }
    }
  }

  async #wait(seconds: number): Promise<void> {
    for (let left = seconds; left > 0; left -= 1) {
      this.#told(left);
      const skipped = await new Promise<boolean>((done) => {
        const timer = setTimeout(() => done(false), 1000);
        this.#skip = () => {
          clearTimeout(timer);
          done(true);
        };
      });
      this.#skip = null;
      if (skipped) return;
    }
  }

  /** Tries at once; false where nothing waits. */
  now(): boolean {
    const skip = this.#skip;
    skip?.();
    return skip !== null;
  }

  stop(): void {
    this.#stopped = true;
    this.now();
  }
}
