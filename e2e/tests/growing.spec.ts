// A film that must be encoded is watched while that happens, to its end.

import { film } from "../clips.ts";
import { expect, signUp, test, upload, video } from "../fixtures.ts";
import { moves, play, player } from "../player.ts";

test("a film plays while it is encoded, shows what is missing, and ends as one", async ({ page }) => {
  await signUp(page);
  const id = await upload(page, await film());
  await page.goto(`/v/${id}`);
  await expect(player(page)).toBeVisible({ timeout: 60_000 });
  await play(page);
  await moves(page);
  const state = async () => (await video(page, id)).state;
  expect(await state(), "it plays before the work is done").toBe("playable");

  // The whole length, and what of it is missing.
  const time = page.locator(".pl-time");
  await expect(time).toContainText("/ 1:30");
  const missing = page.locator('[data-part="missing"]');
  await expect(missing).toBeVisible();
  const place = () => player(page).evaluate((v: HTMLVideoElement) => v.currentTime);
  const edge = () => player(page).evaluate((v: HTMLVideoElement) => v.seekable.end(v.seekable.length - 1));
  const first = await edge();
  expect(first).toBeLessThan(80);

  // Nobody is sent to what is not there.
  await page.keyboard.press("9");
  await expect(page.getByText("This part is not ready yet")).toBeVisible();
  expect(await place()).toBeLessThan(await edge());
  await page.keyboard.press("0");
  await expect.poll(place).toBeLessThan(10);
  await moves(page);
  await expect.poll(edge, { message: "it grows" }).toBeGreaterThan(first);

  // The same source goes on when the whole stands.
  await player(page).evaluate((v: HTMLVideoElement) => v.addEventListener("emptied", () => (v.dataset.emptied = "")));
  await expect(missing).toBeHidden({ timeout: 90_000 });
  await moves(page);
  expect(await player(page).evaluate((v: HTMLVideoElement) => "emptied" in v.dataset)).toBe(false);
  const length = await player(page).evaluate((v: HTMLVideoElement) => v.duration);
  expect(Math.abs(length - 90)).toBeLessThan(0.2);
  await player(page).evaluate((v: HTMLVideoElement) => (v.currentTime = v.duration - 1));
  await expect.poll(() => player(page).evaluate((v: HTMLVideoElement) => v.ended)).toBe(true);

  // The rest of the ladder would keep the machine from the other tests.
  const status = await page.evaluate(
    (gone) => fetch(`/api/v1/videos/${gone}?now=true`, { method: "DELETE" }).then((answer) => answer.status),
    id,
  );
  expect(status).toBeLessThan(300);
});
