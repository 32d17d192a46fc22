// The share panel: copies the link and the code, both from the present second on where that is
// wanted. Without it the panel is a link and a code to copy by hand.

import { copied } from "./copy";
import { part, show, type Texts, texts } from "./dom";
import { shown } from "./player/time";

class Share extends HTMLElement {
  #t: Texts = (key) => key;
  #link = "";
  #code = "";
  #at = 0;

  connectedCallback(): void {
    const details = this.querySelector("details");
    const link = part<HTMLInputElement>(this, "link");
    const code = part<HTMLTextAreaElement>(this, "code");
    const at = part<HTMLInputElement>(this, "at");
    if (!details || !link || !code || !at) return;
    this.#t = texts(this);
    [this.#link, this.#code] = [link.value, code.value];
    const draw = () => {
      const t = at.checked ? `?t=${this.#at}` : "";
      link.value = this.#link + t;
      code.value = t ? this.#code.replace(/src="([^"]*)"/, (_, src: string) => `src="${src}${t}"`) : this.#code;
    };
    details.addEventListener("toggle", () => {
      if (!details.open) return;
      // The place is taken when the panel opens: it does not run on while one reads it.
      this.#at = Math.floor(document.querySelector<HTMLVideoElement>("virga-player video")?.currentTime ?? 0);
      const text = part(this, "at-text");
      if (text) text.textContent = this.#t("share-at", { time: shown(this.#at) });
      show(part(this, "start"), this.#at > 0);
      if (this.#at === 0) at.checked = false;
      draw();
      // Beneath a tall player the panel may open below the window's edge.
      this.querySelector(".share-panel")?.scrollIntoView({ block: "nearest" });
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
