// Where a part of the video begins and ends, for a link or a code to it. Loaded when the share panel opens.

import { exact, query, stretch } from "./clip";
import { part, show, type Texts } from "./dom";
import { parseTime } from "./player/time";

/** How long a new clip is, seconds. */
const LENGTH = 10;
/** The longest clip that the server sends as a file, seconds. */
const LONGEST = 600;

/** What the fields say: null while they are not used, or while they cannot be right. */
interface Chosen {
  from: number;
  to: number | null;
}

export class ClipForm {
  readonly #t: Texts;
  readonly #changed: (query: string | null) => void;
  readonly #on: HTMLInputElement;
  readonly #from: HTMLInputElement;
  readonly #to: HTMLInputElement;
  readonly #root: HTMLElement;

  private constructor(
    root: HTMLElement,
    t: Texts,
    fields: [HTMLInputElement, HTMLInputElement, HTMLInputElement],
    changed: (query: string | null) => void,
  ) {
    this.#root = root;
    this.#t = t;
    [this.#on, this.#from, this.#to] = fields;
    this.#changed = changed;
    const draw = () => this.#draw();
    this.#on.addEventListener("change", () => {
      if (this.#on.checked) this.#begin();
      this.#draw();
    });
    for (const field of [this.#from, this.#to]) {
      field.addEventListener("input", draw);
      field.addEventListener("focus", () => field.select());
    }
    this.#takes("from-now", this.#from);
    this.#takes("to-now", this.#to);
    const asked = stretch(location.search, this.#total);
    if (asked) this.#fill(asked);
    this.#on.checked = asked !== null;
    show(root, true);
    this.#draw();
  }

  /** In the share panel; `changed` gets the query of the link, empty while it cannot be right; null for the whole video. */
  static in(panel: HTMLElement, t: Texts, changed: (query: string | null) => void): ClipForm | null {
    const root = part(panel, "clip-form");
    const field = (name: string) => part<HTMLInputElement>(panel, name);
    const [on, from, to] = [field("clip-on"), field("clip-from"), field("clip-to")];
    return root && on && from && to ? new ClipForm(root, t, [on, from, to], changed) : null;
  }

  get #video(): HTMLVideoElement | null {
    return document.querySelector("virga-player video");
  }

  /** Length of the video, 0 where nobody knows it. */
  get #total(): number {
    const told = Number(this.#root.dataset.duration) || 0;
    const own = this.#video?.duration ?? Number.NaN;
    return told || (Number.isFinite(own) ? own : 0);
  }

  get #now(): number {
    return this.#video?.currentTime ?? 0;
  }

  /** The button beside a field. */
  #takes(name: string, field: HTMLInputElement): void {
    part(this.#root, name)?.addEventListener("click", () => {
      field.value = exact(this.#now);
      this.#draw();
    });
  }

  #fill({ from, to }: Chosen): void {
    this.#from.value = exact(from);
    this.#to.value = to === null ? "" : exact(to);
  }

  /** A clip from the present second on. */
  #begin(): void {
    if (this.#from.value || this.#to.value) return;
    const total = this.#total;
    const from = total > 0 && this.#now > total - 1 ? 0 : Math.floor(this.#now);
    const to = from + LENGTH;
    this.#fill({ from, to: total > 0 && to >= total ? total : to });
  }

  /** What the fields say, or what is wrong with them. */
  #read(): Chosen | { wrong: string; field: HTMLInputElement } {
    const total = this.#total;
    const [from, to] = [this.#from, this.#to].map((field) => (field.value.trim() ? parseTime(field.value) : undefined));
    if (from === null) return { wrong: this.#t("share-clip-time"), field: this.#from };
    if (to === null) return { wrong: this.#t("share-clip-time"), field: this.#to };
    if (total > 0 && (from ?? 0) >= total) {
      return { wrong: this.#t("share-clip-length", { time: exact(total) }), field: this.#from };
    }
    if (to !== undefined && to <= (from ?? 0)) return { wrong: this.#t("share-clip-order"), field: this.#to };
    const ends = to === undefined || (total > 0 && to >= total);
    return { from: from ?? 0, to: ends ? null : to };
  }

  #draw(): void {
    const on = this.#on.checked;
    show(part(this.#root, "clip-times"), on);
    const chosen = this.#read();
    const wrong = on && "wrong" in chosen ? chosen : null;
    for (const field of [this.#from, this.#to]) {
      if (wrong?.field === field) field.setAttribute("aria-invalid", "true");
      else field.removeAttribute("aria-invalid");
    }
    const said = part(this.#root, "clip-wrong");
    if (said && said.textContent !== (wrong?.wrong ?? "")) said.textContent = wrong?.wrong ?? "";
    const right = on && !("wrong" in chosen) ? chosen : null;
    this.#offer(right);
    this.#changed(right ? query(right.from, right.to) : on ? "" : null);
  }

  /** The clip as a file, where there is a plain file that it can be cut from. */
  #offer(chosen: Chosen | null): void {
    const link = part<HTMLAnchorElement>(this.#root, "clip-file");
    const { file } = this.#root.dataset;
    const to = chosen?.to ?? this.#total;
    const is = Boolean(link && file && chosen && to > chosen.from);
    const fits = is && chosen !== null && to - chosen.from <= LONGEST;
    show(link, fits);
    show(part(this.#root, "clip-long"), is && !fits);
    if (!link || !file || !chosen || !fits) return;
    const [begins, ends] = [chosen.from, to].map((at) => Math.round(at * 1000));
    link.href = file.replace(/fallback\.mp4$/, `clip-${begins}-${ends}.mp4`);
    const title = this.#video?.getAttribute("aria-label") ?? "";
    link.download = `${title} ${exact(chosen.from)}-${exact(to)}.mp4`.replaceAll(":", ".");
  }
}
