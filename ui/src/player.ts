// The player: hls.js under the browser's own controls. Starts by itself where the page waited for
// the video, asks for fresh addresses when they end, falls back to one MP4 file, offers a better
// version when there is one, counts a view.

import type Hls from "hls.js";
import type { ErrorData, HlsConfig } from "hls.js";
import { ApiError, call, type Playback } from "./api";
import { part, reason, show, texts, type Texts } from "./dom";
import { live, type LiveEvent } from "./live";

const PLAYS = new Set(["playable", "ready"]);
const VIEW_SECONDS = 10;
const VIEW_SHARE = 0.3;

// Asked for at once: it is on its way while the page is still being read.
const engine = import("hls.js").then((module) => module.default);

const config: Partial<HlsConfig> = {
  enableWorker: false,
  capLevelToPlayerSize: true,
  maxBufferLength: 20,
  backBufferLength: 30,
  abrEwmaDefaultEstimate: 3_000_000,
};

class Player extends HTMLElement {
  #t: Texts = (key) => key;
  #video: HTMLVideoElement | null = null;
  /** The engine while it plays; null where the plain file does. Read by measurements and tests. */
  hls: Hls | null = null;
  #playback: Playback | null = null;
  #better: Playback | null = null;
  #leave: () => void = () => {};
  #starting = false;
  #switching = false;
  #refreshed: number[] = [];
  #recovered = 0;
  #watched = 0;
  #last = 0;
  #counted = false;

  connectedCallback(): void {
    this.#t = texts(this);
    this.#video = this.querySelector("video");
    const video = this.#video;
    if (!video) return;
    this.#listen(video);
    const { hls, version } = this.dataset;
    if (hls) {
      const playback = { hls, version: Number(version), fallback: video.getAttribute("src"), poster: video.poster || null };
      void this.#play(playback, { at: -1, go: false });
    }
    if ("unfinished" in this.dataset) this.#leave = live().subscribe([this.#id], (event) => this.#hear(event));
  }

  disconnectedCallback(): void {
    this.#leave();
    this.hls?.destroy();
  }

  get #id(): string {
    return this.dataset.video ?? "";
  }

  #listen(video: HTMLVideoElement): void {
    this.#markFirstFrame(video);
    video.addEventListener("timeupdate", () => this.#count(video));
    for (const name of ["pause", "seeking"] as const) {
      video.addEventListener(name, () => {
        if (this.#better && !this.#switching && !video.ended) void this.#improve();
      });
    }
    // The plain file broke as well: then nothing plays.
    video.addEventListener("error", () => {
      if (!this.hls && !this.#starting && video.getAttribute("src")) this.#broken();
    });
    part(this, "offer")?.addEventListener("click", () => void this.#improve());
    part(this, "again")?.addEventListener("click", () => {
      this.#refreshed = [];
      this.#recovered = 0;
      void this.#refresh(true);
    });
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
      if (bar && event.progress !== undefined) bar.value = event.progress;
      show(bar, this.dataset.state === "processing");
    } else if (event.event === "presentation") {
      if (this.#playback) void this.#look(event.version ?? 0);
      else void this.#begin();
    } else if (event.state) {
      this.#turn(event.state, event.failure && reason(this.#t, event));
    }
  }

  #turn(state: string, failure?: string): void {
    this.dataset.state = state;
    const words = this.#t(`state-${state}`);
    const badge = this.closest("article")?.querySelector<HTMLElement>('[data-part="badge"]');
    if (badge) {
      badge.textContent = words;
      badge.dataset.state = state;
    }
    if (PLAYS.has(state)) {
      if (!this.#playback) void this.#begin();
      // What plays may change once more with the last job's end.
      if (state === "ready") setTimeout(() => this.dataset.state === "ready" && this.#leave(), 5000);
      return;
    }
    if (this.#playback) return;
    const title = part(this, "stage-title");
    const text = part(this, "stage-text");
    if (title) title.textContent = words;
    if (text) text.textContent = failure || this.#t(`stage-${state}`);
    show(part(this, "stage-bar"), state === "processing");
    if (state === "failed" || state === "deleted") this.#leave();
  }

  /** The page waited; now something plays. */
  async #begin(): Promise<void> {
    if (this.#starting || this.#playback) return;
    this.#starting = true;
    try {
      const playback = await call<Playback>("GET", `/videos/${this.#id}/playback`);
      show(part(this, "stage"), false);
      show(this.#video, true);
      await this.#play(playback, { at: -1, go: true });
    } catch (error) {
      // 409: not yet; the next event tells.
      if (!(error instanceof ApiError && error.status === 409)) console.warn("playback", error);
    } finally {
      this.#starting = false;
    }
  }

  async #play(playback: Playback, how: { at: number; go: boolean }): Promise<void> {
    const video = this.#video;
    if (!video) return;
    this.#playback = playback;
    // Only before the first picture: later it would flash up at each change of source.
    if (how.at > 0) video.removeAttribute("poster");
    else if (playback.poster && !video.poster) video.poster = playback.poster;
    const Engine = await engine.catch(() => null);
    if (!Engine?.isSupported()) return this.#plain(playback, how);
    // Someone was quicker than the engine and plays the plain file already: go on from there.
    const go = how.go || !video.paused;
    const at = how.at < 0 && video.currentTime > 0 ? video.currentTime : how.at;
    this.hls?.destroy();
    const hls = new Engine({ ...config, startPosition: at });
    this.hls = hls;
    hls.on(Engine.Events.ERROR, (_, data) => this.#failed(Engine, hls, data));
    hls.loadSource(playback.hls);
    hls.attachMedia(video);
    if (go) this.#go(video);
  }

  /** Without the engine: the plain file, or what the browser itself makes of the playlist. */
  #plain(playback: Playback, how: { at: number; go: boolean }): void {
    const video = this.#video;
    if (!video) return;
    this.hls?.destroy();
    this.hls = null;
    const src = playback.fallback ?? playback.hls;
    if (video.getAttribute("src") !== src) video.src = src;
    if (how.at > 0) video.addEventListener("loadedmetadata", () => (video.currentTime = how.at), { once: true });
    if (how.go) this.#go(video);
  }

  /** With sound where the browser allows it, else without. */
  #go(video: HTMLVideoElement): void {
    video.play().catch((error: unknown) => {
      if (!(error instanceof DOMException) || error.name !== "NotAllowedError") return;
      video.muted = true;
      video.play().catch(() => {});
    });
  }

  #failed(Engine: typeof Hls, hls: Hls, data: ErrorData): void {
    if (hls !== this.hls) return;
    const code = data.response?.code;
    if (code === 401 || code === 403 || code === 410) {
      void this.#refresh(false);
      return;
    }
    if (!data.fatal) return;
    this.#recovered += 1;
    if (this.#recovered > 3) return this.#fall();
    if (data.type === Engine.ErrorTypes.MEDIA_ERROR) hls.recoverMediaError();
    else if (data.type === Engine.ErrorTypes.NETWORK_ERROR) void this.#refresh(false);
    else this.#fall();
  }

  /** Fresh addresses, at the same place: the old ones ended, or the server was away. */
  async #refresh(go: boolean): Promise<void> {
    const video = this.#video;
    if (!video || this.#switching) return;
    const now = performance.now();
    this.#refreshed = this.#refreshed.filter((at) => now - at < 60_000);
    if (this.#refreshed.length >= 5) return this.#fall();
    this.#refreshed.push(now);
    this.#switching = true;
    const how = { at: video.currentTime, go: go || !video.paused };
    try {
      const wait = this.#refreshed.length > 1 ? 1000 * 2 ** (this.#refreshed.length - 2) : 0;
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      const playback = await call<Playback>("GET", `/videos/${this.#id}/playback`);
      show(part(this, "broken"), false);
      await this.#play(playback, how);
    } catch (error) {
      if (error instanceof ApiError && (error.status === 0 || error.status >= 500)) {
        this.#switching = false;
        return this.#refresh(go);
      }
      this.#broken();
    } finally {
      this.#switching = false;
    }
  }

  #fall(): void {
    const video = this.#video;
    const src = this.#playback?.fallback;
    if (!video || !src || video.getAttribute("src") === src) return this.#broken();
    const how = { at: video.currentTime, go: !video.paused };
    if (this.#playback) this.#plain(this.#playback, how);
  }

  #broken(): void {
    this.hls?.destroy();
    this.hls = null;
    show(part(this, "broken"), true);
  }

  /**
   * Whether a newer presentation plays more than this one. A sharper one is offered; more
   * renditions below the present top are taken in silence at the next pause or seek.
   */
  async #look(version: number): Promise<void> {
    if (version <= (this.#playback?.version ?? 0)) return;
    try {
      const playback = await call<Playback>("GET", `/videos/${this.#id}/playback`);
      const answer = await fetch(playback.hls);
      if (!answer.ok || !this.#playback) return;
      const lines = (await answer.text()).match(/^#EXT-X-STREAM-INF:.*$/gm) ?? [];
      const heights = lines.map((line) => Number(/RESOLUTION=\d+x(\d+)/.exec(line)?.[1] ?? 0));
      const levels = this.hls?.levels ?? [];
      const sharper = Math.max(0, ...heights) > Math.max(0, ...levels.map((level) => level.height));
      if (lines.length <= levels.length && !sharper) {
        this.#playback = { ...this.#playback, version: playback.version, fallback: playback.fallback };
        return;
      }
      this.#better = playback;
      show(part(this, "offer"), sharper);
      if (this.#video?.paused && this.#video.currentTime === 0) await this.#improve();
    } catch {
      // The next event asks again.
    }
  }

  async #improve(): Promise<void> {
    const video = this.#video;
    const better = this.#better;
    if (!video || !better || this.#switching) return;
    this.#better = null;
    this.#switching = true;
    show(part(this, "offer"), false);
    const how = { at: video.currentTime, go: !video.paused };
    try {
      await this.#play(better, how);
    } finally {
      // The change itself pauses and seeks; those are not the viewer's.
      setTimeout(() => (this.#switching = false), 500);
    }
  }

  #count(video: HTMLVideoElement): void {
    const step = video.currentTime - this.#last;
    this.#last = video.currentTime;
    if (this.#counted || video.paused || step <= 0 || step > 2) return;
    this.#watched += step;
    const share = Number.isFinite(video.duration) ? video.duration * VIEW_SHARE : VIEW_SECONDS;
    if (this.#watched < Math.min(VIEW_SECONDS, share)) return;
    this.#counted = true;
    call("POST", `/videos/${this.#id}/views`, { watched: this.#watched }).catch(() => {});
  }
}

customElements.define("virga-player", Player);
