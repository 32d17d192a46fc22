// Whether a page fits its window: nothing runs past the edge, no control lies outside of it or
// under another one. Overflow alone does not tell: a bar may be cut off without any.

import type { Page } from "@playwright/test";

const CONTROLS = "a, button, input:not([type=hidden]), select, textarea, summary, label.btn, video, progress";

/** The faults of the current page; empty if there are none. */
export const misfits = (page: Page) =>
  page.evaluate((controls: string) => {
    const faults: string[] = [];
    // The bar that stays at the top lies over whatever was scrolled beneath it.
    window.scrollTo(0, 0);
    const root = document.documentElement;
    const width = root.clientWidth;
    if (root.scrollWidth > width) faults.push(`the page is ${root.scrollWidth} wide in a window of ${width}`);

    const name = (element: HTMLElement & { name?: string }) =>
      `${element.tagName.toLowerCase()}${element.id ? `#${element.id}` : ""}.${element.className} "${(element.innerText ?? element.name ?? "").trim().slice(0, 30)}"`;
    // Hidden from sight on purpose: cut down to a point, but still there for screen readers.
    const shown = (element: HTMLElement) => {
      if (!element.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true })) return false;
      if (element.closest(".vh, .skip")) return false;
      const box = element.getBoundingClientRect();
      return box.width > 1 && box.height > 1;
    };
    const seen = [...document.querySelectorAll<HTMLElement>(controls)].filter(shown);
    // A link in running text may break over lines: each piece is its own box, as far as whatever
    // cuts it off (a title of three lines in room for two) leaves it to be seen.
    const cut = (box: DOMRect, element: HTMLElement) => {
      let { left, right, top, bottom } = box;
      for (let around = element.parentElement; around; around = around.parentElement) {
        if (getComputedStyle(around).overflowY === "visible") continue;
        const edge = around.getBoundingClientRect();
        [left, right] = [Math.max(left, edge.left), Math.min(right, edge.right)];
        [top, bottom] = [Math.max(top, edge.top), Math.min(bottom, edge.bottom)];
      }
      return { left, right, top, bottom };
    };
    const boxes = seen.map((element) =>
      [...element.getClientRects()]
        .map((box) => cut(box, element))
        .filter((box) => box.right > box.left && box.bottom > box.top),
    );
    seen.forEach((element, n) => {
      for (const box of boxes[n]) {
        if (box.left < -0.5 || box.right > width + 0.5) {
          faults.push(`${name(element)} reaches from ${Math.round(box.left)} to ${Math.round(box.right)} of ${width}`);
        }
      }
    });
    for (let a = 0; a < seen.length; a += 1) {
      for (let b = a + 1; b < seen.length; b += 1) {
        const [first, second] = [seen[a], seen[b]];
        if (first.contains(second) || second.contains(first)) continue;
        // The player's controls lie over its picture, and only there.
        if (
          (first.tagName === "VIDEO" || second.tagName === "VIDEO") &&
          first.closest("virga-player") === second.closest("virga-player")
        )
          continue;
        for (const one of boxes[a]) {
          for (const other of boxes[b]) {
            const across = Math.min(one.right, other.right) - Math.max(one.left, other.left);
            const down = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
            if (across > 2 && down > 2) faults.push(`${name(first)} overlaps ${name(second)}`);
          }
        }
      }
    }
    for (const tab of document.querySelectorAll<HTMLElement>(".tabs a")) {
      if (tab.getBoundingClientRect().height > 1.9 * parseFloat(getComputedStyle(tab).lineHeight))
        faults.push(`${name(tab)} breaks over lines`);
    }
    // Text that is wider than what holds it and is not meant to be cut.
    for (const element of document.querySelectorAll<HTMLElement>(
      "h1, h2, h3, p, label, legend, .badge, .btn, td, li",
    )) {
      if (!shown(element) || element.scrollWidth <= element.clientWidth + 1 || element.clientWidth === 0) continue;
      const style = getComputedStyle(element);
      if (style.overflowX === "visible" && style.display !== "inline")
        faults.push(`${name(element)} holds text that is too wide`);
    }
    return faults;
  }, CONTROLS);

/** How far what was shown has moved by itself since the page came: the sum of its layout shifts. */
export const shifted = (page: Page) =>
  page.evaluate(
    () =>
      new Promise<number>((resolve) => {
        let sum = 0;
        new PerformanceObserver((list) => {
          for (const entry of list.getEntries() as LayoutShift[]) if (!entry.hadRecentInput) sum += entry.value;
        }).observe({ type: "layout-shift", buffered: true });
        // What was recorded so far is told at once, before the second frame from now.
        requestAnimationFrame(() => requestAnimationFrame(() => resolve(sum)));
      }),
  );

/**
 * Visible words in Latin letters that no name or person brought: what a page in another language
 * should not show.
 */
export const latin = (page: Page, allowed: string[]) =>
  page.evaluate((known: string[]) => {
    const words: string[] = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const text = walker.currentNode as Text;
      const parent = text.parentElement!;
      if (parent.closest("bdi, script, style, template, noscript, textarea, [lang=en]") || !parent.checkVisibility())
        continue;
      words.push(...(text.data.match(/\b[A-Za-z]{3,}\b/g) ?? []));
    }
    for (const element of document.querySelectorAll("[aria-label], [placeholder], [title], img[alt]")) {
      for (const attribute of ["aria-label", "placeholder", "title", "alt"]) {
        words.push(
          ...((element.tagName === "VIDEO" ? "" : (element.getAttribute(attribute) ?? "")).match(/\b[A-Za-z]{3,}\b/g) ??
            []),
        );
      }
    }
    return [...new Set(words)].filter((word) => !known.includes(word));
  }, allowed);
