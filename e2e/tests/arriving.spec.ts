// A film is watched in one window while another one still uploads it.

import type { Page, Route } from "@playwright/test";
import { heavy } from "../clips.ts";
import { expect, signUp, test, video } from "../fixtures.ts";
import { moves, play, player } from "../player.ts";

/** A line that lets so many parts through, and the others once it is opened. */
async function narrow(page: Page, count: number) {
  let left = count;
  let open: () => void = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  await page.route("**/up/**", async (route: Route) => {
    left -= 1;
    if (left < 0) await opened;
    await route.continue();
  });
  return () => open();
}

test("a film plays while it is uploaded, waits for what is missing, and goes on to its end", async ({
  page,
  context,
}) => {
  await signUp(page, { next: "/upload" });
  const open = await narrow(page, 7);
  await page.getByLabel("Choose videos").setInputFiles(await heavy());
  const card = page.locator("article.file");
  await expect(card.getByText("What has arrived can be watched already.")).toBeVisible();
  await expect(card.locator('[data-f="badge"]')).toHaveText("Uploading");
  const path = await card.getByRole("link", { name: "Open video" }).getAttribute("href");
  const id = path!.split("/").pop()!;

  const watching = await context.newPage();
  await watching.goto(path!);
  await expect(watching.getByText("This video is still being uploaded.")).toBeVisible();
  await play(watching);
  await moves(watching);
  await expect(watching.locator(".pl-time")).toContainText("/ 0:40");
  await expect(watching.locator('[data-part="missing"]')).toBeVisible();
  const place = () => player(watching).evaluate((v: HTMLVideoElement) => v.currentTime);
  const edge = () => player(watching).evaluate((v: HTMLVideoElement) => v.seekable.end(v.seekable.length - 1));
  expect(await edge()).toBeLessThan(35);

  // At what is missing it waits, and says why.
  await player(watching).evaluate((v: HTMLVideoElement) => {
    v.currentTime = v.seekable.end(v.seekable.length - 1) - 0.5;
    v.addEventListener("emptied", () => (v.dataset.emptied = ""));
  });
  await expect(watching.locator('[data-part="edge"]')).toContainText("still on its way");
  expect((await video(watching, id)).arriving).toBe(true);
  const waited = await place();
  open();
  await expect.poll(place, { timeout: 20_000 }).toBeGreaterThan(waited + 1);

  // The same source goes on when the whole stands.
  await expect(watching.locator('[data-part="missing"]')).toBeHidden({ timeout: 30_000 });
  expect(await player(watching).evaluate((v: HTMLVideoElement) => "emptied" in v.dataset)).toBe(false);
  await player(watching).evaluate((v: HTMLVideoElement) => (v.currentTime = v.duration - 1));
  await expect.poll(() => player(watching).evaluate((v: HTMLVideoElement) => v.ended)).toBe(true);
  expect((await video(watching, id)).arriving).toBeUndefined();
});
