// On every page: menus that close, ages that grow, links that copy.

import { copied } from "./copy";
import { ago } from "./dom";
import "./hover";
import "./more";
import { choices, storage, wish } from "./player/keep";

document.addEventListener("click", (event) => {
  const target = event.target as Element | null;
  for (const menu of document.querySelectorAll<HTMLDetailsElement>("details.menu[open]")) {
    if (!target || !menu.contains(target)) menu.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll<HTMLDetailsElement>("details.menu[open]")) {
    menu.open = false;
    menu.querySelector("summary")?.focus();
  }
});

// `/` goes to the search field and `g h` home, where the keys are not somebody's writing and not
// switched off in the player.
let lead = 0;
document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.altKey || event.metaKey) return;
  if ((event.target as Element).closest("input, textarea, select, [contenteditable]") || !choices(storage()).keys)
    return;
  const led = event.timeStamp - lead < 1000;
  lead = event.key === "g" ? event.timeStamp : 0;
  if (event.key === "/") {
    event.preventDefault();
    const search = document.querySelector<HTMLInputElement>("#q");
    search?.focus();
    search?.select();
  } else if (event.key === "h" && led) {
    location.assign("/");
  }
});

// A plain click on a video's link is the wish to see it play; its page asks for that. Links to
// something else on that page carry a query or a fragment.
document.addEventListener("click", (event) => {
  if (event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.shiftKey || event.altKey || event.metaKey)
    return;
  const link = (event.target as Element).closest<HTMLAnchorElement>("a[href]");
  const id = link && /^\/v\/([^/]+)$/.exec(link.pathname)?.[1];
  if (id && link.origin === location.origin && !link.search && !link.hash) wish(storage(), id, Date.now());
});

// A cover that is gone leaves the placeholder beneath it.
const drop = (image: HTMLImageElement) => image.remove();
document.addEventListener(
  "error",
  (event) => {
    if (event.target instanceof HTMLImageElement && event.target.closest(".cover")) drop(event.target);
  },
  true,
);
for (const image of document.querySelectorAll<HTMLImageElement>(".cover img")) {
  if (image.complete && image.naturalWidth === 0 && image.loading !== "lazy") drop(image);
}

function refreshAges(): void {
  if (document.visibilityState !== "visible") return;
  for (const time of document.querySelectorAll("time[datetime]")) {
    const iso = time.getAttribute("datetime") ?? "";
    // Within the first minute the server's words stand.
    if (Date.now() - Date.parse(iso) >= 60_000) time.textContent = ago(iso);
  }
}
setInterval(refreshAges, 60_000);

for (const button of document.querySelectorAll<HTMLButtonElement>("button[data-copy]")) {
  button.addEventListener("click", async () => {
    const label = button.querySelector("span") ?? button;
    const before = label.textContent;
    if (!(await copied(new URL(button.dataset.copy ?? "", location.href).href))) return;
    label.textContent = button.dataset.copied ?? before;
    button.disabled = true;
    setTimeout(() => {
      label.textContent = before;
      button.disabled = false;
    }, 1500);
  });
}

// A form sent twice would do its work twice.
document.addEventListener("submit", (event) => {
  const form = event.target as HTMLFormElement;
  if (event.defaultPrevented || form.method !== "post") return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "1";
});
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll<HTMLFormElement>("form[data-sent]")) delete form.dataset.sent;
});
