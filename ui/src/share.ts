// The share panel: copies the link and the code, both from the present second on or of a part of the video
// where that is wanted. Without it the panel is a link and a code to copy by hand.

import { copied } from "./copy";
import { part, show, type Texts, texts } from "./dom";
import { shown } from "./player/time";

class Share extends HTMLElement {
  #t: Texts = (key) => key;
  #link = "";
  #code = "";
  #at = 0;
  /** The query of a clip. */
  #clip: string | null = null;
  #form: Promise<unknown> | null = null;

  connectedCallback(): void {
    const details = this.querySelector("details");
    const link = part<HTMLInputElement>(this, "link");
    const code = part<HTMLTextAreaElement>(this, "code");
    const at = part<HTMLInputElement>(this, "at");
    if (!details || !link || !code || !at) return;
    this.#t = texts(this);
    // The page may be that of a clip.
    this.#link = link.value.replace(/\?.*/, "");
    this.#code = code.value.replace(/src="([^"?]*)[^"]*"/, 'src="$1"');
    const draw = () => {
      const query = this.#clip ?? (at.checked ? `?t=${this.#at}` : "");
      link.value = this.#link + query;
      const written = query.replaceAll("&", "&amp;");
      code.value = this.#code.replace(/src="([^"]*)"/, (_, src: string) => `src="${src}${written}"`);
      show(part(this, "start"), this.#clip === null && this.#at > 0);
    };
    // Beneath a tall player the panel may open, or grow, below the window's edge.
    const reveal = () => this.querySelector(".share-panel")?.scrollIntoView({ block: "nearest" });
    details.addEventListener("toggle", () => {
      if (!details.open) return;
      // The place is taken when the panel opens: it does not run on while one reads it.
      this.#at = Math.floor(document.querySelector<HTMLVideoElement>("virga-player video")?.currentTime ?? 0);
      const text = part(this, "at-text");
      if (text) text.textContent = this.#t("share-at", { time: shown(this.#at) });
      if (this.#at === 0) at.checked = false;
      if (this.#form !== null) draw();
      this.#form ??= import("./clip-form")
        .then(({ ClipForm }) => {
          ClipForm.in(this, this.#t, (query) => {
            const grows = this.#clip === null && query !== null;
            this.#clip = query;
            draw();
            if (grows) reveal();
          });
          draw();
          reveal();
        })
        .catch(() => {
          this.#form = null;
          draw();
        });
      reveal();
    });
    at.addEventListener("change", draw);
    for (const field of [link, code]) field.addEventListener("focus", () => field.select());
    this.#copies("copy-link", link);
    this.#copies("copy-code", code);
  }

  #copies(name: string, field: HTMLInputElement | HTMLTextAreaElement): void {
    const button = part<HTMLButtonElement>(this, name);
    const said = part(this, "said");
    if (!button) return;
    show(button, true);
    const words = button.textContent;
    button.addEventListener("click", async () => {
      if (!(await copied(field.value))) return;
      button.textContent = this.#t("copied");
      if (said) said.textContent = this.#t("copied");
      setTimeout(() => {
        button.textContent = words;
        if (said) said.textContent = "";
      }, 1500);
    });
  }
}

customElements.define("virga-share", Share);
