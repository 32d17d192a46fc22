// The place that a viewer reached: kept while one watches, gone back to on the next visit.

import type { Texts } from "../dom";
import { el } from "./build";
import { place, type Store, setPlace } from "./keep";
import { asked, clamped, leaving, resuming, shown } from "./time";

const EVERY_MS = 10_000;
const TOAST_MS = 10_000;

export class Places {
  readonly #id: string;
  readonly #video: HTMLVideoElement;
  readonly #store: Store | null;
  /** The server keeps places too: someone is signed in. */
  readonly #server: boolean;
  readonly #total: () => number;
  #saved = performance.now();
  #last = -1;
  #refused = false;

  constructor(id: string, video: HTMLVideoElement, store: Store | null, server: boolean, total: () => number) {
    this.#id = id;
    this.#video = video;
    this.#store = store;
    this.#server = server;
    this.#total = total;
    video.addEventListener("timeupdate", () => {
      if (!video.paused && performance.now() - this.#saved >= EVERY_MS) this.save();
    });
    video.addEventListener("pause", () => this.save());
    window.addEventListener("pagehide", () => this.save());
  }

  /** Where to start, and whether that is a place of an earlier visit. -1: at the beginning. */
  start(server: number | null, length: number): { at: number; resumed: boolean } {
    const wanted = asked(location.search, location.hash);
    if (wanted !== null) return { at: clamped(wanted, length) || -1, resumed: false };
    const at = resuming(server ?? place(this.#store, this.#id), length);
    return at === null ? { at: -1, resumed: false } : { at, resumed: true };
  }

  save(): void {
    const { currentTime, readyState } = this.#video;
    // Nothing was watched since, or the source is just being changed and is at its beginning.
    if (readyState < 1 || currentTime === this.#last) return;
    const what = leaving(currentTime, this.#total());
    if (what === "nothing") return;
    this.#saved = performance.now();
    this.#last = currentTime;
    this.#put(what === "keep" ? currentTime : null);
  }

  forget(): void {
    this.#put(null);
  }

  #put(at: number | null): void {
    setPlace(this.#store, this.#id, at);
    if (!this.#server || this.#refused) return;
    const init: RequestInit = {
      method: "PUT",
      keepalive: true,
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ seconds: Math.round((at ?? 0) * 10) / 10 }),
    };
    fetch(`/api/v1/videos/${this.#id}/position`, init)
      // Signed out elsewhere, or gone: asking again would not help.
      .then((answer) => (this.#refused = answer.status >= 400 && answer.status < 500 && answer.status !== 429))
      .catch(() => {});
  }
}

/** "Resumed from 1:20 · Start over", for a while. */
export function resumedToast(t: Texts, at: number, over: () => void): HTMLElement {
  const button = el("button", { type: "button", class: "pl-over", "data-part": "start-over" }, t("player-start-over"));
  // A live region speaks of what changes in it: it is there first, then its words.
  const words = el("span", { role: "status" });
  const toast = el("div", { class: "pl-toast", "data-part": "resumed" }, words, button);
  const done = () => toast.remove();
  setTimeout(() => (words.textContent = t("player-continued", { time: shown(at) })), 100);
  let timer = setTimeout(done, TOAST_MS);
  for (const name of ["pointerenter", "focusin"]) toast.addEventListener(name, () => clearTimeout(timer));
  for (const name of ["pointerleave", "focusout"]) {
    toast.addEventListener(name, () => {
      clearTimeout(timer);
      timer = setTimeout(done, TOAST_MS / 2);
    });
  }
  button.addEventListener("click", () => {
    done();
    over();
  });
  return toast;
}
