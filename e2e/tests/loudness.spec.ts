// Films that are louder than others.

import { shout } from "../clips.ts";
import { expect, signUp, test, untilReady, upload } from "../fixtures.ts";
import { play, player } from "../player.ts";

test("a loud film is turned down, and the chosen volume stays what it is", async ({ page }) => {
  await signUp(page);
  const id = await upload(page, await shout());
  await untilReady(page, id);
  await page.goto(`/v/${id}`);
  await play(page);
  const volume = () => player(page).evaluate((video: HTMLVideoElement) => video.volume);
  const slider = page.locator('[data-part="volume"]');
  // By 14 dB, which is a fifth.
  await expect.poll(volume).toBeCloseTo(0.2, 1);
  const full = await volume();
  await expect(slider).toHaveValue("100");
  await page.keyboard.press("ArrowDown");
  await expect(slider).toHaveValue("95");
  await expect.poll(volume).toBeCloseTo(0.95 * full, 4);
  await page.keyboard.press("m");
  await page.keyboard.press("m");
  await expect(slider).toHaveValue("95");
  await page.reload();
  await expect(slider).toHaveValue("95");
});
