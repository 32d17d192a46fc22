// The upload page: choosing and dropping files, one card a file, going on with earlier ones.

import { call } from "./api";
import { ask } from "./ask";
import { part, refusal, show, type Texts, texts } from "./dom";
import { refusedBytes, SNIFF_LENGTH } from "./sniff";
import { cut, fingerprint } from "./transfer/file";
import { Slots } from "./transfer/slots";
import type { Upload } from "./transfer/world";
import { deps } from "./upload-browser";
import { Card, type Details } from "./upload-card";

const slots = new Slots(4);
/** Files at work at once; the others wait their turn. */
const AT_ONCE = 2;

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
      const row = button.closest<HTMLElement>(".row.between");
      button.addEventListener(
        "click",
        () => row && ask(this.#t, row, () => void this.#giveUp(button.dataset.drop ?? "")),
      );
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

  /** Adds a refusal to the list; without a text it clears the list. */
  #refuse(words: string): void {
    const note = part(this, "refused");
    if (!words) note?.replaceChildren();
    else if (note?.childNodes.length) note.append(document.createElement("br"), words);
    else note?.append(words);
    show(note, words !== "");
  }

  /** Why the site would not take a file, as far as its size and its first bytes tell. */
  async #unfit(file: File, most: number): Promise<string> {
    if (file.size === 0) return this.#t("upload-empty");
    if (most > 0 && file.size > most) return this.#t("upload-too-large");
    try {
      const code = refusedBytes(new Uint8Array(await file.slice(0, SNIFF_LENGTH).arrayBuffer()));
      return code ? this.#t(`reason-${code}`) : "";
    } catch {
      return this.#t("upload-changed");
    }
  }

  async #take(files: File[]): Promise<void> {
    this.#refuse("");
    try {
      const open = await call("GET", "/uploads");
      this.#open = new Map(open.map((upload) => [upload.fingerprint, upload]));
    } catch {
      // Then every file simply starts over.
    }
    const most = Number(this.dataset.uploadMax ?? 0);
    for (const file of files) {
      const words = await this.#unfit(file, most);
      if (words) this.#refuse(`${file.name}: ${words}`);
      else await this.#add(file, this.#open.get(fingerprint(file)));
    }
    this.#next();
  }

  /** The same file again, for an unfinished upload. */
  async #again(input: HTMLInputElement): Promise<void> {
    const file = input.files?.[0];
    const id = input.dataset.again;
    input.value = "";
    if (!file || !id) return;
    this.#refuse("");
    try {
      const upload = await call("GET", `/uploads/${id}`);
      const same =
        upload.size === file.size && (upload.fingerprint === fingerprint(file) || upload.file_name === file.name);
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
    if (upload && this.#cards.some(({ transfer }) => transfer.upload?.id === upload.id)) return;
    const title =
      cut(
        file.name
          .replace(/\.[^.]+$/, "")
          .trim()
          .normalize(),
        200,
      ) || cut(file.name, 200);
    const videoId = upload?.video_id ?? this.#target;
    const details = videoId ? await this.#details(videoId) : { title, published: "atOnce" in this.dataset };
    const template = part<HTMLTemplateElement>(this, "card");
    const list = part(this, "list");
    const root = (template?.content.cloneNode(true) as DocumentFragment | undefined)
      ?.firstElementChild as HTMLElement | null;
    if (!root || !list) return;
    const start = { ...(videoId ? { videoId } : {}), ...(upload ? { upload } : {}) };
    this.#target = undefined;
    const card = new Card(root, file, start, details, deps, slots, this.#t, () => {
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

  /** What the site knows of a video already; null where it does not answer. */
  async #details(video: string): Promise<Details | null> {
    try {
      const found = await call("GET", `/videos/${video}`);
      const { title, description, visibility, publish_as } = found;
      return { title, description, visibility: publish_as ?? visibility, published: !publish_as };
    } catch {
      return null;
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

customElements.define("virga-upload", UploadPage);
