// The gear menu, by the pattern of a menu button: arrows move, Enter chooses, Escape closes and
// gives the focus back. It is in the top layer, so that a small player does not cut it off.

import { el, type Kit } from "./build";

/** An entry: it does something, opens the entries of `inside`, or is one of several choices. */
export interface Item {
  part: string;
  text: string;
  icon?: string;
  /** The current choice, shown after the text. */
  value?: string;
  /** Set where the entry is a choice: whether it is the one. */
  checked?: boolean;
  /** One of several, of which one is chosen; else by itself on or off. */
  radio?: boolean;
  /** Shown only where the bar has no room for its button. */
  narrow?: boolean;
  inside?: () => Item[];
  act?: () => void;
}

export class Menu {
  readonly button: HTMLButtonElement;
  readonly root: HTMLElement;
  readonly #kit: Kit;
  readonly #items: () => Item[];
  readonly #host: HTMLElement;
  #opened: string | null = null;
  /** The press outside the menu that closed it; it has no other effect. */
  dismissed: Event | null = null;
  readonly #away = (event: Event) => {
    const target = event.target as Node;
    if (this.root.contains(target) || this.button.contains(target)) return;
    this.dismissed = event;
    this.close(false);
  };
  readonly #place = () => this.#put();

  constructor(kit: Kit, host: HTMLElement, items: () => Item[]) {
    this.#kit = kit;
    this.#items = items;
    this.#host = host;
    this.button = kit.button("gear", "gear", "player-settings");
    this.root = el("div", {
      class: "pl-menu",
      role: "menu",
      id: "pl-menu",
      "data-part": "menu",
      popover: "manual",
      "aria-label": kit.t("player-settings"),
      hidden: "",
    });
    this.button.setAttribute("aria-haspopup", "menu");
    this.button.setAttribute("aria-expanded", "false");
    this.button.setAttribute("aria-controls", "pl-menu");
    this.button.addEventListener("click", () => (this.open ? this.close() : this.show()));
    this.button.addEventListener("keydown", (event) => {
      if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
      event.preventDefault();
      event.stopPropagation();
      this.show(event.key === "ArrowUp");
    });
    this.root.addEventListener("keydown", (event) => this.#key(event));
    this.root.addEventListener("focusout", (event) => {
      const to = event.relatedTarget as Node | null;
      if (this.open && to && !this.root.contains(to) && to !== this.button) this.close(false);
    });
  }

  get open(): boolean {
    return !this.root.hidden;
  }

  show(last = false): void {
    this.root.hidden = false;
    this.root.showPopover?.();
    this.button.setAttribute("aria-expanded", "true");
    this.#fill(null);
    const rows = this.#rows();
    (last ? rows.at(-1) : rows[0])?.focus({ preventScroll: true });
    document.addEventListener("pointerdown", this.#away, true);
    window.addEventListener("resize", this.#place);
    window.addEventListener("scroll", this.#place, { passive: true });
  }

  close(back = true): void {
    if (!this.open) return;
    this.root.hidePopover?.();
    this.root.hidden = true;
    this.#opened = null;
    this.button.setAttribute("aria-expanded", "false");
    document.removeEventListener("pointerdown", this.#away, true);
    window.removeEventListener("resize", this.#place);
    window.removeEventListener("scroll", this.#place);
    if (back) this.button.focus({ preventScroll: true });
  }

  /** The same entries again, after one of their values changed. */
  refresh(): void {
    if (!this.open) return;
    const part = (document.activeElement as HTMLElement | null)?.dataset.part;
    this.#fill(this.#opened);
    this.#rows()
      .find((row) => row.dataset.part === part)
      ?.focus({ preventScroll: true });
  }

  /** Above the gear; on small screens along the lower edge. */
  #put(): void {
    const box = this.#host.getBoundingClientRect();
    const gear = this.button.getBoundingClientRect();
    const width = document.documentElement.clientWidth;
    const top = Math.max(0, box.top);
    const low = width < 480 || gear.top - top < 220;
    this.root.classList.toggle("pl-low", low);
    const { style } = this.root;
    style.right = low ? "" : `${Math.max(8, width - box.right + 12)}px`;
    style.bottom = low ? "" : `${window.innerHeight - gear.top + 12}px`;
    style.maxHeight = low ? "" : `${gear.top - top - 24}px`;
  }

  #fill(opened: string | null): void {
    this.#opened = opened;
    const parent = opened === null ? null : this.#items().find((item) => item.part === opened);
    const items = parent?.inside?.() ?? this.#items();
    const rows = items.map((item) => this.#row(item));
    if (parent) rows.unshift(this.#back(parent));
    this.root.replaceChildren(...rows);
    this.#put();
  }

  #row(item: Item): HTMLElement {
    const role = item.checked === undefined ? "menuitem" : item.radio ? "menuitemradio" : "menuitemcheckbox";
    const row = el("button", { type: "button", role, tabindex: "-1", class: "pl-item", "data-part": item.part });
    const icon = item.checked === undefined ? (item.icon ?? "") : item.radio ? "check" : (item.icon ?? "");
    row.append(
      icon ? this.#kit.icon(icon) : el("span", { class: "icon" }),
      el("span", { class: "pl-words" }, item.text),
    );
    if (item.value) row.append(el("span", { class: "pl-value" }, item.value));
    if (item.checked !== undefined) {
      row.setAttribute("aria-checked", String(item.checked));
      if (!item.radio) row.append(el("span", { class: "pl-switch", "aria-hidden": "true" }));
    }
    if (item.inside) {
      row.setAttribute("aria-haspopup", "menu");
      row.append(this.#kit.icon("onward"));
    }
    if (item.narrow) row.classList.add("pl-narrow");
    row.addEventListener("click", (event) => this.#choose(item, event.detail > 0));
    return row;
  }

  #back(parent: Item): HTMLElement {
    const row = el("button", {
      type: "button",
      role: "menuitem",
      tabindex: "-1",
      class: "pl-item pl-back",
      "data-part": "back",
    });
    row.append(this.#kit.icon("back"), el("span", { class: "pl-words" }, parent.text));
    row.addEventListener("click", () => this.#leave());
    return row;
  }

  #leave(): void {
    const from = this.#opened;
    this.#fill(null);
    (this.#rows().find((row) => row.dataset.part === from) ?? this.#rows()[0])?.focus({ preventScroll: true });
  }

  #choose(item: Item, byPointer: boolean): void {
    if (item.inside) {
      this.#fill(item.part);
      const rows = this.#rows();
      (rows.find((row) => row.getAttribute("aria-checked") === "true") ?? rows[1] ?? rows[0])?.focus();
      return;
    }
    if (item.checked !== undefined && !item.radio) {
      item.act?.();
      this.refresh();
      return;
    }
    this.close(!byPointer);
    if (byPointer) this.#host.focus({ preventScroll: true });
    item.act?.();
  }

  #rows(): HTMLElement[] {
    return [...this.root.querySelectorAll<HTMLElement>("[role^=menuitem]")].filter(
      (row) => row.getClientRects().length > 0,
    );
  }

  #key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const rows = this.#rows();
    const now = rows.indexOf(document.activeElement as HTMLElement);
    const to: Record<string, number> = {
      ArrowDown: (now + 1) % rows.length,
      ArrowUp: (Math.max(now, 0) - 1 + rows.length) % rows.length,
      Home: 0,
      End: rows.length - 1,
    };
    const { key } = event;
    if (key === "Tab") {
      this.close(false);
      return;
    }
    if (key === "Escape") {
      if (this.#opened) this.#leave();
      else this.close();
    } else if (key === "ArrowLeft") {
      if (this.#opened) this.#leave();
    } else if (key === "ArrowRight") {
      if (rows[now]?.getAttribute("aria-haspopup")) rows[now]?.click();
    } else if (key in to) {
      rows[to[key] ?? 0]?.focus();
    } else if (key !== "Enter" && key !== " ") {
      return;
    } else {
      rows[now]?.click();
    }
    event.preventDefault();
    event.stopPropagation();
  }
}
