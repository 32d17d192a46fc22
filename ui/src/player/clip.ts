// A clip in the player: marked on the seek bar, and playing stops at its end. Whoever plays on from there
// watches the video; the clip can be played again.

import { exact, type Stretch, stretch } from "../clip";
import type { Texts } from "../dom";
import type { Acts } from "./acts";
import { el } from "./build";

/** From this many seconds before the end on a timer waits for it; until then the video's own events do. */
const NEAR = 0.6;
/** The picture that stays is the clip's last one, and not the one that follows at its end. */
const BEFORE = 0.001;
/** Where playing stopped is the end, to this many seconds. */
const CLOSE = 0.05;

export class Clip {
  readonly #acts: Acts;
  readonly #t: Texts;
  readonly #root: HTMLElement;
  readonly #mark = el("div", { class: "pl-clip", "data-part": "clip", hidden: "" });
  readonly #said = el("span", { role: "status" });
  readonly #toast: HTMLElement;
  #clip: Stretch | null = null;
  /** Someone plays on from the end. */
  #over = false;
  #stopped = false;
  #timer = 0;

  constructor(acts: Acts, t: Texts, root: HTMLElement) {
    this.#acts = acts;
    this.#t = t;
    this.#root = root;
    const again = el("button", { type: "button", class: "pl-over", "data-part": "clip-again" }, t("player-clip-again"));
    this.#toast = el("div", { class: "pl-toast", "data-part": "clip-end" }, this.#said, again);
    root.querySelector(".pl-track")?.after(this.#mark);
    again.addEventListener("click", () => this.#again());
    const { video } = acts;
    for (const name of ["durationchange", "loadedmetadata"]) video.addEventListener(name, () => this.#draw());
    for (const name of ["timeupdate", "playing", "ratechange", "seeked"]) {
      video.addEventListener(name, () => this.#check());
    }
    video.addEventListener("play", () => this.#go());
    this.#draw();
  }

  #draw(): void {
    const { total } = this.#acts;
    const clip = stretch(location.search, total);
    this.#clip = clip;
    this.#mark.hidden = !clip || total <= 0;
    const bar = this.#root.querySelector('[data-part="seek"]');
    if (!clip || total <= 0) {
      bar?.removeAttribute("aria-description");
      return;
    }
    this.#mark.style.insetInlineStart = `${(clip.from / total) * 100}%`;
    this.#mark.style.inlineSize = `${((clip.to - clip.from) / total) * 100}%`;
    bar?.setAttribute("aria-description", this.#t("player-clip", { from: exact(clip.from), to: exact(clip.to) }));
  }

  #check(): void {
    clearTimeout(this.#timer);
    const { video } = this.#acts;
    if (!this.#clip || this.#over || video.paused || video.seeking) return;
    const left = (this.#clip.to - video.currentTime) / video.playbackRate;
    // A jump past the end is no clip any more.
    if (left < -NEAR) this.#over = true;
    else if (left <= 0) this.#reach(this.#clip);
    else if (left < NEAR) this.#timer = window.setTimeout(() => this.#check(), left * 1000);
  }

  #reach({ from, to }: Stretch): void {
    const { video } = this.#acts;
    if (video.loop) {
      this.#acts.seek(from);
      return;
    }
    this.#stopped = true;
    video.pause();
    video.currentTime = to - BEFORE;
    this.#root.append(this.#toast);
    // A live region speaks of what changes in it: it is there first, then its words.
    setTimeout(() => (this.#said.textContent = this.#t("player-clip-end", { time: exact(to) })), 100);
  }

  /** Playing begins: on from the end, or once more before it. */
  #go(): void {
    if (!this.#stopped || !this.#clip) return;
    this.#stopped = false;
    this.#over = this.#acts.video.currentTime > this.#clip.to - CLOSE;
    this.#toast.remove();
    this.#said.textContent = "";
  }

  #again(): void {
    if (!this.#clip) return;
    const { video } = this.#acts;
    this.#acts.seek(this.#clip.from);
    void video.play().catch(() => {});
    this.#over = false;
    this.#root.closest<HTMLElement>("[tabindex]")?.focus({ preventScroll: true });
  }
}
