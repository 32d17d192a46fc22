// Subtitles and chapters: the video's own <track> elements, what of them is shown, and where they stand in the
// menu, below the sounds, and on the seek bar. What a viewer chose for one film holds for the next.

import type { Wire } from "../api";
import type { Texts } from "../dom";
import type { Acts } from "./acts";
import { el, setText } from "./build";
import { read, type Store, write } from "./keep";
import type { Item } from "./menu";
import { Sounds } from "./sounds";
import { shown } from "./time";

const CHOICE = "virga:texts";
/** After a failure addresses are asked for no sooner than this. */
const AGAIN_MS = 20_000;
/** With more marks than this the bar shows none. */
const MOST_MARKS = 100;

interface Choice {
  on?: boolean;
  language?: string;
  label?: string;
}

const file = (address: string) => address.replace(/^.*\//, "");

export class Subtitles {
  readonly #acts: Acts;
  readonly #t: Texts;
  readonly #store: Store | null;
  readonly #sounds: Sounds;
  readonly #host: HTMLElement | null;
  readonly #bar: HTMLElement | null;
  readonly #marks = el("div", { class: "pl-marks", "data-part": "chapters", "aria-hidden": "true" });
  readonly #title = el("span", { class: "pl-chapter", "data-part": "chapter" });
  #asked = -Infinity;

  constructor(acts: Acts, t: Texts, root: HTMLElement, store: Store | null) {
    this.#acts = acts;
    this.#t = t;
    this.#store = store;
    this.#sounds = new Sounds(acts, t, store);
    this.#host = root.closest<HTMLElement>("virga-player");
    this.#bar = root.querySelector<HTMLElement>('[data-part="seek"]');
    root.querySelector(".pl-track")?.after(this.#marks);
    this.#bar?.querySelector(".pl-bubble > :last-child")?.before(this.#title);
    // Before the bar itself places its bubble.
    for (const name of ["pointermove", "pointerdown"] as const) {
      this.#bar?.addEventListener(name, (event) => this.#name(event), true);
    }
    const { video } = acts;
    for (const track of this.#tracks) this.#listen(track);
    for (const name of ["durationchange", "loadedmetadata"]) {
      video.addEventListener(name, () => {
        this.#choose(this.#wanted());
        this.#draw();
      });
    }
    this.sync();
  }

  get #tracks(): HTMLTrackElement[] {
    return [...this.#acts.video.querySelectorAll("track")];
  }

  get #subtitles(): HTMLTrackElement[] {
    return this.#tracks.filter(({ kind }) => kind === "subtitles" || kind === "captions");
  }

  get #current(): HTMLTrackElement | null {
    return this.#subtitles.find(({ track }) => track.mode === "showing") ?? null;
  }

  get #chapters(): TextTrackCue[] {
    const chapters = this.#tracks.find(({ kind }) => kind === "chapters")?.track;
    return [...(chapters?.cues ?? [])];
  }

  /** Takes over what the site has made of the file since the page came. */
  sync(): void {
    this.#sounds.sync();
    const { source, video } = this.#acts;
    const there = new Set(this.#tracks.map(({ src }) => file(src)));
    for (const text of source.playback?.texts ?? []) {
      if (there.has(file(text.src))) continue;
      const track = this.#element(text);
      this.#listen(track);
      video.append(track);
    }
    this.#choose(this.#wanted());
    this.#draw();
  }

  #element(text: Wire["PlaybackText"]): HTMLTrackElement {
    const nth = String(this.#subtitles.length + 1);
    const chapters = text.kind === "chapters";
    const label = text.label ?? this.#t(chapters ? "player-chapters" : "player-texts") + (chapters ? "" : ` ${nth}`);
    const track = el("track", { src: text.src, kind: text.kind, srclang: text.language ?? "und", label });
    if (text.default) track.default = true;
    if (text.forced) track.dataset.forced = "";
    return track;
  }

  #listen(track: HTMLTrackElement): void {
    track.addEventListener("load", () => this.#draw());
    track.addEventListener("error", () => void this.#renew());
    track.track.addEventListener("cuechange", () => this.#place());
  }

  /** Their addresses ended: new ones. */
  async #renew(): Promise<void> {
    if (performance.now() - this.#asked < AGAIN_MS) return;
    this.#asked = performance.now();
    try {
      const { texts } = await this.#acts.source.fetch();
      for (const track of this.#tracks) {
        const fresh = texts?.find(({ src }) => file(src) === file(track.src));
        if (fresh) track.src = fresh.src;
      }
    } catch {
      // The film itself says what is wrong.
    }
  }

  get #choice(): Choice {
    return read(this.#store, CHOICE);
  }

  /** The subtitle that an earlier choice means for this film; at first the one that the film means. */
  #wanted(): HTMLTrackElement | null {
    const { on, language, label } = this.#choice;
    if (on === undefined) return this.#subtitles.find((track) => track.default) ?? null;
    return on ? this.#like(language, label) : null;
  }

  #like(language?: string, label?: string): HTMLTrackElement | null {
    const all = this.#subtitles;
    const same = all.filter(({ srclang }) => language !== undefined && srclang === language);
    const own = all.filter(({ srclang }) => navigator.languages.some((tag) => tag.split("-")[0] === srclang));
    const whole = all.filter((track) => !("forced" in track.dataset));
    return (
      same.find((track) => track.label === label) ??
      same.find((track) => !("forced" in track.dataset)) ??
      all.find((track) => track.default) ??
      own[0] ??
      whole[0] ??
      all[0] ??
      null
    );
  }

  #choose(wanted: HTMLTrackElement | null): void {
    for (const { track, kind } of this.#tracks) {
      const mode = track === wanted?.track ? "showing" : kind === "chapters" ? "hidden" : "disabled";
      if (track.mode !== mode) track.mode = mode;
    }
    this.#place();
  }

  /** The viewer's choice; null for none. */
  #turn(to: HTMLTrackElement | null): void {
    const before = this.#choice;
    write(this.#store, CHOICE, to ? { on: true, language: to.srclang, label: to.label } : { ...before, on: false });
    this.#choose(to);
    this.#acts.say(to ? this.#t("player-texts-now", { name: to.label }) : this.#t("player-texts-none"));
  }

  /** On or off. */
  toggle(): void {
    const { language, label } = this.#choice;
    if (this.#subtitles.length === 0) this.#acts.say(this.#t("player-texts-missing"));
    else this.#turn(this.#current ? null : this.#like(language, label));
  }

  /** Entries of the menu. */
  items(): Item[] {
    this.sync();
    const items = this.#sounds.items();
    if (this.#subtitles.length > 0) {
      items.push({
        part: "texts",
        icon: "captions",
        text: this.#t("player-texts"),
        value: this.#current?.label ?? this.#t("player-texts-off"),
        inside: () => this.#choices(),
      });
    }
    if (this.#chapters.length > 1) {
      const inside = () => this.#places();
      items.push({ part: "chapters", icon: "chapters", text: this.#t("player-chapters"), inside });
    }
    return items;
  }

  #choices(): Item[] {
    const current = this.#current;
    const one = (track: HTMLTrackElement | null, n: number): Item => ({
      part: `texts-${n}`,
      text: track?.label ?? this.#t("player-texts-off"),
      checked: track === current,
      radio: true,
      act: () => this.#turn(track),
    });
    return [null, ...this.#subtitles].map(one);
  }

  #places(): Item[] {
    const { video } = this.#acts;
    return this.#chapters.map((cue, n) => ({
      part: `chapter-${n}`,
      text: (cue as VTTCue).getCueAsHTML().textContent ?? "",
      value: shown(cue.startTime),
      checked: cue.startTime <= video.currentTime && video.currentTime < cue.endTime,
      radio: true,
      act: () => this.#acts.seek(cue.startTime),
    }));
  }

  /** Where chapters begin on the bar. */
  #draw(): void {
    const { total } = this.#acts;
    const starts = this.#chapters.map(({ startTime }) => startTime).filter((at) => at > 0 && at < total);
    const few = starts.length <= MOST_MARKS ? starts : [];
    this.#marks.replaceChildren(
      ...few.map((at) => {
        const mark = el("i");
        mark.style.insetInlineStart = `${(at / total) * 100}%`;
        return mark;
      }),
    );
  }

  /** The chapter under the pointer. */
  #name(event: PointerEvent): void {
    const bar = this.#bar;
    if (!bar) return;
    const box = bar.getBoundingClientRect();
    const share = (event.clientX - box.left) / Math.max(1, box.width);
    const onwards = getComputedStyle(bar).direction === "rtl" ? 1 - share : share;
    const at = Math.max(0, onwards) * this.#acts.total;
    const cue = this.#chapters.filter(({ startTime }) => startTime <= at).at(-1);
    setText(this.#title, (cue as VTTCue | undefined)?.getCueAsHTML().textContent ?? "");
  }

  /** The style sheet moves subtitles above the controls while these are there, but not those at the upper edge. */
  #place(): void {
    const cues = [...(this.#current?.track.activeCues ?? [])] as VTTCue[];
    this.#host?.toggleAttribute(
      "data-above",
      cues.some(({ line }) => line !== "auto"),
    );
  }
}
