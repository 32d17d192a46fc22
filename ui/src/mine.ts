// My videos: states and progress as they change.

import { reason, show, slot, type Texts, texts } from "./dom";
import { type LiveEvent, live, type StateEvent } from "./events";

const UNFINISHED = new Set(["uploading", "processing", "playable"]);

class Mine extends HTMLElement {
  #leave: () => void = () => {};
  #t: Texts = (key) => key;

  connectedCallback(): void {
    const t = texts(this);
    this.#t = t;
    const rows = new Map<string, HTMLElement>();
    for (const row of this.querySelectorAll<HTMLElement>("[data-unfinished]")) {
      if (row.dataset.video) rows.set(row.dataset.video, row);
    }
    const listen = () => {
      this.#leave();
      if (rows.size > 0) this.#leave = live().subscribe([...rows.keys()], hear);
    };
    const hear = (event: LiveEvent) => {
      const row = rows.get(event.id);
      if (!row) return;
      if (event.event === "progress") {
        const bar = slot<HTMLProgressElement>(row, "bar");
        if (bar) bar.value = event.progress;
        show(bar, true);
      } else if (event.event === "state") {
        this.#state(row, event, t(`state-${event.state}`));
        if (!UNFINISHED.has(event.state)) {
          rows.delete(event.id);
          listen();
        }
      }
    };
    listen();
  }

  disconnectedCallback(): void {
    this.#leave();
  }

  #state(row: HTMLElement, event: StateEvent, words: string): void {
    const { state } = event;
    const badge = slot(row, "badge");
    if (badge && row.dataset.state !== state) {
      badge.dataset.state = state;
      badge.textContent = words;
    }
    row.dataset.state = state;
    if (state === "ready" || state === "failed" || state === "deleted") show(slot(row, "bar"), false);
    const failure = slot(row, "failure");
    if (failure && event.failure) failure.textContent = reason(this.#t, event);
    show(failure, Boolean(event.failure));
  }
}
customElements.define("virga-mine", Mine);
