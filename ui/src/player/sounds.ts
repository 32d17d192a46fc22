// The sounds of a film that has several: which one is heard, and where they stand in the menu. What a viewer
// chose for one film holds for the next that has the language.

import type Hls from "hls.js";
import type { MediaPlaylist } from "hls.js";
import type { Texts } from "../dom";
import type { Acts } from "./acts";
import { read, type Store, write } from "./keep";
import type { Item } from "./menu";

const CHOICE = "virga:sound";

interface Choice {
  language?: string;
  label?: string;
}

export class Sounds {
  readonly #acts: Acts;
  readonly #t: Texts;
  readonly #store: Store | null;
  #seen: Hls | null = null;

  constructor(acts: Acts, t: Texts, store: Store | null) {
    this.#acts = acts;
    this.#t = t;
    this.#store = store;
  }

  /** A source that is new plays what an earlier choice means. */
  sync(): void {
    const { hls } = this.#acts.source;
    if (hls === this.#seen || (hls && hls.allAudioTracks.length === 0)) return;
    this.#seen = hls;
    const wanted = hls && this.#wanted(hls.allAudioTracks);
    // Before the engine has chosen, it takes note of this; afterwards it changes over.
    if (wanted) hls.setAudioOption({ lang: wanted.lang, name: wanted.name, flushImmediate: true });
  }

  #wanted(all: readonly MediaPlaylist[]): MediaPlaylist | undefined {
    const { language, label }: Choice = read(this.#store, CHOICE);
    const same = all.filter(({ lang }) => lang !== undefined && lang === language);
    return same.find(({ name }) => name === label) ?? same.find(({ autoselect }) => autoselect) ?? same[0];
  }

  /** What it is called: the page's own word where the file has none. */
  #name({ id, lang, name }: MediaPlaylist): string {
    const unnamed = lang === undefined && /^(main|Sound \d+)$/.test(name);
    return unnamed ? `${this.#t("player-sounds")} ${id + 1}` : name;
  }

  #choose(hls: Hls, track: MediaPlaylist): void {
    write(this.#store, CHOICE, { language: track.lang, label: track.name });
    hls.audioTrack = track.id;
    this.#acts.say(this.#t("player-sounds-now", { name: this.#name(track) }));
  }

  /** Entries of the menu. */
  items(): Item[] {
    const { hls } = this.#acts.source;
    const current = hls?.audioTracks[hls.audioTrack];
    if (!hls || !current || hls.audioTracks.length < 2) return [];
    const inside = () =>
      hls.audioTracks.map((track, n) => ({
        part: `sounds-${n}`,
        text: this.#name(track),
        checked: hls.audioTrack === n,
        radio: true,
        act: () => this.#choose(hls, track),
      }));
    return [{ part: "sounds", icon: "volume", text: this.#t("player-sounds"), value: this.#name(current), inside }];
  }
}
