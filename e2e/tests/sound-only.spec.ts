// Sound without a picture: it plays under its cover, or under the waveform of the sound.

import type { Locator, Page } from "@playwright/test";
import { album, podcast, SECONDS } from "../clips.ts";
import { expect, signUp, test, untilReady, upload } from "../fixtures.ts";
import { heard, play, player } from "../player.ts";

/** The red, green and blue that are seen at a place of an element, given as shares of its size. */
async function colour(page: Page, element: Locator, across: number, down: number) {
  const png = (await element.screenshot()).toString("base64");
  return page.evaluate(
    async ([data, x, y]) => {
      const picture = await createImageBitmap(new Blob([Uint8Array.from(atob(data), (c) => c.charCodeAt(0))]));
      const canvas = new OffscreenCanvas(1, 1);
      const paint = canvas.getContext("2d")!;
      paint.drawImage(picture, -Math.floor(picture.width * x), -Math.floor(picture.height * y));
      return [...paint.getImageData(0, 0, 1, 1).data.slice(0, 3)];
    },
    [png, across, down] as const,
  );
}

const clock = (page: Page) => player(page).evaluate((v: HTMLVideoElement) => v.currentTime);

for (const { file, red } of [
  { file: album, red: true },
  { file: podcast, red: false },
]) {
  test(`${red ? "an MP3 with a cover" : "an M4A without a cover"} plays, shows its picture and seeks`, async ({
    page,
  }) => {
    await signUp(page);
    const id = await upload(page, await file());
    await untilReady(page, id);
    await page.goto(`/v/${id}`);
    const video = player(page);
    await play(page);
    await expect.poll(() => clock(page)).toBeGreaterThan(0.5);
    await expect.poll(() => heard(page)).toBeGreaterThan(0);
    const length = await video.evaluate((v: HTMLVideoElement) => v.duration);
    expect(Math.abs(length - SECONDS)).toBeLessThan(0.15);

    // While it plays, its picture stays: the cover in the middle, or a wave that is wide where it is loud.
    const seen = async () => {
      const [r = 0, g = 0, b = 0] = await colour(page, video, red ? 0.5 : 0.9, red ? 0.3 : 0.44);
      return red ? r > 180 && g < 80 && b < 80 : b > 140 && r < 90;
    };
    await expect.poll(seen).toBe(true);

    await video.hover({ position: { x: 80, y: 80 } });
    const bar = (await page.locator('[data-part="seek"]').boundingBox())!;
    await page.mouse.click(bar.x + bar.width * 0.6, bar.y + bar.height / 2);
    await expect.poll(() => clock(page)).toBeGreaterThan(SECONDS * 0.55);
    const from = await clock(page);
    await expect.poll(() => clock(page)).toBeGreaterThan(from + 0.3);
    await expect.poll(seen).toBe(true);

    // There is nothing to choose, and no picture to float.
    await video.hover({ position: { x: 80, y: 80 } });
    await page.getByRole("button", { name: "Player settings" }).click();
    await expect(page.locator('[data-part="speed"]')).toBeVisible();
    await expect(page.locator('[data-part="quality"]')).toHaveCount(0);
    await expect(page.locator('[data-part="pip"]')).toBeHidden();

    await page.goto("/");
    const card = page.locator("main li img").first();
    await expect.poll(() => card.evaluate((img: HTMLImageElement) => img.naturalWidth)).toBeGreaterThanOrEqual(320);

    await page.goto(`/embed/${id}`);
    await play(page);
    await expect.poll(() => clock(page)).toBeGreaterThan(0.5);
  });
}
