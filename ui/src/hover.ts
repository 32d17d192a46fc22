// Which card is looked into: the one that the mouse rests on for a moment, or that has the keyboard's
// focus. Not by touch, where nothing hovers, nor for those who want less motion or save data.

const REST_MS = 500;

let ends: AbortController | null = null;
let over: Element | null = null;

function unwanted(): boolean {
  const { connection } = navigator as { connection?: { saveData?: boolean } };
  return connection?.saveData === true || matchMedia("(prefers-reduced-motion: reduce)").matches;
}

function enter(target: EventTarget | null): void {
  const card = target instanceof Element ? target.closest(".vcard") : null;
  if (card === over) return;
  ends?.abort();
  over = card;
  const cover = card?.querySelector<HTMLElement>("[data-storyboard]");
  if (!cover || unwanted()) return;
  const begun = new AbortController();
  ends = begun;
  setTimeout(async () => {
    if (begun.signal.aborted) return;
    const { peek } = await import("./peek");
    if (!begun.signal.aborted) await peek(cover, begun.signal);
  }, REST_MS);
}

document.addEventListener("pointerover", (event) => {
  if (event.pointerType === "mouse") enter(event.target);
});
document.documentElement.addEventListener("pointerleave", () => enter(null));
document.addEventListener("focusin", (event) => {
  if (event.target instanceof Element && event.target.matches(":focus-visible")) enter(event.target);
});
document.addEventListener("focusout", (event) => {
  if (event.relatedTarget === null) enter(null);
});
