// The controls: built next to the video, kept in sync with it, hidden while the viewer only watches.

import type { Acts } from "./acts";
import { el, type Kit, setText } from "./build";
import { Help } from "./help";
import { SPEEDS } from "./keep";
import { command, focusOf } from "./keys";
import { lines, names, sharpestFirst } from "./levels";
import { type Item, Menu } from "./menu";
import { SeekBar } from "./seek";
import { shown } from "./time";
import { gestures } from "./touch";

const IDLE_MS = 3000;
const NOTE_MS = 1200;
const RING_MS = 400;

/** Whether a page may set the volume at all; on some phones only their own keys do. */
function settable(): boolean {
  const probe = document.createElement("video");
  probe.volume = 0.5;
  return probe.volume === 0.5;
}

export class Controls {
  readonly root: HTMLElement;
  readonly #host: HTMLElement;
  readonly #kit: Kit;
  readonly #acts: Acts;
  readonly #seek: SeekBar;
  readonly #menu: Menu;
  readonly #help: Help;
  readonly #edge: HTMLElement;
  readonly #note: HTMLElement;
  readonly #ring = el("div", { class: "pl-ring", "aria-hidden": "true", "data-part": "ring", hidden: "" });
  readonly #big: HTMLButtonElement;
  readonly #play: HTMLButtonElement;
  readonly #mute: HTMLButtonElement;
  readonly #volume: HTMLInputElement;
  readonly #now = el("span", { "data-part": "now" }, "0:00");
  readonly #total = el("span", { "data-part": "total" }, "0:00");
  readonly #theatre: HTMLButtonElement;
  readonly #pip: HTMLButtonElement;
  readonly #full: HTMLButtonElement;
  #idle = 0;
  #noted = 0;
  #ringing = 0;

  constructor(kit: Kit, acts: Acts, host: HTMLElement) {
    this.#kit = kit;
    this.#acts = acts;
    this.#host = host;
    const { t } = kit;
    this.#seek = new SeekBar(kit, acts, "unfinished" in host.dataset);
    this.#menu = new Menu(kit, host, () => this.#items());
    this.#help = new Help(kit, acts);
    this.#note = el("p", { class: "pl-note", role: "status", "data-part": "note" });
    this.#big = kit.button("big", "play", "player-play");
    // The same as the bar's first button, for pointers only.
    this.#big.tabIndex = -1;
    this.#big.setAttribute("aria-hidden", "true");
    this.#play = kit.button("play", "play", "player-play", "K");
    this.#mute = kit.button("mute", "volume", "player-mute", "M");
    this.#volume = el("input", {
      class: "pl-volume",
      type: "range",
      min: "0",
      max: "100",
      step: "5",
      "data-part": "volume",
      "aria-label": t("player-volume"),
    });
    this.#theatre = kit.button("theatre", "theatre", "player-theatre", "T");
    this.#pip = kit.button("pip", "pip", "player-pip", "I");
    this.#full = kit.button("full", "full", "player-full", "F");
    this.#volume.hidden = !settable();
    const floats = () => (this.#pip.hidden = !acts.screen.canFloat);
    floats();
    acts.video.addEventListener("loadedmetadata", floats);
    this.#full.hidden = !acts.screen.canFull;
    const time = el("p", { class: "pl-time" }, this.#now, el("span", { class: "pl-of" }, " / ", this.#total));
    const row = el(
      "div",
      { class: "pl-row" },
      this.#play,
      this.#mute,
      this.#volume,
      time,
      this.#menu.button,
      this.#pip,
      this.#theatre,
      this.#full,
    );
    const bar = el("div", { class: "pl-bar", "data-part": "bar" }, this.#seek.root, row);
    const middle = el("div", { class: "pl-middle" }, this.#ring, this.#big);
    this.#edge = el("p", { class: "pl-edge", role: "status", "data-part": "edge" });
    this.root = el(
      "div",
      { class: "pl", "data-part": "controls", role: "group", "aria-label": t("player-label") },
      middle,
      bar,
      this.#note,
      this.#edge,
      this.#menu.root,
      this.#help.root,
    );
    acts.say = (words) => this.say(words);
    acts.help = () => this.#help.toggle();
    this.#press();
    this.#follow();
    this.#watch();
    this.draw();
  }

  /** A short message in the middle of the picture; screen readers announce it. */
  say(words: string): void {
    clearTimeout(this.#noted);
    this.#note.textContent = words;
    this.#note.classList.add("pl-on");
    this.#noted = setTimeout(() => {
      this.#note.classList.remove("pl-on");
      this.#note.textContent = "";
    }, NOTE_MS);
  }

  #press(): void {
    const acts = this.#acts;
    const { screen } = acts;
    this.#big.addEventListener("click", () => acts.toggle());
    this.#play.addEventListener("click", () => acts.toggle());
    this.#mute.addEventListener("click", () => acts.mute());
    this.#volume.addEventListener("input", () => acts.volume(Number(this.#volume.value) / 100));
    this.#volume.addEventListener("pointerup", () => this.#host.focus({ preventScroll: true }));
    this.#theatre.addEventListener("click", () => screen.theatre());
    this.#pip.addEventListener("click", () => screen.float());
    this.#full.addEventListener("click", () => screen.full());
    // After a press by pointer the keys mean the player again, not the button once more.
    this.root.addEventListener("click", (event) => {
      const target = event.target as Element;
      // Entries of the menu are gone by now where they opened others.
      const button = target.isConnected && !target.closest("dialog, [role=menu], .pl-gear") && target.closest("button");
      if (event.detail > 0 && button) {
        this.#host.focus({ preventScroll: true });
      }
    });
  }

  /** Listens to the video's events. */
  #follow(): void {
    const { video } = this.#acts;
    const draw = () => this.draw();
    for (const name of [
      "play",
      "pause",
      "ended",
      "volumechange",
      "durationchange",
      "ratechange",
      "seeked",
      "loadedmetadata",
      "emptied",
    ]) {
      video.addEventListener(name, draw);
    }
    for (const name of ["timeupdate", "progress", "seeking"]) video.addEventListener(name, () => this.#time());
    for (const name of ["waiting", "seeking", "play"]) video.addEventListener(name, () => this.#wait(true));
    for (const name of ["playing", "canplay", "seeked", "pause", "ended", "error"])
      video.addEventListener(name, () => this.#wait(false));
    for (const name of ["play", "pause", "ended"]) video.addEventListener(name, () => this.show());
  }

  #wait(is: boolean): void {
    clearTimeout(this.#ringing);
    const { video, source } = this.#acts;
    // The reason for the wait, where it is not the connection.
    const edge = is && source.growing && video.currentTime > source.edge - 1;
    setText(this.#edge, edge ? this.#kit.t("player-edge") : "");
    if (!is) {
      this.#ring.hidden = true;
    } else if (video.readyState < 3 || video.seeking) {
      this.#ringing = setTimeout(() => (this.#ring.hidden = video.paused && !video.seeking), RING_MS);
    }
  }

  /** What brings the controls back, and what sends them away. */
  #watch(): void {
    const host = this.#host;
    host.addEventListener("pointermove", (event) => {
      if (event.pointerType === "mouse") this.show();
    });
    host.addEventListener("pointerleave", (event) => {
      if (event.pointerType === "mouse") this.#rest();
    });
    // A press on a control keeps them; one on the picture is a gesture.
    this.root.addEventListener("pointerdown", () => this.show());
    host.addEventListener("focusin", () => this.show());
    host.addEventListener("keydown", () => this.show());
    gestures(this.#acts.video, this.#acts, {
      visible: () => !host.hasAttribute("data-idle"),
      started: () => host.hasAttribute("data-started"),
      show: () => this.show(),
      hide: () => this.#rest(),
      taken: (event) => this.#menu.dismissed === event,
    });
  }

  show(): void {
    this.#host.removeAttribute("data-idle");
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.#rest(), IDLE_MS);
  }

  #rest(): void {
    const { video } = this.#acts;
    const needed = video.paused || video.ended || this.#menu.open || this.#help.open || this.#seek.scrubbing;
    const byKeys = this.root.querySelector(":focus-visible");
    if (!needed && !byKeys) this.#host.setAttribute("data-idle", "");
  }

  /** A key anywhere on the page; whether it was the player's. */
  key(event: KeyboardEvent): boolean {
    if (this.#host.hasAttribute("data-broken") || this.root.hidden) return false;
    if (document.querySelector("dialog[open]") && !this.#help.open) return false;
    const { choices, screen } = this.#acts;
    if (!choices.keys && !this.#help.open) return false;
    const target = event.composedPath()[0];
    const inside = screen.isFull || this.#host.contains(document.activeElement);
    const found = command(event, focusOf(target instanceof Element ? target : null), inside);
    if (!found || (this.#help.open && found !== "help")) return false;
    this.#acts.do(found);
    // Without a message, the bar shows the effect of the key.
    this.show();
    return true;
  }

  #items(): Item[] {
    const { t } = this.#kit;
    const acts = this.#acts;
    const { screen, video, choices } = acts;
    const items: Item[] = acts.texts?.items() ?? [];
    const qualities = this.#qualities();
    if (qualities.length > 0) {
      items.push({
        part: "quality",
        icon: "sliders",
        text: t("player-quality"),
        value: this.#playing(),
        inside: () => this.#qualities(),
      });
    }
    const autoplay = {
      part: "autoplay",
      icon: "play",
      text: t("player-autoplay"),
      checked: choices.autoplay,
      act: () => acts.autoplay(),
    };
    items.push(
      {
        part: "speed",
        icon: "speed",
        text: t("player-speed"),
        value: this.#pace(choices.speed),
        inside: () => this.#speeds(),
      },
      { part: "loop", icon: "loop", text: t("player-loop"), checked: video.loop, act: () => acts.loop() },
      ...(location.pathname.startsWith("/v/") ? [autoplay] : []),
      {
        part: "link",
        icon: "link",
        text: t("player-link", { time: shown(video.currentTime) }),
        act: () => void acts.copyLink(),
      },
    );
    if (screen.canFloat)
      items.push({ part: "menu-pip", icon: "pip", text: t("player-pip"), narrow: true, act: () => screen.float() });
    items.push({ part: "keyboard", icon: "keyboard", text: t("player-keys"), act: () => this.#help.toggle() });
    return items;
  }

  /** `1.5×`, or the word for the usual speed. */
  #pace(speed: number): string {
    return speed === 1 ? this.#kit.t("player-usual") : `${speed}×`;
  }

  #speeds(): Item[] {
    const { choices } = this.#acts;
    return SPEEDS.map((speed) => ({
      part: `speed-${speed}`,
      text: this.#pace(speed),
      checked: choices.speed === speed,
      radio: true,
      act: () => this.#acts.speed(speed),
    }));
  }

  /** What plays: `720p`, or `Auto (720p)` where the line decides. */
  #playing(): string {
    const { hls } = this.#acts.source;
    if (!hls) return "";
    const name = names(hls.levels)[hls.currentLevel];
    if (!hls.autoLevelEnabled) return names(hls.levels)[hls.loadLevel] ?? "";
    return name ? `${this.#kit.t("player-auto")} (${name})` : this.#kit.t("player-auto");
  }

  #qualities(): Item[] {
    const { source } = this.#acts;
    const { hls } = source;
    // Of sound alone there is one version, which has no lines.
    if (!hls?.levels.some((level) => level.height > 0)) return [];
    const all = names(hls.levels);
    const auto = hls.autoLevelEnabled;
    const fixed: Item[] = sharpestFirst(hls.levels).map((n) => ({
      part: `quality-${n}`,
      text: all[n] ?? "",
      checked: !auto && hls.loadLevel === n,
      radio: true,
      act: () => this.#acts.quality(n, lines(hls.levels[n] ?? { width: 0, height: 0, bitrate: 0 })),
    }));
    const first: Item = {
      part: "quality-auto",
      text: auto ? this.#playing() : this.#kit.t("player-auto"),
      checked: auto,
      radio: true,
      act: () => this.#acts.quality(-1, 0),
    };
    return [first, ...fixed];
  }

  /** Other renditions, or another one of them plays. */
  levels(): void {
    this.#acts.texts?.sync();
    this.#menu.refresh();
    this.#time();
  }

  #time(): void {
    const { total, video } = this.#acts;
    setText(this.#now, shown(video.currentTime));
    setText(this.#total, shown(total));
    this.root.classList.toggle("pl-long", total >= 3600);
    this.#seek.draw();
  }

  /** Updates everything to the video's current state. */
  draw(): void {
    const kit = this.#kit;
    const { video, screen, choices } = this.#acts;
    const [icon, text] = video.ended
      ? ["replay", "player-replay"]
      : video.paused
        ? ["play", "player-play"]
        : ["pause", "player-pause"];
    for (const button of [this.#play, this.#big]) {
      kit.picture(button, icon ?? "play");
      kit.name(button, text ?? "player-play");
    }
    this.#host.toggleAttribute("data-ended", video.ended);
    if (!video.paused) this.#host.setAttribute("data-started", "");
    const { volume } = choices;
    const silent = video.muted || volume === 0;
    kit.picture(this.#mute, silent ? "volume-off" : volume < 0.5 ? "volume-low" : "volume");
    kit.name(this.#mute, silent ? "player-unmute" : "player-mute");
    const percent = silent ? 0 : Math.round(volume * 100);
    this.#volume.value = String(percent);
    this.#volume.style.setProperty("--at", `${percent}%`);
    this.#volume.setAttribute("aria-valuetext", `${percent}%`);
    kit.picture(this.#full, screen.isFull ? "full-end" : "full");
    kit.name(this.#full, screen.isFull ? "player-full-end" : "player-full");
    kit.name(this.#theatre, screen.isWide ? "player-theatre-end" : "player-theatre");
    kit.name(this.#pip, screen.isFloating ? "player-pip-end" : "player-pip");
    this.#time();
  }
}
