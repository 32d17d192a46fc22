// The upload page: choosing and dropping files, one card a file, going on with earlier ones.

import { call, type Video } from "./api";
import { bytes, clock, part, reason, refusal, show, slot, texts, type Texts } from "./dom";
import { live } from "./live";
import { Slots, Transfer, fingerprint, type Deps, type Phase, type SignedPart, type Upload } from "./transfer";

const slots = new Slots(3);
/** Files at work at once; the others wait their turn. */
const AT_ONCE = 2;

/** XMLHttpRequest, because fetch tells nothing while a body goes up. */
function put(target: SignedPart, body: Blob, progress: (sent: number) => void, signal: AbortSignal): Promise<{ status: number; wait: number }> {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    const end = (status: number) => {
      signal.removeEventListener("abort", abort);
      // A bucket's own answer has headers that pages may not read.
      const wait = target.url.startsWith("/") ? request.getResponseHeader("retry-after") : 0;
      resolve({ status, wait: Number(wait) || 0 });
    };
    const abort = () => request.abort();
    request.open(target.method, target.url);
    for (const [name, value] of Object.entries(target.headers)) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", (event) => progress(event.loaded));
    request.addEventListener("load", () => end(request.status));
    request.addEventListener("error", () => end(0));
    request.addEventListener("abort", () => end(0));
    signal.addEventListener("abort", abort);
    if (!target.fields) return request.send(body);
    const form = new FormData();
    for (const { name, value } of target.fields) form.append(name, value);
    form.append("file", body);
    request.send(form);
  });
}

async function digest(blob: Blob): Promise<string | null> {
  // Absent on plain http: then size and name must do.
  if (!globalThis.crypto?.subtle) return null;
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", await blob.arrayBuffer()));
  return [...hash].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

const deps: Deps = {
  server: {
    createVideo: (title, visibility) => call("POST", "/videos", { title, visibility }),
    createUpload: (upload) => call("POST", "/uploads", upload),
    parts: (id) => call("GET", `/uploads/${id}/parts`),
    sign: (id, numbers, proxied) => call("POST", `/uploads/${id}/parts/sign`, { numbers, proxied }),
    complete: (id) => call("POST", `/uploads/${id}/complete`),
    cancel: (id) => call("DELETE", `/uploads/${id}`),
    discard: (video) => call("DELETE", `/videos/${video}?now=true`),
  },
  put,
  digest,
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
    }),
  online: (signal) =>
    new Promise((resolve) => {
      if (navigator.onLine) return resolve();
      window.addEventListener("online", () => resolve(), { once: true });
      signal.addEventListener("abort", () => resolve(), { once: true });
    }),
  isOnline: () => navigator.onLine,
  random: Math.random,
  now: Date.now,
};

class UploadPage extends HTMLElement {
  #t: Texts = (key) => key;
  readonly #cards: Card[] = [];
  #open = new Map<string, Upload>();
  #target: string | undefined;
  #said = -1;

  connectedCallback(): void {
    this.#t = texts(this);
    this.#target = this.dataset.target;
    const input = this.querySelector<HTMLInputElement>("#files");
    const chosen = () => {
      if (!input?.files?.length) return;
      void this.#take([...input.files]);
      input.value = "";
    };
    input?.addEventListener("change", chosen);
    // Somebody was quicker than this script.
    chosen();
    this.#drops();
    for (const again of this.querySelectorAll<HTMLInputElement>("input[data-again]")) {
      again.addEventListener("change", () => void this.#again(again));
    }
    for (const button of this.querySelectorAll<HTMLButtonElement>("button[data-drop]")) {
      button.addEventListener("click", () => void this.#giveUp(button.dataset.drop ?? ""));
    }
    window.addEventListener("beforeunload", (event) => {
      if (this.#cards.some((card) => card.transfer.active)) event.preventDefault();
    });
  }

  /** The whole page takes files. */
  #drops(): void {
    let depth = 0;
    const carriesFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
    const mark = () => document.body.classList.toggle("dropping", depth > 0);
    document.addEventListener("dragenter", (event) => {
      if (!carriesFiles(event)) return;
      depth += 1;
      mark();
    });
    document.addEventListener("dragleave", (event) => {
      if (!carriesFiles(event)) return;
      depth = Math.max(0, depth - 1);
      mark();
    });
    document.addEventListener("dragover", (event) => {
      if (carriesFiles(event)) event.preventDefault();
    });
    document.addEventListener("drop", (event) => {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      depth = 0;
      mark();
      const items = [...(event.dataTransfer?.items ?? [])];
      const folder = items.some((item) => item.webkitGetAsEntry?.()?.isDirectory);
      const files = items
        .filter((item) => item.kind === "file" && !item.webkitGetAsEntry?.()?.isDirectory)
        .map((item) => item.getAsFile())
        .filter((file) => file !== null);
      void this.#take(files);
      if (folder) this.#refuse(this.#t("upload-folder"));
    });
  }

  #refuse(words: string): void {
    const note = part(this, "refused");
    if (note) note.textContent = words;
    show(note, words !== "");
  }

  async #take(files: File[]): Promise<void> {
    this.#refuse("");
    try {
      const open = await call<Upload[]>("GET", "/uploads");
      this.#open = new Map(open.map((upload) => [upload.fingerprint, upload]));
    } catch {
      // Then every file simply starts anew.
    }
    const most = Number(this.dataset.uploadMax ?? 0);
    for (const file of files) {
      if (file.size === 0) this.#refuse(`${file.name}: ${this.#t("upload-empty")}`);
      else if (most > 0 && file.size > most) this.#refuse(`${file.name}: ${this.#t("upload-too-large")}`);
      else await this.#add(file, this.#open.get(fingerprint(file)));
    }
    this.#next();
  }

  /** The same file again, for an upload that stands open. */
  async #again(input: HTMLInputElement): Promise<void> {
    const file = input.files?.[0];
    const id = input.dataset.again;
    input.value = "";
    if (!file || !id) return;
    this.#refuse("");
    try {
      const upload = await call<Upload>("GET", `/uploads/${id}`);
      const same = upload.size === file.size && (upload.fingerprint === fingerprint(file) || upload.file_name === file.name);
      if (!same) return this.#refuse(this.#t("upload-other-file"));
      await this.#add(file, upload);
      this.#next();
    } catch (error) {
      this.#refuse(refusal(this.#t, error, "upload-failed"));
    }
  }

  async #giveUp(id: string): Promise<void> {
    try {
      await call("DELETE", `/uploads/${id}`);
    } catch (error) {
      return this.#refuse(refusal(this.#t, error, "upload-failed"));
    }
    this.querySelector(`[data-open="${id}"]`)?.remove();
    show(part(this, "open"), this.querySelector("[data-open]") !== null);
  }

  async #add(file: File, upload?: Upload): Promise<void> {
    if (upload && this.#cards.some((card) => card.transfer.upload?.id === upload.id)) return;
    let title = file.name.replace(/\.[^.]+$/, "").trim().slice(0, 200) || file.name.slice(0, 200);
    let visibility = "public";
    const videoId = upload?.video_id ?? this.#target;
    if (videoId) {
      try {
        ({ title, visibility } = await call<Video>("GET", `/videos/${videoId}`));
      } catch {
        // Its card shows the file's name instead.
      }
    }
    const template = part<HTMLTemplateElement>(this, "card");
    const list = part(this, "list");
    const root = (template?.content.cloneNode(true) as DocumentFragment | undefined)?.firstElementChild as HTMLElement | null;
    if (!root || !list) return;
    const start = { title, visibility, ...(videoId ? { videoId } : {}), ...(upload ? { upload } : {}) };
    this.#target = undefined;
    const card = new Card(root, file, start, this.#t, () => {
      this.#announce();
      this.#next();
    });
    this.#cards.push(card);
    list.append(root);
    if (upload) {
      this.querySelector(`[data-open="${upload.id}"]`)?.remove();
      show(part(this, "open"), this.querySelector("[data-open]") !== null);
    }
  }

  #next(): void {
    const working = this.#cards.filter((card) => card.transfer.active).length;
    const waiting = this.#cards.filter((card) => card.transfer.phase === "waiting");
    for (const card of waiting.slice(0, Math.max(0, AT_ONCE - working))) void card.transfer.run();
  }

  /** Progress of all files together, said at steps of ten. */
  #announce(): void {
    const cards = this.#cards.filter((card) => card.transfer.phase !== "cancelled");
    const total = cards.reduce((sum, card) => sum + card.transfer.file.size, 0);
    const sent = cards.reduce((sum, card) => sum + card.transfer.sent, 0);
    const step = total > 0 ? Math.floor((sent / total) * 10) * 10 : 0;
    if (step === this.#said) return;
    this.#said = step;
    const status = part(this, "status");
    if (status) status.textContent = this.#t("upload-percent", { percent: String(step) });
  }
}

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

/** One file's card. */
class Card {
  readonly transfer: Transfer;
  readonly #root: HTMLElement;
  readonly #t: Texts;
  readonly #changed: () => void;
  #painted = 0;
  #frame = 0;
  #phase: Phase | null = null;
  #save = 0;
  #state = "";

  constructor(root: HTMLElement, file: File, start: { title: string; visibility: string; videoId?: string; upload?: Upload }, t: Texts, changed: () => void) {
    this.#root = root;
    this.#t = t;
    this.#changed = changed;
    this.transfer = new Transfer(file, start, deps, slots, () => this.#soon());
    this.#fields(start.title, start.visibility);
    const name = slot(root, "file");
    if (name) name.textContent = file.name;
    slot(root, "pause")?.addEventListener("click", () => this.transfer.pause());
    slot(root, "resume")?.addEventListener("click", () => void this.transfer.run());
    slot(root, "cancel")?.addEventListener("click", () => {
      void this.transfer.cancel();
      root.remove();
    });
    this.#paint();
  }

  #fields(title: string, visibility: string): void {
    count += 1;
    const input = slot<HTMLInputElement>(this.#root, "title");
    const select = slot<HTMLSelectElement>(this.#root, "visibility");
    if (!input || !select) return;
    input.value = title;
    select.value = visibility;
    for (const [field, name] of [[input, "title"], [select, "visibility"]] as const) {
      field.id = `${name}-${count}`;
      this.#root.querySelector(`[data-for="${name}"]`)?.setAttribute("for", field.id);
      const wait = name === "title" ? 700 : 0;
      field.addEventListener("input", () => {
        clearTimeout(this.#save);
        this.#save = window.setTimeout(() => void this.#saveFields(input, select), wait);
      });
    }
  }

  /** While bytes move; before the draft stands, a moment later. */
  async #saveFields(input: HTMLInputElement, select: HTMLSelectElement): Promise<void> {
    const note = slot(this.#root, "saved");
    if (!this.transfer.videoId || !input.reportValidity()) {
      if (!this.transfer.videoId) this.#save = window.setTimeout(() => void this.#saveFields(input, select), 500);
      return;
    }
    try {
      await call("PATCH", `/videos/${this.transfer.videoId}`, { title: input.value, visibility: select.value });
      if (note) note.textContent = this.#t("upload-saved");
    } catch (error) {
      if (note) note.textContent = refusal(this.#t, error, "upload-failed");
    }
  }

  /** Paints at most ten times a second while bytes move, at once when the phase changes. */
  #soon(): void {
    if (this.transfer.phase !== this.#phase) return this.#paint();
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
    const set = (name: string, words: string) => {
      const element = slot(this.#root, name);
      if (element && element.textContent !== words) element.textContent = words;
    };
    const bar = slot<HTMLProgressElement>(this.#root, "bar");
    const share = phase === "done" ? 1 : sent / size;
    if (bar) bar.value = share;
    const percent = this.#t("upload-percent", { percent: String(Math.floor(share * 100)) });
    set("done", `${this.#t("upload-sent", { done: bytes(phase === "done" ? size : sent), total: bytes(size) })} · ${percent}`);
    const speed = phase === "sending" ? transfer.speed : 0;
    set("speed", speed > 0 ? this.#t("upload-speed", { speed: bytes(speed), time: clock((size - sent) / speed) }) : "");
    if (phase !== this.#phase) this.#turn(phase);
    this.#changed();
  }

  #turn(phase: Phase): void {
    this.#phase = phase;
    if (phase === "done") this.#follow();
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
      // While bytes move its page opens beside this one.
      watch.target = phase === "done" ? "" : "_blank";
      watch.classList.toggle("btn-main", phase === "done");
      show(watch, true);
    }
    this.#badge(this.#t(BADGE[phase]), failed ? "failed" : phase === "done" ? "processing" : "uploading");
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

  /** After the last byte: what becomes of it. */
  #follow(): void {
    const id = this.transfer.videoId;
    if (!id) return;
    const stop = live().subscribe([id], (event) => {
      if (event.event !== "state" || !event.state || event.state === this.#state) return;
      this.#state = event.state;
      this.#badge(this.#t(`state-${event.state}`), event.state);
      const error = slot(this.#root, "error");
      if (event.failure && error) {
        error.textContent = reason(this.#t, event);
        show(error, true);
      }
      if (event.state === "ready" || event.state === "failed" || event.state === "deleted") stop();
    });
  }
}

customElements.define("virga-upload", UploadPage);
