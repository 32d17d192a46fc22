// The source of picture and sound: hls.js, else the plain file. Fetches new addresses when the old
// ones end, keeps the position after every change, and switches to a better version on request.
// Before the first play it loads one segment, and none if the browser saves data.

import type Hls from "hls.js";
import type { ErrorData, LevelDetails } from "hls.js";
import { call, type Wire } from "../api";
import { Addresses, browser } from "./addresses";
import { engine, holds, Restraint, savesData, settings } from "./engine";
import { choose, pick } from "./levels";
import { isAway, Retry, reach } from "./retry";
import { still } from "./still";

/** How long playing may stand still for want of refused segments: at first, and after a new try. */
const STALL_MS = [8000, 4000] as const;
/** How long a viewer waits for pictures, each time, before the site is asked whether it is there. */
const DOUBT_MS = 5000;

/** `at` below 0: from the beginning, or from where the plain file plays already. */
export interface How {
  at: number;
  go: boolean;
}

/** The events that the source reports to its player. */
export interface Told {
  /** Other renditions, or another one of them plays. */
  levels(): void;
  /** This browser decodes nothing of what plays so far. */
  unplayable(): void;
  /** Nothing plays any more, or something does again. */
  broken(is: boolean): void;
  /** The site does not answer; in so many seconds it is asked again. */
  away(seconds: number): void;
  /** A sharper version can be had, or no longer. */
  offer(is: boolean): void;
  /** The chosen lines; 0 for none. */
  wanted(): number;
}

export class Source {
  /** The engine while it plays; null where the plain file does. */
  hls: Hls | null = null;
  playback: Wire["Playback"] | null = null;
  switching = false;
  /** The film is still being made: what can be played ends before the film does. */
  growing = false;
  readonly #id: string;
  readonly #video: HTMLVideoElement;
  readonly #told: Told;
  #better: Wire["Playback"] | null = null;
  #still: HTMLCanvasElement | null = null;
  #refreshed: number[] = [];
  #recovered = 0;
  #recoveredAt = 0;
  #reached = 0;
  #asked = -1;
  #gone = false;
  /** It has played, or is about to. */
  #played = false;
  #restraint: Restraint | null = null;
  /** Loading waits until someone plays or seeks. */
  #waiting = false;
  /** A request was refused since pictures last moved. */
  #refused = false;
  #stalled = 0;
  #doubts = 0;
  #probing = false;
  #ended = false;
  readonly #retry: Retry;
  readonly #online = () => {
    if (!this.#retry.now() && this.#ended) this.again();
  };

  constructor(id: string, video: HTMLVideoElement, told: Told) {
    this.#id = id;
    this.#video = video;
    this.#told = told;
    // While there are pictures to be seen, nobody is bothered.
    this.#retry = new Retry((seconds) => told.away(this.#starves ? seconds : 0));
    window.addEventListener("online", this.#online);
    // A broken source reports position 0; the viewer's position is another.
    for (const name of ["timeupdate", "seeking"] as const) {
      video.addEventListener(name, () => {
        if (video.readyState >= 1) this.#reached = video.currentTime;
      });
    }
    video.addEventListener("play", () => this.#playing());
    video.addEventListener("seeking", () => {
      if (!holds(video)) this.#restraint?.more();
    });
    video.addEventListener("waiting", () => this.#watch());
    video.addEventListener("playing", () => (this.#refused = false));
    for (const name of ["pause", "seeking"] as const) {
      video.addEventListener(name, () => {
        if (this.#better && !this.switching && !video.ended) void this.improve();
      });
    }
    // The plain file broke as well.
    video.addEventListener("error", () => {
      if (!this.hls && video.getAttribute("src")) this.#broken();
    });
  }

  /** Loads the picture at the requested position, even if the browser saves data. */
  load(): void {
    if (!this.#waiting) return;
    this.#waiting = false;
    if (this.hls) this.hls.startLoad(this.#asked);
    else this.#video.preload = "metadata";
  }

  #playing(): void {
    this.#played = true;
    this.#restraint?.end();
    this.#restraint = null;
    this.load();
  }

  /** The viewer chose a rendition, or -1 for whatever the line allows. */
  choose(level: number): void {
    this.#restraint?.more();
    if (this.hls) choose(this.hls, this.#video, level);
    this.#told.levels();
  }

  /** The engine keeps requesting what is refused or not answered; this tells a waiting viewer sooner. */
  #watch(): void {
    const { hls } = this;
    clearTimeout(this.#stalled);
    clearInterval(this.#doubts);
    this.#doubts = window.setInterval(() => {
      if (this.#starves && !this.#video.paused && hls === this.hls) void this.#probe();
      else clearInterval(this.#doubts);
    }, DOUBT_MS);
    const waits = () => {
      const video = this.#video;
      if (hls !== this.hls || !hls || video.paused || video.readyState > 2 || !this.#refused) return;
      this.#recover(() => void this.refresh(true));
    };
    if (this.#refused) void this.#probe();
    this.#stalled = window.setTimeout(waits, STALL_MS[this.#recovered > 0 ? 1 : 0]);
  }

  destroy(): void {
    this.#gone = true;
    clearInterval(this.#doubts);
    window.removeEventListener("online", this.#online);
    this.#retry.stop();
    this.hls?.destroy();
    this.hls = null;
  }

  async fetch(signal?: AbortSignal): Promise<Wire["Playback"]> {
    return call("GET", `/videos/${this.#id}/playback`, undefined, signal);
  }

  async play(playback: Wire["Playback"], how: How): Promise<void> {
    const video = this.#video;
    // Only before the first picture: later it would flash up at each change of source. Sound alone keeps it.
    if (this.playback && how.at > 0 && video.videoHeight > 0) video.removeAttribute("poster");
    else if (playback.poster && !video.poster) video.poster = playback.poster;
    this.playback = playback;
    this.#asked = how.at;
    this.#ended = false;
    this.#told.broken(false);
    const Engine = await engine.catch(() => null);
    if (this.#gone) return;
    if (!Engine?.isSupported()) return this.#plain(playback, how);
    // The viewer was quicker than the engine and already plays the plain file: continue from there.
    const go = how.go || !video.paused;
    const at = how.at < 0 && video.currentTime > 0 ? video.currentTime : how.at;
    this.#hold();
    this.hls?.destroy();
    const addresses = new Addresses(playback.hls.replace(/[^/]*$/, "urls.json"), playback.holds, browser);
    this.#waiting = savesData() && !this.#played;
    const hls = new Engine(settings(addresses, { at, played: this.#played, load: !this.#waiting }));
    this.hls = hls;
    this.#restraint = this.#played ? null : new Restraint(Engine, hls, video);
    const read = (_: string, { details }: { details: LevelDetails }) => {
      addresses.read(details.url, details.fragments[0]?.url);
    };
    hls.on(Engine.Events.LEVEL_LOADED, read);
    hls.on(Engine.Events.LEVEL_LOADED, (_, { details }) => this.#grow(details.live));
    hls.on(Engine.Events.AUDIO_TRACK_LOADED, read);
    hls.on(Engine.Events.ERROR, (_, data) => this.#failed(Engine, hls, data));
    hls.on(Engine.Events.MANIFEST_PARSED, () => {
      const level = pick(hls.levels, this.#told.wanted());
      if (level >= 0) hls.loadLevel = level;
      this.#told.levels();
    });
    hls.on(Engine.Events.LEVEL_SWITCHED, () => this.#told.levels());
    hls.loadSource(playback.hls);
    hls.attachMedia(video);
    if (go) this.#go();
  }

  #grow(is: boolean): void {
    if (this.growing === is) return;
    this.growing = is;
    this.#told.levels();
  }

  /** The end of what can be played, seconds. */
  get edge(): number {
    const { seekable } = this.#video;
    return seekable.length > 0 ? seekable.end(seekable.length - 1) : 0;
  }

  /** Without the engine: the plain file, or what the browser itself makes of the playlist. */
  #plain(playback: Wire["Playback"], how: How): void {
    const video = this.#video;
    this.#hold();
    this.hls?.destroy();
    this.hls = null;
    this.#grow(false);
    this.#waiting = savesData() && !this.#played;
    video.preload = this.#waiting ? "none" : "metadata";
    const src = playback.fallback ?? playback.hls;
    const fresh = video.getAttribute("src") !== src;
    if (fresh) video.src = src;
    if (how.at > 0) {
      if (!fresh && video.readyState >= 1) video.currentTime = how.at;
      else video.addEventListener("loadedmetadata", () => (video.currentTime = how.at), { once: true });
    }
    this.#told.levels();
    if (how.go) this.#go();
  }

  /** Where the browser refuses, the picture waits for a press. */
  #go(): void {
    this.#video.play().catch(() => {});
  }

  #hold(): void {
    this.#still ??= still(this.#video, (canvas) => {
      if (this.#still === canvas) this.#still = null;
    });
  }

  #failed(Engine: typeof Hls, hls: Hls, data: ErrorData): void {
    if (hls !== this.hls) return;
    const code = data.response?.code;
    // Not, or no longer, for this address: what the site says now decides.
    if (code === 401 || code === 403 || code === 404 || code === 410) {
      void this.refresh(false);
      return;
    }
    // Refused or unreachable, not merely slow.
    if (data.type === Engine.ErrorTypes.NETWORK_ERROR && !data.details.endsWith("TimeOut")) {
      this.#refused = true;
      if (this.#starves) void this.#probe();
    }
    if (!data.fatal) return;
    if (data.details === Engine.ErrorDetails.MANIFEST_INCOMPATIBLE_CODECS_ERROR) {
      if (this.playback?.fallback) this.#fall();
      else this.#unplayable(hls);
      return;
    }
    this.#recover(() => {
      if (data.type === Engine.ErrorTypes.MEDIA_ERROR) hls.recoverMediaError();
      else if (data.type === Engine.ErrorTypes.NETWORK_ERROR) void this.refresh(false);
      else this.#fall();
    });
  }

  /** Three tries, then the plain file. */
  #recover(how: () => void): void {
    const now = performance.now();
    // Hours apart, two troubles are not one.
    if (now - this.#recoveredAt > 120_000) this.#recovered = 0;
    this.#recoveredAt = now;
    this.#recovered += 1;
    if (this.#recovered > 3) this.#fall();
    else how();
  }

  get #place(): number {
    return this.#video.readyState >= 1 ? this.#video.currentTime : this.#reached || this.#asked;
  }

  /** The viewer asks to try once more. */
  again(): void {
    if (this.#retry.now()) return;
    this.#refreshed = [];
    this.#recovered = 0;
    void this.refresh(true);
  }

  get #starves(): boolean {
    return this.#video.readyState <= 2 || this.#video.seeking;
  }

  /** A viewer waits for bytes that did not come: does the site answer at all? */
  async #probe(): Promise<void> {
    if (this.switching || this.#probing) return;
    this.#probing = true;
    const error: unknown = await reach((signal) => this.fetch(signal)).then(
      () => null,
      (thrown: unknown) => thrown,
    );
    this.#probing = false;
    if (isAway(error) && this.#starves) void this.refresh(!this.#video.paused);
  }

  /** Fresh addresses, at the same place: the old ones ended, or the server was away. */
  async refresh(go: boolean): Promise<void> {
    const video = this.#video;
    if (this.switching) return;
    const now = performance.now();
    this.#refreshed = this.#refreshed.filter((at) => now - at < 60_000);
    if (this.#refreshed.length >= 5) return this.#fall();
    this.#refreshed.push(now);
    this.switching = true;
    const played = !video.paused;
    try {
      const wait = this.#refreshed.length > 1 ? 1000 * 2 ** (this.#refreshed.length - 2) : 0;
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      const playback = await this.#retry.until(() => reach((signal) => this.fetch(signal)));
      // If the viewer paused in the meantime, stay paused.
      await this.play(playback, { at: this.#place, go: !video.paused || (go && !played) });
    } catch {
      this.#broken();
    } finally {
      this.switching = false;
    }
  }

  /** As if nothing played yet: what comes next may. */
  #unplayable(hls: Hls): void {
    hls.destroy();
    this.hls = null;
    this.playback = null;
    this.#told.unplayable();
  }

  #fall(): void {
    const video = this.#video;
    const src = this.playback?.fallback;
    if (!this.playback || !src || video.getAttribute("src") === src) this.#broken();
    else this.#plain(this.playback, { at: this.#place, go: !video.paused });
  }

  #broken(): void {
    // Its picture stays; the next try replaces it.
    this.hls?.stopLoad();
    this.#video.pause();
    this.#ended = true;
    this.#told.broken(true);
  }

  /**
   * Whether a newer presentation plays more than this one. A sharper one is offered; more
   * sounds, and renditions below the present top are taken in silence at the next pause or seek.
   */
  async look(version: number): Promise<void> {
    if (version <= (this.playback?.version ?? 0)) return;
    try {
      const playback = await this.fetch();
      const answer = await fetch(playback.hls);
      if (!answer.ok || !this.playback) return;
      const found = (await answer.text()).match(/^#EXT-X-(STREAM-INF|MEDIA:TYPE=AUDIO).*$/gm) ?? [];
      const heights = found.map((line) => Number(/RESOLUTION=\d+x(\d+)/.exec(line)?.[1] ?? 0));
      const levels = this.hls?.levels ?? [];
      const sharper = Math.max(0, ...heights) > Math.max(0, ...levels.map((level) => level.height));
      if (found.length <= levels.length + (this.hls?.allAudioTracks.length ?? 0) && !sharper) {
        this.playback = { ...playback, hls: this.playback.hls, holds: this.playback.holds };
        this.#told.levels();
        return;
      }
      this.#better = playback;
      this.#told.offer(sharper);
      if (this.#video.paused && this.#video.currentTime === 0) await this.improve();
    } catch {
      // The next event asks again.
    }
  }

  async improve(): Promise<void> {
    const video = this.#video;
    const better = this.#better;
    if (!better || this.switching) return;
    this.#better = null;
    this.switching = true;
    this.#told.offer(false);
    const how = { at: video.currentTime, go: !video.paused };
    try {
      await this.play(better, how);
    } finally {
      // The change itself pauses and seeks; those are not the viewer's.
      setTimeout(() => (this.switching = false), 500);
    }
  }
}
