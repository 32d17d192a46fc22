// The sheet of keys, with the switch that turns them off.

import type { Acts } from "./acts";
import { el, type Kit } from "./build";

/** Keys, and what each does. */
const KEYS: [string[], string][] = [
  [["Space", "K"], "player-key-play"],
  [["J", "L"], "player-key-ten"],
  [["←", "→"], "player-key-five"],
  [["↑", "↓"], "player-key-volume"],
  [["M"], "player-key-mute"],
  [["F"], "player-key-full"],
  [["T"], "player-key-theatre"],
  [["I"], "player-key-pip"],
  [["C"], "player-key-texts"],
  [["0 – 9"], "player-key-tenths"],
  [["Home", "End"], "player-key-ends"],
  [[",", "."], "player-key-frame"],
  [["<", ">"], "player-key-speed"],
  [["/"], "player-key-search"],
  [["G H"], "player-key-home"],
  [["?"], "player-key-help"],
];

export class Help {
  readonly root: HTMLDialogElement;
  readonly #kit: Kit;
  readonly #acts: Acts;

  constructor(kit: Kit, acts: Acts) {
    this.#kit = kit;
    this.#acts = acts;
    this.root = el("dialog", { class: "pl-help", "aria-labelledby": "pl-help-title", "data-part": "help" });
    this.root.addEventListener("click", (event) => {
      // The veil around the sheet is the dialog itself.
      if (event.target === this.root) this.root.close();
    });
  }

  get open(): boolean {
    return this.root.open;
  }

  toggle(): void {
    if (this.open) {
      this.root.close();
    } else {
      this.#fill();
      this.root.showModal();
    }
  }

  /** The space bar is named in the page's language; the others as they are labelled. */
  #key(key: string): HTMLElement {
    return key === "Space" ? el("kbd", {}, this.#kit.t("player-name-space")) : el("kbd", { lang: "en" }, key);
  }

  /** Built when it is first wanted. */
  #fill(): void {
    if (this.root.firstChild) return;
    const { t } = this.#kit;
    const list = el("dl", { class: "pl-keys" });
    for (const [keys, text] of KEYS) {
      const names = keys.flatMap((key, n) => [...(n > 0 ? [" "] : []), this.#key(key)]);
      list.append(el("div", {}, el("dt", {}, ...names), el("dd", {}, t(text))));
    }
    const box = el("input", { type: "checkbox", "data-part": "keys" });
    box.checked = this.#acts.choices.keys;
    box.addEventListener("change", () => this.#acts.keys(box.checked));
    const close = el(
      "button",
      { type: "button", class: "btn btn-small", "data-part": "help-close" },
      t("player-close"),
    );
    close.addEventListener("click", () => this.root.close());
    this.root.append(
      el(
        "div",
        { class: "pl-sheet" },
        el("h2", { id: "pl-help-title", tabindex: "-1", autofocus: "" }, t("player-keys")),
        list,
        el(
          "div",
          { class: "row between" },
          el("label", { class: "choice" }, box, el("span", {}, t("player-keys-on"))),
          close,
        ),
      ),
    );
  }
}
