// Flash and beep together, as a viewer's browser shows and plays them.

import type { Page } from "@playwright/test";
import { flashes, flashesAnew } from "../clips.ts";
import { expect, signUp, test, untilReady, upload } from "../fixtures.ts";
import { levels, only, player } from "../player.ts";
import { soundAfterPicture } from "../sync.ts";

/** Seconds; of a clip that is in sync. */
const NEAR = 0.04;

// The measuring worklet is no script of the site.
test.use({ bypassCSP: true });
test.describe.configure({ timeout: 240_000 });

/** The gap of one rendition; it must have been measured at two flashes at least. */
async function gap(page: Page, id: string, level: number) {
  const { height } = await only(page, level);
  await page.goto(`/v/${id}`);
  await expect.poll(() => player(page).evaluate((v: HTMLVideoElement) => v.readyState)).toBeGreaterThanOrEqual(2);
  const measured = await soundAfterPicture(page);
  console.log(`  sound after picture, ${height()}p: ${(measured.gap * 1000).toFixed(1)} ms`);
  expect(measured.count).toBeGreaterThanOrEqual(2);
  return measured.gap;
}

test("sound and picture are together within 40 ms from the source and from a rung", async ({ page }) => {
  await signUp(page);
  const [good, late] = await upload(page, await flashes(), await flashes(0.1));
  await untilReady(page, good);
  await untilReady(page, late);
  // A file whose sound really comes 100 ms late shows that the measure sees it.
  expect(Math.abs((await gap(page, late, 0)) - 0.1)).toBeLessThan(NEAR);
  expect(await levels(page, good)).toBe(2);
  expect(Math.abs(await gap(page, good, 0))).toBeLessThan(NEAR);
  expect(Math.abs(await gap(page, good, 1))).toBeLessThan(NEAR);
});

test("sound and picture are together within 40 ms where both were encoded anew", async ({ page }) => {
  await signUp(page);
  const id = await upload(page, await flashesAnew());
  await untilReady(page, id);
  expect(Math.abs(await gap(page, id, 0))).toBeLessThan(NEAR);
});
