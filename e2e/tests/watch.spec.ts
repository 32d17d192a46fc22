// From the file on someone's disk to the moving picture.

import type { Page, Route } from "@playwright/test";
import { broken, instant, old, SECONDS } from "../clips.ts";
import { expect, signUp, test, upload } from "../fixtures.ts";
import { heard, moves, nextFrame, pictureOff, play, player, seek } from "../player.ts";

test("a new member uploads a clip and it plays with sound, from wherever the viewer seeks", async ({ page }) => {
  const name = await signUp(page, { next: "/upload" });
  const id = await upload(page, await instant());
  // "Publish when ready" becomes "Publish" once it plays, and the link after it moves.
  await expect(page.getByRole("button", { name: "Publish", exact: true })).toBeVisible();
  await page.getByRole("link", { name: "Open video" }).click();
  await page.waitForURL(`**/v/${id}`);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Rain on the roof");
  await expect(page.getByRole("article").getByRole("link", { name, exact: true }).first()).toBeVisible();

  await expect.poll(() => player(page).evaluate((v: HTMLVideoElement) => v.videoWidth)).toBe(640);
  if (await player(page).evaluate((v: HTMLVideoElement) => v.paused)) await play(page);
  await nextFrame(page);
  await moves(page);
  expect(await player(page).evaluate((v: HTMLVideoElement) => v.duration)).toBeCloseTo(SECONDS, 0);
  await expect.poll(() => heard(page)).toBeGreaterThan(0);

  const middle = SECONDS / 2;
  const landed = await seek(page, middle);
  expect(Math.abs(landed - middle)).toBeLessThan(0.5);
  expect(await pictureOff(page)).toBeLessThan(0.5);
  await moves(page);
});

/**
 * Chooses a file whose bytes wait until `release` is called, and opens its page in a second window
 * in the meantime; `stages()` are the headings that page has shown instead of a picture.
 */
async function opened(page: Page, file: string) {
  await signUp(page, { next: "/upload" });
  let release = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  await page.route("**/up/**", async (route: Route) => {
    await held;
    await route.continue();
  });
  await page.getByLabel("Choose videos").setInputFiles(file);
  const [watch] = await Promise.all([
    page.waitForEvent("popup"),
    page.getByRole("link", { name: "Open video" }).click(),
  ]);
  await expect(watch.getByRole("status").filter({ hasText: "Uploading" })).toBeVisible();
  await expect(player(watch)).toBeHidden();
  const list = await watch.locator('[data-part="stage-title"]').evaluateHandle((title) => {
    const seen: string[] = [];
    new MutationObserver(() => seen.push(title.textContent ?? "")).observe(title, {
      childList: true,
      characterData: true,
      subtree: true,
    });
    return seen;
  });
  return { watch, release, stages: () => list.jsonValue() };
}

test("a page opened while the file is still on its way plays by itself once it can", async ({ page }) => {
  const { watch, release } = await opened(page, await instant());
  release();
  await expect(player(watch)).toBeVisible();
  await expect.poll(() => player(watch).evaluate((v: HTMLVideoElement) => v.videoWidth)).toBe(640);
  await moves(watch);
  expect(await player(watch).evaluate((v: HTMLVideoElement) => v.paused)).toBe(false);
});

test("what no browser plays is shown as processing and plays by itself when a rung stands", async ({ page }) => {
  const { watch, release, stages } = await opened(page, await old());
  release();
  await expect(player(watch)).toBeVisible({ timeout: 60_000 });
  expect(await stages()).toContain("Processing");
  await moves(watch);
  expect(await pictureOff(watch)).toBeLessThan(0.5);
  await expect.poll(() => heard(watch)).toBeGreaterThan(0);
});

test("a file that is no video fails with words that say why", async ({ page }) => {
  await signUp(page);
  const id = await upload(page, await broken("holiday.mov"));
  await page.goto(`/v/${id}`);
  await expect(page.getByRole("status").filter({ hasText: "Failed" })).toBeVisible();
  const why = (await page.locator('[data-part="stage-text"]').textContent())!;
  expect(why.trim().length).toBeGreaterThan(10);
  await page.goto("/my/videos");
  await expect(page.locator(`li[data-video="${id}"]`)).toContainText(why.trim());
});
