// The seek bar: played, buffered, a bubble with the picture and the time under the pointer, scrubbing by
// pointer and by keys.

import type { Acts } from "./acts";
import { el, type Kit, setText } from "./build";
import type { Preview } from "./preview";
import { shown } from "./time";

const STEP = 5;
const PAGE = 30;
/** Room that the bubble needs besides its picture: the time, and a rim. */
const RIM = 36;
/** The same for a chapter's title. */
const LINE = 20;

export class SeekBar {
  readonly root: HTMLElement;
  readonly #acts: Acts;
  readonly #kit: Kit;
  readonly #bubble: HTMLElement;
  readonly #time = el("span");
  readonly #unfinished: boolean;
  #preview: Promise<Preview> | null = null;
  readonly #buffered: HTMLElement;
  readonly #missing: HTMLElement;
  readonly #played: HTMLElement;
  readonly #knob: HTMLElement;
  /** Where the pointer holds the knob, 0 to 1; null when it does not. */
  #held: number | null = null;
  /** Where the pointer is, 0 to 1. */
  #share = 0;

  constructor(kit: Kit, acts: Acts, unfinished: boolean) {
    this.#acts = acts;
    this.#kit = kit;
    this.#buffered = el("div", { class: "pl-buffered" });
    this.#missing = el("div", { class: "pl-missing", "data-part": "missing", hidden: "" });
    this.#played = el("div", { class: "pl-played" });
    this.#knob = el("div", { class: "pl-knob" });
    this.#unfinished = unfinished;
    this.#bubble = el("div", { class: "pl-bubble", "aria-hidden": "true", "data-part": "preview" }, this.#time);
    const track = el("div", { class: "pl-track" }, this.#missing, this.#buffered, this.#played);
    this.root = el(
      "div",
      {
        class: "pl-seek",
        "data-part": "seek",
        role: "slider",
        tabindex: "0",
        "aria-label": kit.t("player-seek"),
        "aria-valuemin": "0",
        "aria-valuemax": "0",
        "aria-valuenow": "0",
      },
      track,
      this.#knob,
      this.#bubble,
    );
    this.root.addEventListener("keydown", (event) => this.#key(event));
    this.#listen();
  }

  get scrubbing(): boolean {
    return this.#held !== null;
  }

  #listen(): void {
    const { root } = this;
    root.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || this.#acts.total <= 0) return;
      root.setPointerCapture(event.pointerId);
      this.#move(event, true);
      event.preventDefault();
      // The keys mean the player afterwards, not the bar.
      root.parentElement?.closest<HTMLElement>("[tabindex]")?.focus({ preventScroll: true });
    });
    root.addEventListener("pointermove", (event) => this.#move(event, this.scrubbing));
    root.addEventListener("pointerup", (event) => {
      if (!this.scrubbing) return;
      this.#acts.seek(this.#at(event) * this.#acts.total);
      this.#drop(event.pointerType !== "mouse");
    });
    root.addEventListener("pointercancel", () => this.#drop(true));
    root.addEventListener("pointerleave", () => {
      if (!this.scrubbing) this.#bubble.classList.remove("pl-on");
    });
  }

  #drop(hide: boolean): void {
    this.#held = null;
    this.root.classList.remove("pl-held");
    if (hide) this.#bubble.classList.remove("pl-on");
    this.draw();
  }

  #at(event: PointerEvent): number {
    const box = this.root.getBoundingClientRect();
    const share = (event.clientX - box.left) / Math.max(1, box.width);
    const onwards = getComputedStyle(this.root).direction === "rtl" ? 1 - share : share;
    return Math.min(1, Math.max(0, onwards));
  }

  #move(event: PointerEvent, held: boolean): void {
    const { total, video } = this.#acts;
    if (total <= 0) return;
    const share = this.#at(event);
    this.#share = share;
    setText(this.#time, shown(share * total));
    this.#bubble.classList.add("pl-on");
    this.#place();
    void this.#look();
    if (!held) return;
    this.#held = share;
    this.root.classList.add("pl-held");
    // One place after the other: a video that still seeks is not asked for the next one.
    if (!video.seeking) this.#acts.seek(share * total);
    this.draw();
  }

  /** The picture of the place under the pointer. */
  async #look(): Promise<void> {
    this.#preview ??= import("./preview").then((module) => {
      const preview = new module.Preview(this.#acts.source, this.#unfinished, () => this.#place());
      this.#bubble.prepend(preview.root);
      return preview;
    });
    const preview = await this.#preview.catch(() => null);
    if (preview) preview.show(this.#share * this.#acts.total, this.#room());
    else this.#preview = null;
  }

  /** How high a picture may be that stays within the player. */
  #room(): number {
    const host = this.root.closest("virga-player") ?? document.documentElement;
    return (
      this.root.getBoundingClientRect().top -
      host.getBoundingClientRect().top -
      RIM -
      (this.#time.previousSibling?.textContent ? LINE : 0)
    );
  }

  /** The bubble stays within the bar, which stays within the screen. */
  #place(): void {
    const width = this.root.clientWidth;
    const half = this.#bubble.offsetWidth / 2;
    const x = Math.min(Math.max(this.#share * width, half), width - half);
    this.#bubble.style.transform = `translateX(${x - half}px)`;
  }

  #key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const { video, total } = this.#acts;
    const steps: Record<string, number> = {
      ArrowRight: STEP,
      ArrowUp: STEP,
      ArrowLeft: -STEP,
      ArrowDown: -STEP,
      PageUp: PAGE,
      PageDown: -PAGE,
      Home: -Infinity,
      End: Infinity,
    };
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    this.#acts.seek(Math.min(total, Math.max(0, video.currentTime + step)));
  }

  /** The position and the buffered ranges of the video. */
  draw(): void {
    const { total, video } = this.#acts;
    const share = this.#held ?? (total > 0 ? Math.min(1, video.currentTime / total) : 0);
    const at = share * total;
    this.#played.style.transform = `scaleX(${share})`;
    this.#knob.style.insetInlineStart = `${share * 100}%`;
    let ahead = 0;
    for (let n = 0; n < video.buffered.length; n += 1) {
      if (video.buffered.start(n) <= at + 0.5) ahead = Math.max(ahead, video.buffered.end(n));
    }
    this.#buffered.style.transform = `scaleX(${total > 0 ? Math.min(1, ahead / total) : 0})`;
    const missing = total > 0 ? Math.max(0, 1 - this.#acts.until / total) : 0;
    this.#missing.hidden = missing === 0;
    this.#missing.style.transform = `scaleX(${missing})`;
    const second = String(Math.floor(at));
    if (
      this.root.getAttribute("aria-valuenow") === second &&
      this.root.getAttribute("aria-valuemax") === String(Math.floor(total))
    )
      return;
    this.root.setAttribute("aria-valuemax", String(Math.floor(total)));
    this.root.setAttribute("aria-valuenow", second);
    this.root.setAttribute("aria-valuetext", this.#kit.t("player-at", { time: shown(at), total: shown(total) }));
  }
}
