// The player's element: what the page knows of the video, its state while it is still being made,
// and the start of source and controls. Counts a view.

import type Hls from "hls.js";
import { ApiError, call } from "./api";
import { part, reason, show, type Texts, texts } from "./dom";
import { type LiveEvent, live, type StateEvent } from "./events";
import { Acts } from "./player/acts";
import { el, Kit } from "./player/build";
import { Controls } from "./player/controls";
import { choices, storage, wished } from "./player/keep";
import { Places, resumedToast } from "./player/places";
import { Screen } from "./player/screen";
import { mediaSession } from "./player/session";
import { Source } from "./player/source";
import { asked, clamped, shown } from "./player/time";

const PLAYS = new Set(["playable", "ready"]);
const VIEW_SECONDS = 10;
const VIEW_SHARE = 0.3;
/** Width by height of the narrowest and the widest box, as on the server. */
const RATIOS = [0.5, 2.4] as const;

/**
 * The plain file. What the page offers to browsers without scripts goes: the engine would return to it
 * whenever it gives up a source.
 */
function takeSources(video: HTMLVideoElement): string | null {
  const named = video.querySelector<HTMLSourceElement>('source[type="video/mp4"]')?.getAttribute("src");
  // The place is for browsers without scripts.
  const plain = named?.replace(/#.*/, "") ?? null;
  for (const source of video.querySelectorAll("source")) source.remove();
  // What plays already goes on until the engine takes over.
  if (plain && video.paused) video.src = plain;
  return plain;
}

class Player extends HTMLElement {
  #t: Texts = (key) => key;
  #video: HTMLVideoElement | null = null;
  #source: Source | null = null;
  #controls: Controls | null = null;
  #leave: () => void = () => {};
  /** Loads what stands in the menu of subtitles, chapters and sounds. */
  #texts: () => void = () => {};
  #starting = false;
  /** Opened by a click on the video: it plays as soon as it can. */
  #wished = false;
  #watched = 0;
  #last = 0;
  #counted = false;
  #brokenWords = "";
  /** This browser decodes nothing of what plays so far. */
  #unplayable = false;
  #total = () => 0;
  #startsAt = { at: -1, resumed: false };
  readonly #key = (event: KeyboardEvent) => {
    if (!event.defaultPrevented && this.#controls?.key(event)) event.preventDefault();
  };

  /** The engine while it plays; null where the plain file does. Read by measurements and tests. */
  get hls(): Hls | null {
    return this.#source?.hls ?? null;
  }

  connectedCallback(): void {
    if (this.#source) return;
    this.#t = texts(this);
    const video = this.querySelector("video");
    this.#video = video;
    if (!video) return;
    const fallback = takeSources(video);
    this.#brokenWords = part(this, "broken-text")?.textContent ?? "";
    const kept = { choices: choices(storage()), store: storage() };
    const clicked = location.pathname.startsWith("/v/") && wished(kept.store, this.#id, Date.now());
    this.#wished = (clicked && kept.choices.autoplay) || "autoplay" in this.dataset;
    const source = new Source(this.#id, video, {
      levels: () => {
        if (source.hls?.allAudioTracks[1]) this.#texts();
        this.#controls?.levels();
      },
      unplayable: () => this.#waitForAnother(),
      broken: (is) => this.#broken(is, [this.#brokenWords]),
      away: (seconds) => this.#away(seconds),
      offer: (is) => show(part(this, "offer"), is),
      wanted: () => kept.choices.lines,
    });
    this.#source = source;
    this.#listen(video, source);
    try {
      this.#build(video, source, kept);
    } catch (error) {
      // Better the browser's own controls than none.
      this.#controls?.root.remove();
      this.#controls = null;
      video.controls = true;
      console.warn("player", error);
    }
    const { hls, version, holds, storyboard, loudness } = this.dataset;
    if (hls) {
      const playback = {
        hls,
        version: Number(version),
        holds: Number(holds),
        fallback,
        poster: video.poster || null,
        ...(storyboard && { storyboard }),
        ...(loudness && { loudness: Number(loudness) }),
      };
      void source.play(playback, { at: this.#startsAt.at, go: this.#wished });
    }
    if ("unfinished" in this.dataset) this.#leave = live().subscribe([this.#id], (event) => this.#hear(event));
  }

  disconnectedCallback(): void {
    this.#leave();
    this.#source?.destroy();
    document.removeEventListener("keydown", this.#key);
  }

  get #id(): string {
    return this.dataset.video ?? "";
  }

  #build(
    video: HTMLVideoElement,
    source: Source,
    kept: { choices: ReturnType<typeof choices>; store: ReturnType<typeof storage> },
  ): void {
    const t = this.#t;
    const screen = new Screen(this, video, () => this.#controls?.draw());
    const length = Number(this.dataset.duration ?? 0) || 0;
    const acts = new Acts(video, source, screen, kept, t, () => source.playback?.duration || length);
    this.#total = () => acts.total;
    video.muted = kept.choices.muted || "mute" in this.dataset;
    video.defaultPlaybackRate = video.playbackRate = kept.choices.speed;
    const controls = new Controls(new Kit(t, this.dataset.icons ?? ""), acts, this);
    this.tabIndex = -1;
    this.append(controls.root);
    this.#controls = controls;
    controls.root.hidden = video.hidden;
    if (/[?&](from|to)=/.test(location.search)) {
      import("./player/clip").then(({ Clip }) => new Clip(acts, t, controls.root)).catch(() => {});
    }
    document.addEventListener("keydown", this.#key);
    this.#texts = () => {
      this.#texts = () => {};
      import("./player/texts")
        .then(({ Subtitles }) => (acts.texts = new Subtitles(acts, t, controls.root, kept.store)))
        .catch(() => {});
    };
    if (video.querySelector("track") || "unfinished" in this.dataset) this.#texts();

    const places = new Places(this.#id, video, kept.store, "member" in this.dataset, () => acts.total);
    const { position } = this.dataset;
    this.#startsAt = places.start(position === undefined ? null : Number(position), length);
    if (this.#startsAt.resumed && this.dataset.hls) {
      const over = () => {
        places.forget();
        acts.seek(0);
        this.focus({ preventScroll: true });
      };
      controls.root.append(resumedToast(t, this.#startsAt.at, over));
    }
    window.addEventListener("hashchange", () => {
      const at = asked("", location.hash);
      if (at !== null) acts.seek(clamped(at, acts.total));
    });
    mediaSession(acts, {
      title: video.getAttribute("aria-label") ?? "",
      artist: this.dataset.author ?? "",
      poster: video.poster,
    });
    video.controls = false;
  }

  #listen(video: HTMLVideoElement, source: Source): void {
    this.#markFirstFrame(video);
    video.addEventListener("loadedmetadata", () => this.#shape(video), { once: true });
    video.addEventListener("timeupdate", () => this.#count(video));
    part(this, "offer")?.addEventListener("click", () => void source.improve());
    part(this, "again")?.addEventListener("click", () => {
      source.again();
      this.focus({ preventScroll: true });
    });
  }

  /** The box takes the film's ratio, where the page did not know it yet. */
  #shape({ videoWidth, videoHeight }: HTMLVideoElement): void {
    if (videoHeight === 0 || getComputedStyle(this).getPropertyValue("--ratio")) return;
    const ratio = Math.min(RATIOS[1], Math.max(RATIOS[0], videoWidth / videoHeight));
    document.documentElement.style.setProperty("--ratio", ratio.toFixed(4));
  }

  /** A card over the picture, with words and a button that tries again. */
  #broken(is: boolean, words: (Node | string)[]): void {
    const card = part(this, "broken");
    const again = part(this, "again");
    if (is) part(this, "broken-text")?.replaceChildren(...words);
    if (!card || card.hidden !== is) return;
    const focused = this.contains(document.activeElement);
    show(card, is);
    this.toggleAttribute("data-broken", is);
    if (is && focused) again?.focus({ preventScroll: true });
    if (!is && document.activeElement === again) this.focus({ preventScroll: true });
  }

  /** Announces the text once and updates the seconds silently for screen readers. */
  #away(seconds: number): void {
    const count = part(this, "away-seconds");
    if (seconds > 0 && count && this.hasAttribute("data-broken")) {
      count.textContent = String(seconds);
      return;
    }
    const [before = "", after = ""] = this.#t("player-away").split("{time}");
    const left = el("span", { "data-part": "away-seconds", "aria-hidden": "true" }, String(seconds));
    this.#broken(seconds > 0, [before, left, after]);
  }

  /** For measurement: when a picture is really on the screen. */
  #markFirstFrame(video: HTMLVideoElement): void {
    const mark = () => {
      performance.mark("virga:firstframe");
      this.dispatchEvent(new CustomEvent("virga:firstframe", { bubbles: true }));
    };
    if ("requestVideoFrameCallback" in video) video.requestVideoFrameCallback(mark);
    else (video as HTMLVideoElement).addEventListener("loadeddata", mark, { once: true });
  }

  #hear(event: LiveEvent): void {
    if (event.event === "progress") {
      const bar = part<HTMLProgressElement>(this, "stage-bar");
      if (bar) bar.value = event.progress;
      const processing = this.dataset.state === "processing" || this.#unplayable;
      show(bar, processing);
      const left = event.plays_in;
      const text = part(this, "stage-text");
      if (processing && text && left) text.textContent = this.#t("stage-plays-in", { time: shown(left) });
    } else if (event.event === "presentation") {
      if (this.#source?.playback) void this.#source.look(event.version);
      else void this.#begin();
    } else {
      this.#turn(event);
    }
  }

  #turn(event: StateEvent): void {
    const { state } = event;
    this.dataset.state = state;
    const words = this.#t(`state-${state}`);
    const badge = this.closest("article")?.querySelector<HTMLElement>('[data-part="badge"]');
    if (badge) {
      badge.textContent = words;
      badge.dataset.state = state;
    }
    if (PLAYS.has(state)) {
      if (!this.#source?.playback) void this.#begin();
      // What plays may change once more with the last job's end.
      if (state === "ready") setTimeout(() => this.dataset.state === "ready" && this.#leave(), 5000);
      return;
    }
    if (this.#source?.playback) return;
    const title = part(this, "stage-title");
    const text = part(this, "stage-text");
    if (title) title.textContent = words;
    if (text) text.textContent = event.failure ? reason(this.#t, event) : this.#t(`stage-${state}`);
    show(part(this, "stage-bar"), state === "processing");
    if (state === "failed" || state === "deleted") this.#leave();
  }

  /** What plays so far is for other browsers: the page waits for a version that plays in this one. */
  #waitForAnother(): void {
    const stage = part(this, "stage");
    if (!stage || !("unfinished" in this.dataset)) {
      this.#broken(true, [this.#t("player-unplayable")]);
      return;
    }
    this.#unplayable = true;
    if (this.#video) show(this.#video, false);
    if (this.#controls) show(this.#controls.root, false);
    const title = part(this, "stage-title");
    const text = part(this, "stage-text");
    if (title) title.textContent = this.#t("stage-other-browsers");
    if (text) text.textContent = this.#t("stage-other-browsers-text");
    show(part(this, "stage-bar"), true);
    show(stage, true);
  }

  /** The page waited; now something plays. */
  async #begin(): Promise<void> {
    const source = this.#source;
    if (!source || this.#starting || source.playback) return;
    this.#starting = true;
    try {
      const playback = await source.fetch();
      this.#unplayable = false;
      show(part(this, "stage"), false);
      show(this.#video, true);
      if (this.#controls) show(this.#controls.root, true);
      await source.play(playback, { at: this.#startsAt.at, go: this.#wished });
    } catch (error) {
      // 409: not yet; the next event will say when.
      if (!(error instanceof ApiError && error.status === 409)) console.warn("playback", error);
    } finally {
      this.#starting = false;
    }
  }

  #count(video: HTMLVideoElement): void {
    const step = video.currentTime - this.#last;
    this.#last = video.currentTime;
    if (this.#counted || video.paused || step <= 0 || step > 2) return;
    this.#watched += step;
    const total = this.#total() || video.duration;
    const share = Number.isFinite(total) ? total * VIEW_SHARE : VIEW_SECONDS;
    if (this.#watched < Math.min(VIEW_SECONDS, share)) return;
    this.#counted = true;
    call("POST", `/videos/${this.#id}/views`, { watched: this.#watched }).catch(() => {});
  }
}

customElements.define("virga-player", Player);
