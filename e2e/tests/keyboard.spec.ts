// The site without a mouse.

import type { Page } from "@playwright/test";
import { tiny } from "../clips.ts";
import { expect, PASSWORD, signUp, someone, test, untilReady, upload } from "../fixtures.ts";
import { player } from "../player.ts";

/**
 * Presses Tab until something with this accessible name has the focus. Every stop on the way must
 * be seen: inside the window, with a ring around it.
 */
async function tabTo(page: Page, name: RegExp) {
  const stops: string[] = [];
  for (let presses = 0; presses < 80; presses += 1) {
    await page.keyboard.press("Tab");
    const stop = await page.evaluate(() => {
      const at = document.activeElement as HTMLInputElement;
      const label = at.getAttribute("aria-label") ?? at.labels?.[0]?.innerText ?? at.innerText ?? at.textContent ?? "";
      const box = at.getBoundingClientRect();
      // A card's link is the whole card: its ring is drawn around that.
      const ring = [undefined, "::after"].some((part) => {
        const style = getComputedStyle(at, part);
        return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
      });
      const inside = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
      return { label: label.replace(/\s+/g, " ").trim(), tag: at.tagName, ring, inside };
    });
    if (stop.tag === "BODY") continue;
    stops.push(stop.label);
    expect(stop.ring, `"${stop.label}" shows that it has the focus`).toBe(true);
    expect(stop.inside, `"${stop.label}" is in sight while it has the focus`).toBe(true);
    if (name.test(stop.label)) return;
  }
  throw new Error(`nothing named ${name} among: ${stops.join(" | ")}`);
}

test("from sign-up to a comment without a mouse", async ({ page, visitor }) => {
  const owner = await visitor();
  await signUp(owner);
  const title = `Keys ${Date.now()}`;
  await untilReady(owner, await upload(owner, await tiny(`${title}.mp4`)));

  const { keyboard } = page;
  const name = someone("keys");
  await page.goto("/");
  await tabTo(page, /^Skip/);
  await tabTo(page, /^Sign up$/);
  await keyboard.press("Enter");
  await page.waitForURL(/\/sign-up/);
  await tabTo(page, /^Username/);
  await keyboard.type(name);
  await tabTo(page, /^Password/);
  await keyboard.type(PASSWORD);
  await keyboard.press("Enter");
  await page.waitForURL((url) => url.pathname === "/");

  await tabTo(page, /^Search videos/);
  await keyboard.type(title);
  await keyboard.press("Enter");
  await page.waitForURL(/\?q=/);
  await tabTo(page, new RegExp(title));
  await keyboard.press("Enter");
  await page.waitForURL(/\/v\/\w+/);

  // Chosen, it plays; so that it goes on while one looks for the button, over and over.
  await player(page).evaluate((v: HTMLVideoElement) => (v.loop = true));
  await expect.poll(() => player(page).evaluate((v: HTMLVideoElement) => !v.paused && v.currentTime > 0.2)).toBe(true);
  await tabTo(page, /^Pause/);
  await keyboard.press("Enter");
  await expect.poll(() => player(page).evaluate((v: HTMLVideoElement) => v.paused)).toBe(true);
  await tabTo(page, /^Write a comment/);
  await keyboard.type("Said with keys alone");
  await tabTo(page, /^Post/);
  await keyboard.press("Enter");
  await expect(page.locator("li.comment:visible")).toHaveText(/Said with keys alone/);
  await expect(page.locator("li.comment:visible .who a")).toHaveText(name);

  // And out again: a menu opens, closes and gives the focus back.
  await page.goto("/");
  await tabTo(page, new RegExp(name));
  await keyboard.press("Enter");
  await expect(page.getByRole("link", { name: "Settings" })).toBeVisible();
  await keyboard.press("Escape");
  await expect(page.getByRole("link", { name: "Settings" })).toBeHidden();
  await keyboard.press("Enter");
  await tabTo(page, /^Sign out/);
  await keyboard.press("Enter");
  await expect(page.getByRole("banner").getByRole("link", { name: "Sign in" })).toBeVisible();
});

test("a stroke looks for videos and g h goes home, except where one writes", async ({ page }) => {
  const name = await signUp(page);
  await page.goto("/settings");
  const search = page.getByLabel("Search videos");
  await page.keyboard.press("/");
  await expect(search).toBeFocused();
  await page.keyboard.type("g h / rain");
  await expect(search).toHaveValue("g h / rain");
  await expect(page).toHaveURL(/\/settings$/);
  await page.getByRole("heading", { level: 1 }).click();
  await page.keyboard.press("g");
  await page.keyboard.press("h");
  await page.waitForURL((url) => url.pathname === "/");
  await expect(page.getByRole("banner")).toContainText(name);
});
