// Addresses of a bucket end by themselves. A playlist is read once and names them for a whole film,
// so each request swaps its address for a fresh one before the old one ends. Touches no DOM.

interface Fresh {
  renew_in: number;
  tracks: Record<string, string>;
}

export interface Deps {
  ask(url: string): Promise<Fresh>;
  /** Milliseconds that only go forward. */
  now(): number;
}

/** An address is swapped this share of its time, and at most this long, before it ends: a request may
 * wait for a connection, or travel slowly, before the bucket reads its date. */
const SPARE_SHARE = 0.25;
const SPARE_MOST = 10_000;
/** After a request without an answer, the old addresses may still be valid for a while. */
const AGAIN = 3000;

/** The object behind an address: what signs it, in path or query, changes, these two do not. */
const object = (url: string) => new URL(url).pathname.split("/").slice(-2).join("/");

export class Addresses {
  readonly #from: string;
  /** Milliseconds after which an address from a playlist is swapped. */
  readonly #swapAfter: number;
  readonly #deps: Deps;
  /** The track of each address that a playlist named. */
  readonly #tracks = new Map<string, string>();
  readonly #now = new Map<string, { url: string; until: number }>();
  #asking: Promise<void> | null = null;

  /** `holds`: seconds for which what a playlist names holds at least. */
  constructor(from: string, holds: number, deps: Deps) {
    this.#from = from;
    const life = holds * 1000;
    this.#swapAfter = life - Math.min(SPARE_MOST, life * SPARE_SHARE);
    this.#deps = deps;
  }

  /** A playlist was read just now. */
  read(playlist: string, url: string | undefined): void {
    const track = /\/([^/]+)\/index\.m3u8(?:$|\?)/.exec(playlist)?.[1];
    if (!track || !url || !/^https?:/.test(url)) return;
    this.#tracks.set(url, track);
    this.#now.set(track, { url, until: this.#deps.now() + this.#swapAfter });
  }

  /** The address to ask in place of one that a playlist named; itself at once where it holds. */
  swap(url: string): string | Promise<string> {
    const track = this.#tracks.get(url);
    const known = track ? this.#now.get(track) : undefined;
    if (!track || !known) return url;
    if (this.#deps.now() < known.until) return known.url;
    return this.#renew().then(() => this.#now.get(track)?.url ?? url);
  }

  #renew(): Promise<void> {
    this.#asking ??= this.#ask().finally(() => (this.#asking = null));
    return this.#asking;
  }

  async #ask(): Promise<void> {
    const fresh = await this.#deps.ask(this.#from).catch(() => null);
    const until = this.#deps.now() + (fresh ? fresh.renew_in * 1000 : AGAIN);
    for (const [track, known] of this.#now) {
      const url = fresh?.tracks[track];
      // Other bytes under the old name belong to another playlist.
      if (url && object(url) === object(known.url)) known.url = url;
      known.until = until;
    }
  }
}

/** How a page asks. */
export const browser: Deps = {
  async ask(url) {
    // A player whose request waits for this has no other limit.
    const answer = await fetch(url, { signal: AbortSignal.timeout(5000) });
    if (!answer.ok) throw new Error(String(answer.status));
    return (await answer.json()) as Fresh;
  },
  now: () => performance.now(),
};
