// What can be done to the playing video, from wherever it is asked: buttons, keys, fingers, the
// system's own media keys. Says what it did where nothing else shows it.

import { copied } from "../copy";
import type { Texts } from "../dom";
import { type Choices, remember, SPEEDS, type Store } from "./keep";
import type { Command } from "./keys";
import { step } from "./levels";
import type { Screen } from "./screen";
import type { Source } from "./source";
import type { Subtitles } from "./texts";
import { clamped, shown } from "./time";

/** Seconds before the end of what is made at which a seek beyond it ends. */
const EDGE = 2;
/** What is louder is turned down, LUFS. */
const LOUDEST = -14;

export class Acts {
  readonly video: HTMLVideoElement;
  readonly source: Source;
  readonly screen: Screen;
  readonly choices: Choices;
  readonly #store: Store | null;
  readonly #t: Texts;
  readonly #length: () => number;
  /** Subtitles and chapters, once they are loaded. */
  texts: Subtitles | null = null;
  /** Shows words for a moment. */
  say: (words: string) => void = () => {};
  /** Opens the sheet of keys. */
  help: () => void = () => {};

  constructor(
    video: HTMLVideoElement,
    source: Source,
    screen: Screen,
    kept: { choices: Choices; store: Store | null },
    t: Texts,
    length: () => number,
  ) {
    this.video = video;
    this.source = source;
    this.screen = screen;
    this.choices = kept.choices;
    this.#store = kept.store;
    this.#t = t;
    this.#length = length;
    video.addEventListener("loadstart", () => this.#hear());
    this.#hear();
  }

  /** The chosen volume, less of it where the film is louder than others. */
  #hear(): void {
    const over = (this.source.playback?.loudness ?? LOUDEST) - LOUDEST;
    this.video.volume = this.choices.volume * Math.min(1, 10 ** (-over / 20));
  }

  /** Whole length in seconds; 0 while nobody knows it. Of a film that is still being made, the page knows. */
  get total(): number {
    const { duration } = this.video;
    if (!Number.isFinite(duration) || duration <= 0) return this.#length();
    return this.source.growing ? Math.max(duration, this.#length()) : duration;
  }

  /** How much of it can be played, seconds. */
  get until(): number {
    return this.source.growing ? Math.min(this.source.edge, this.total) : this.total;
  }

  #keep(): void {
    remember(this.#store, this.choices);
  }

  toggle(): void {
    const { video } = this;
    if (video.paused || video.ended) void video.play().catch(() => {});
    else video.pause();
  }

  seek(at: number): void {
    const { video, total, until } = this;
    const wanted = Math.max(0, total > 0 ? Math.min(at, total) : at);
    // What is not made yet cannot be sought; a little before its edge something plays.
    const late = this.source.growing && until > 0 && wanted > until - EDGE;
    const to = late ? Math.max(Math.min(video.currentTime, until), until - EDGE) : wanted;
    if (late) this.say(this.#t("player-not-yet"));
    if (video.readyState > 0) video.currentTime = to;
    else {
      video.addEventListener("loadedmetadata", () => (video.currentTime = clamped(to, video.duration)), { once: true });
      this.source.load();
    }
  }

  /** Some seconds on or back, said in words. */
  by(seconds: number): void {
    this.seek(this.video.currentTime + seconds);
    this.say(this.#t(seconds < 0 ? "player-went-back" : "player-went-ahead", { time: String(Math.abs(seconds)) }));
  }

  /** 0 to 1; any volume above 0 also unmutes. */
  volume(to: number, aloud = false): void {
    const { video, choices } = this;
    choices.volume = Math.round(Math.min(1, Math.max(0, to)) * 100) / 100;
    choices.muted = choices.volume === 0;
    this.#hear();
    video.muted = choices.muted;
    this.#keep();
    if (aloud) this.#sayVolume();
  }

  mute(aloud = false): void {
    const { video, choices } = this;
    choices.muted = !video.muted;
    if (!choices.muted && !choices.volume) choices.volume = 0.5;
    this.#hear();
    video.muted = choices.muted;
    this.#keep();
    if (aloud) this.#sayVolume();
  }

  #sayVolume(): void {
    const { volume, muted } = this.choices;
    this.say(
      muted ? this.#t("player-muted") : this.#t("player-volume-now", { percent: String(Math.round(volume * 100)) }),
    );
  }

  speed(to: number, aloud = false): void {
    const { video } = this;
    this.choices.speed = to;
    // A new source starts at the default one.
    video.defaultPlaybackRate = video.playbackRate = to;
    this.#keep();
    if (aloud) this.say(this.#t("player-speed-now", { speed: String(to) }));
  }

  /** A level of the list, or -1 for whatever the line allows. */
  quality(level: number, lines: number): void {
    this.choices.lines = level < 0 ? 0 : lines;
    this.#keep();
    this.source.choose(level);
  }

  loop(): void {
    this.video.loop = !this.video.loop;
  }

  autoplay(): void {
    this.choices.autoplay = !this.choices.autoplay;
    this.#keep();
  }

  keys(on: boolean): void {
    this.choices.keys = on;
    this.#keep();
  }

  #frame(direction: number): void {
    const { video } = this;
    const { hls } = this.source;
    if (!video.paused) return;
    this.seek(video.currentTime + direction / (hls?.levels[hls.currentLevel]?.frameRate || 25));
  }

  /** The address of this video's page at the current second, even from an embedded player. */
  link(): string {
    const url = new URL(location.pathname.replace(/^\/embed\//, "/v/"), location.href);
    url.searchParams.set("t", String(Math.floor(this.video.currentTime)));
    return url.href;
  }

  async copyLink(): Promise<void> {
    const time = shown(this.video.currentTime);
    this.say((await copied(this.link())) ? this.#t("player-copied", { time }) : this.link());
  }

  do(command: Command): void {
    const { video, screen } = this;
    const plain: Partial<Record<Command, () => void>> = {
      play: () => this.toggle(),
      back10: () => this.by(-10),
      ahead10: () => this.by(10),
      back5: () => this.by(-5),
      ahead5: () => this.by(5),
      louder: () => this.volume((video.muted ? 0 : this.choices.volume) + 0.05, true),
      quieter: () => this.volume((video.muted ? 0 : this.choices.volume) - 0.05, true),
      mute: () => this.mute(true),
      full: () => screen.full(),
      theatre: () => screen.theatre(),
      pip: () => screen.float(),
      start: () => this.seek(0),
      end: () => this.seek(this.total),
      "frame-": () => this.#frame(-1),
      "frame+": () => this.#frame(1),
      slower: () => this.speed(step(SPEEDS, this.choices.speed, false), true),
      faster: () => this.speed(step(SPEEDS, this.choices.speed, true), true),
      texts: () => this.texts?.toggle(),
      help: () => this.help(),
    };
    const act = plain[command];
    if (act) act();
    else this.seek((this.total * Number(command.slice(-1))) / 10);
  }
}
