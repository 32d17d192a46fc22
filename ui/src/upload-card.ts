// One file's card on the upload page: progress, the video's details, and its publication.

import { call, type Wire } from "./api";
import { ask } from "./ask";
import { bytes, clock, reason, refusal, show, slot, type Texts } from "./dom";
import { live } from "./events";
import { type Phase, type Start, Transfer } from "./transfer";
import type { Slots } from "./transfer/slots";
import type { Deps } from "./transfer/world";

const BADGE: Record<Phase, string> = {
  waiting: "upload-waiting",
  checking: "upload-checking",
  sending: "state-uploading",
  paused: "upload-paused",
  offline: "upload-offline",
  finishing: "upload-finishing",
  done: "upload-done",
  failed: "state-failed",
  cancelled: "state-deleted",
};

let count = 0;

/** What people say about a video. `published`: others may see it, as far as `visibility` lets them. */
export interface Details {
  title: string;
  published: boolean;
  description?: string;
  visibility?: Wire["Visibility"];
}

type Field = "title" | "description" | "visibility";

/** One file's card. */
export class Card {
  readonly transfer: Transfer;
  readonly #root: HTMLElement;
  readonly #t: Texts;
  readonly #changed: () => void;
  readonly #edited = new Set<Field>();
  #published: boolean;
  #painted = 0;
  #frame = 0;
  #phase: Phase | null = null;
  #timer = 0;
  #tick = 0;
  #saving: Promise<void> = Promise.resolve();
  #state = "";
  #following = false;

  constructor(
    root: HTMLElement,
    file: File,
    start: Pick<Start, "videoId" | "upload">,
    details: Details | null,
    deps: Deps,
    slots: Slots,
    t: Texts,
    changed: () => void,
  ) {
    this.#root = root;
    this.#t = t;
    this.#changed = changed;
    this.#published = details?.published ?? true;
    this.#fields(details);
    const { title = file.name } = details ?? {};
    const visibility = this.#visibility;
    // Private also where a release answers that does not know `publish_as`.
    const draft = this.#published
      ? { title, visibility }
      : { title, visibility: "private" as const, publish_as: visibility };
    this.transfer = new Transfer(file, { ...start, draft }, deps, slots, () => this.#soon());
    const name = slot(root, "file");
    if (name) name.textContent = file.name;
    slot(root, "pause")?.addEventListener("click", () => this.transfer.pause());
    slot(root, "resume")?.addEventListener("click", () => void this.transfer.run());
    slot(root, "publish")?.addEventListener("click", () => void this.#save(true));
    slot(root, "cancel")?.addEventListener("click", () => {
      const row = slot(root, "cancel")?.closest<HTMLElement>(".row");
      if (!row) return;
      ask(t, row, () => {
        void this.transfer.cancel();
        root.remove();
        changed();
      });
    });
    this.#paint();
    this.#announcePublication();
  }

  #field(name: Field): HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement | null {
    return slot<HTMLInputElement>(this.#root, name);
  }

  /** The options of its field are those of the wire. */
  get #visibility(): Wire["Visibility"] {
    return (this.#field("visibility")?.value ?? "private") as Wire["Visibility"];
  }

  /** Without details, because the site did not answer, the card offers none to change. */
  #fields(details: Details | null): void {
    count += 1;
    for (const name of ["title", "description", "visibility"] as const) {
      const field = this.#field(name);
      if (!field) continue;
      show(field.closest<HTMLElement>(".field"), details !== null);
      const value = details?.[name];
      if (value !== undefined) field.value = value;
      field.id = `${name}-${count}`;
      this.#root.querySelector(`[data-for="${name}"]`)?.setAttribute("for", field.id);
      field.addEventListener("input", () => {
        this.#edited.add(name);
        clearTimeout(this.#timer);
        this.#timer = window.setTimeout(() => void this.#save(false), name === "visibility" ? 0 : 700);
        this.#announcePublication();
      });
    }
  }

  /** While bytes move; one change after the other. */
  #save(publish: boolean): Promise<void> {
    clearTimeout(this.#timer);
    this.#saving = this.#saving.then(() => this.#saveNow(publish));
    return this.#saving;
  }

  async #saveNow(publish: boolean): Promise<void> {
    const note = slot(this.#root, "saved");
    if (!(this.#field("title") as HTMLInputElement | null)?.reportValidity()) return;
    if (publish) this.#edited.add("visibility");
    const draft = !publish && !this.#published;
    const patch: Wire["VideoPatch"] = {};
    for (const name of this.#edited) {
      if (name === "visibility") patch[draft ? "publish_as" : "visibility"] = this.#visibility;
      else patch[name] = this.#field(name)?.value ?? "";
    }
    this.#edited.clear();
    try {
      const id = await this.transfer.video();
      await call("PATCH", `/videos/${id}`, patch);
      this.#published ||= publish;
      if (note) note.textContent = this.#t("upload-saved");
    } catch (error) {
      for (const name of ["title", "description"] as const) if (name in patch) this.#edited.add(name);
      if (note) note.textContent = refusal(this.#t, error, "upload-failed");
    }
    this.#announcePublication();
  }

  /** The button that publishes, and what it did. */
  #announcePublication(): void {
    const plays = this.#plays;
    const hidden = this.#visibility === "private";
    const button = slot(this.#root, "publish");
    if (button) button.textContent = this.#t(hidden ? "publish-private" : plays ? "publish" : "publish-when-ready");
    show(button, !this.#published && this.#state !== "failed");
    const note = slot(this.#root, "published");
    const words = this.#published ? (hidden ? "" : plays ? "publish-done" : "publish-comes") : "publish-until";
    show(note, this.#state !== "failed");
    if (note) note.textContent = words && this.#t(words);
  }

  /** Paints at most ten times a second while bytes move, at once when the phase changes. */
  #soon(): void {
    if (this.transfer.phase !== this.#phase) {
      this.#paint();
      return;
    }
    if (this.#frame) return;
    const wait = Math.max(0, 100 - (performance.now() - this.#painted));
    this.#frame = window.setTimeout(() => this.#paint(), wait);
  }

  #paint(): void {
    clearTimeout(this.#frame);
    this.#frame = 0;
    this.#painted = performance.now();
    const { transfer } = this;
    const { phase, sent } = transfer;
    const size = transfer.file.size;
    const set = (name: string, text: string) => {
      const element = slot(this.#root, name);
      if (element && element.textContent !== text) element.textContent = text;
    };
    const bar = slot<HTMLProgressElement>(this.#root, "bar");
    const share = phase === "done" ? 1 : sent / size;
    if (bar) bar.value = share;
    const over = this.#state === "failed";
    show(bar, !over);
    show(slot(this.#root, "nums"), !over);
    const percent = this.#t("upload-percent", { percent: String(Math.floor(share * 100)) });
    set(
      "done",
      `${this.#t("upload-sent", { done: bytes(phase === "done" ? size : sent), total: bytes(size) })} · ${percent}`,
    );
    const [speed, wait] =
      phase === "sending" ? [transfer.speed, transfer.wait] : [0, transfer.active ? transfer.wait : 0];
    const words = speed > 0 ? this.#t("upload-speed", { speed: bytes(speed), time: clock((size - sent) / speed) }) : "";
    set("speed", wait > 0 ? this.#t("upload-away", { seconds: String(Math.ceil(wait / 1000)) }) : words);
    // A connection that went quiet sends no events: a timer updates the card.
    clearTimeout(this.#tick);
    if (transfer.active) this.#tick = window.setTimeout(() => this.#paint(), 1000);
    if (phase !== this.#phase) this.#turn(phase);
    this.#changed();
  }

  #turn(phase: Phase): void {
    this.#phase = phase;
    if (phase === "sending" || phase === "done") this.#follow();
    const failed = phase === "failed";
    const error = slot(this.#root, "error");
    if (error) error.textContent = failed ? this.#why() : "";
    show(error, failed);
    show(slot(this.#root, "pause"), this.transfer.active || phase === "waiting");
    show(slot(this.#root, "resume"), phase === "paused" || failed);
    show(slot(this.#root, "cancel"), phase !== "done");
    const watch = slot<HTMLAnchorElement>(this.#root, "watch");
    if (watch && this.transfer.videoId) {
      watch.href = `/v/${this.transfer.videoId}`;
      // During the upload its page opens in a new tab.
      watch.target = phase === "done" ? "" : "_blank";
      show(watch, true);
    }
    this.#badge(this.#t(BADGE[phase]), failed ? "failed" : phase === "done" ? "processing" : "uploading");
    if (phase === "done" && this.#plays) this.#badge(this.#t(`state-${this.#state}`), this.#state);
    this.#announceEarly();
  }

  get #plays(): boolean {
    return this.#state === "playable" || this.#state === "ready";
  }

  /** That it can be watched while it is uploaded. */
  #announceEarly(): void {
    const { phase } = this.transfer;
    show(slot(this.#root, "early"), this.#plays && phase !== "done" && phase !== "cancelled");
  }

  #why(): string {
    const { refused, failure } = this.transfer;
    return refused ? refusal(this.#t, refused, failure) : this.#t(failure);
  }

  #badge(words: string, state: string): void {
    const badge = slot(this.#root, "badge");
    if (!badge) return;
    badge.textContent = words;
    badge.dataset.state = state;
  }

  /** What becomes of it: some films play before their last byte is here. */
  #follow(): void {
    const id = this.transfer.videoId;
    if (!id || this.#following) return;
    this.#following = true;
    const stop = live().subscribe([id], (event) => {
      if (event.event !== "state" || event.state === this.#state) return;
      this.#state = event.state;
      this.#announceEarly();
      this.#announcePublication();
      if (this.transfer.phase !== "done") return;
      this.#badge(this.#t(`state-${event.state}`), event.state);
      const error = slot(this.#root, "error");
      if (event.state === "failed") this.#paint();
      if (event.failure && error) {
        error.textContent = reason(this.#t, event);
        show(error, true);
      }
      if (event.state === "ready" || event.state === "failed" || event.state === "deleted") stop();
    });
  }
}
