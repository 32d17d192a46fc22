// The player's place on the screen: all of it, a window of its own, or the width of the page.

/** What Safari has under other names. */
interface SafariVideo {
  webkitEnterFullscreen?(): void;
  webkitSupportsPresentationMode?(mode: string): boolean;
  webkitSetPresentationMode?(mode: string): void;
  webkitPresentationMode?: string;
}
interface Turnable {
  lock?(orientation: string): Promise<void>;
}

export class Screen {
  readonly #host: HTMLElement;
  readonly #video: HTMLVideoElement & SafariVideo;
  readonly #changed: () => void;

  constructor(host: HTMLElement, video: HTMLVideoElement, changed: () => void) {
    this.#host = host;
    this.#video = video;
    this.#changed = changed;
    host.addEventListener("fullscreenchange", changed);
    for (const name of ["enterpictureinpicture", "leavepictureinpicture"]) video.addEventListener(name, changed);
  }

  get isFull(): boolean {
    return document.fullscreenElement === this.#host;
  }

  get canFull(): boolean {
    return document.fullscreenEnabled || Boolean(this.#video.webkitEnterFullscreen);
  }

  full(): void {
    if (this.isFull) {
      void document.exitFullscreen().catch(() => {});
    } else if (document.fullscreenEnabled) {
      this.#host
        .requestFullscreen()
        .then(() => this.#turn())
        .catch(() => {});
    } else {
      // iPhones give the whole screen to a video only, under their own controls.
      this.#video.webkitEnterFullscreen?.();
    }
  }

  /** A phone held upright turns with a wide film, where the browser lets pages do that. */
  #turn(): void {
    const turnable = window.screen.orientation as unknown as Turnable | undefined;
    if (this.#video.videoWidth > this.#video.videoHeight) turnable?.lock?.("landscape").catch(() => {});
  }

  /** Sound alone has no picture to float. */
  get canFloat(): boolean {
    const { readyState, videoHeight } = this.#video;
    if (readyState > 0 && videoHeight === 0) return false;
    return (
      document.pictureInPictureEnabled || Boolean(this.#video.webkitSupportsPresentationMode?.("picture-in-picture"))
    );
  }

  get isFloating(): boolean {
    return (
      document.pictureInPictureElement === this.#video || this.#video.webkitPresentationMode === "picture-in-picture"
    );
  }

  float(): void {
    const video = this.#video;
    if (document.pictureInPictureEnabled) {
      const done = this.isFloating ? document.exitPictureInPicture() : video.requestPictureInPicture();
      void done.catch(() => {});
    } else {
      video.webkitSetPresentationMode?.(this.isFloating ? "inline" : "picture-in-picture");
    }
  }

  get isWide(): boolean {
    return this.#host.hasAttribute("data-theatre");
  }

  theatre(): void {
    const wide = !this.isWide;
    for (const element of [this.#host, this.#host.closest("article")]) element?.toggleAttribute("data-theatre", wide);
    if (wide) this.#host.scrollIntoView({ block: "nearest" });
    this.#changed();
  }
}
