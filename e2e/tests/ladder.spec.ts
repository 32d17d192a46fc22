// After the first playable version come the others.

import { oldAndLong, SECONDS, tall } from "../clips.ts";
import { expect, signUp, test, untilReady, upload } from "../fixtures.ts";
import { heard, levels, moves, nextFrame, only, pictureOff, play, player, seek } from "../player.ts";

test("a better version is offered while one watches, and playing goes on from the same place", async ({ page }) => {
  await signUp(page);
  const id = await upload(page, await oldAndLong());
  await page.goto(`/v/${id}`);
  await expect(player(page)).toBeVisible({ timeout: 60_000 });
  // Nobody clicked on the video to come here: it waits for a press.
  await play(page);
  await moves(page);
  const before = await levels(page, id);
  const height = await player(page).evaluate((v: HTMLVideoElement) => v.videoHeight);

  // Slowly, so that the clip outlasts the work on a busy machine.
  await player(page).evaluate((v: HTMLVideoElement) => (v.playbackRate = 0.2));
  const offer = page.getByRole("button", { name: "A better version is ready" });
  await expect(offer).toBeVisible({ timeout: 60_000 });
  expect(await player(page).evaluate((v: HTMLVideoElement) => v.paused)).toBe(false);
  const at = await player(page).evaluate((v: HTMLVideoElement) => v.currentTime);
  await offer.click();
  await expect(offer).toBeHidden();
  await moves(page);
  const after = await nextFrame(page);
  expect(after).toBeGreaterThan(at - 0.5);
  expect(after).toBeLessThan(at + 5);
  expect(await levels(page, id)).toBeGreaterThan(before);
  await expect.poll(() => player(page).evaluate((v: HTMLVideoElement) => v.videoHeight)).toBeGreaterThan(height);
});

test("every rung plays with sound and seeks, at its own size", async ({ page }) => {
  await signUp(page);
  const id = await upload(page, await tall());
  await untilReady(page, id);
  const count = await levels(page, id);
  expect(count).toBeGreaterThan(1);
  const heights: number[] = [];
  for (let level = 0; level < count; level += 1) {
    const { height } = await only(page, level);
    await page.goto(`/v/${id}`);
    await play(page);
    await moves(page);
    expect(await player(page).evaluate((v: HTMLVideoElement) => v.videoHeight)).toBe(height());
    await expect.poll(() => heard(page)).toBeGreaterThan(0);
    const landed = await seek(page, SECONDS / 2);
    expect(Math.abs(landed - SECONDS / 2)).toBeLessThan(0.5);
    expect(await pictureOff(page)).toBeLessThan(0.5);
    await moves(page);
    heights.push(height());
  }
  expect(heights).toContain(720);
  expect(new Set(heights).size).toBe(count);
});
