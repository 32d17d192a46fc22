// "Show more" of a list appends the next page to this one. Without script it is a link to that page.

/** The document at an address, if it answers. Not by `DOMParser`: the content policy forbids markup from text. */
function load(href: string): Promise<Document | null> {
  return new Promise((done) => {
    const request = new XMLHttpRequest();
    request.responseType = "document";
    request.onloadend = () => done(request.status === 200 ? request.responseXML : null);
    request.open("GET", href);
    request.send();
  });
}

async function append(link: HTMLAnchorElement, list: Element): Promise<void> {
  link.setAttribute("aria-disabled", "true");
  const page = await load(link.href);
  if (!page) {
    location.assign(link.href);
    return;
  }
  const items = [...(page.querySelector(".grid")?.children ?? [])].map((item) => document.importNode(item, true));
  const next = page.querySelector<HTMLAnchorElement>(".more a[rel=next]");
  list.append(...items);
  if (next) link.setAttribute("href", next.getAttribute("href") ?? "");
  else link.closest(".more")?.remove();
  items[0]?.querySelector<HTMLElement>("h2 a")?.focus({ preventScroll: true });
  link.removeAttribute("aria-disabled");
}

document.addEventListener("click", (event) => {
  if (event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.shiftKey || event.altKey || event.metaKey)
    return;
  const link = (event.target as Element).closest<HTMLAnchorElement>(".more a[rel=next]");
  const list = document.querySelector(".grid");
  if (!link || !list) return;
  event.preventDefault();
  if (!link.hasAttribute("aria-disabled")) void append(link, list);
});
