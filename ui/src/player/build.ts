// Makes the controls' elements: no markup from text, as the policy asks.

import type { Texts } from "../dom";

type Attributes = Record<string, string>;

/** Creates an element with attributes and children. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...inside: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...inside);
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

/** What every control needs to be built: texts and the address of the icons. */
export class Kit {
  readonly t: Texts;
  readonly #sheet: string;

  constructor(t: Texts, sheet: string) {
    this.t = t;
    this.#sheet = sheet;
  }

  icon(name: string): SVGElement {
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("class", "icon");
    svg.setAttribute("aria-hidden", "true");
    const use = document.createElementNS(SVG, "use");
    use.setAttribute("href", `${this.#sheet}#${name}`);
    svg.append(use);
    return svg;
  }

  /** A button of an icon alone; `key` is the key that does the same. */
  button(part: string, icon: string, text: string, key = ""): HTMLButtonElement {
    const button = el("button", { type: "button", class: `pl-btn pl-${part}`, "data-part": part }, this.icon(icon));
    if (key) button.setAttribute("aria-keyshortcuts", key);
    this.name(button, text);
    return button;
  }

  /** What a button is called, also as its tip. */
  name(button: HTMLElement, text: string): void {
    const label = this.t(text);
    if (button.getAttribute("aria-label") === label) return;
    button.setAttribute("aria-label", label);
    const key = button.getAttribute("aria-keyshortcuts");
    button.title = key ? `${label} (${key.toLowerCase()})` : label;
  }

  /** Another picture on a button. */
  picture(button: HTMLElement, icon: string): void {
    const use = button.querySelector("use");
    const href = `${this.#sheet}#${icon}`;
    if (use && use.getAttribute("href") !== href) use.setAttribute("href", href);
  }
}

/** Changes a text only if it differs: screen readers announce each change. */
export function setText(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}
