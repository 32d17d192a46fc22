// What happens elsewhere shows by itself.

import { tiny } from "../clips.ts";
import { expect, signUp, test } from "../fixtures.ts";
import { player } from "../player.ts";

test("all windows of a browser follow a video over one event stream, and none once it is ready", async ({
  page,
  context,
}) => {
  const streams = new Set();
  context.on("request", (request) => {
    if (request.url().includes("/api/v1/events")) streams.add(request);
  });
  context.on("requestfinished", (request) => streams.delete(request));
  context.on("requestfailed", (request) => streams.delete(request));

  await signUp(page, { next: "/upload" });
  let release = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  await page.route("**/up/**", async (route) => {
    await held;
    await route.continue();
  });
  await page.getByLabel("Choose videos").setInputFiles(await tiny());
  const link = page.getByRole("link", { name: "Open video" });
  await expect(link).toBeVisible();
  const address = (await link.getAttribute("href"))!;
  const id = address.split("/").pop();
  const watchers = [await context.newPage(), await context.newPage()];
  for (const watcher of watchers) {
    await watcher.goto(address);
    await expect(watcher.getByRole("status").filter({ hasText: "Uploading" })).toBeVisible();
  }
  const mine = await context.newPage();
  await mine.goto("/my/videos");
  const badge = mine.locator(`li[data-video="${id}"] [data-f="badge"]`);
  await expect(badge).toHaveText("Uploading");
  await expect.poll(() => streams.size, { message: "one stream for all windows" }).toBe(1);

  release();
  for (const watcher of watchers) {
    await expect.poll(() => player(watcher).evaluate((v: HTMLVideoElement) => v.videoWidth)).toBeGreaterThan(0);
    await expect(watcher.locator('[data-part="badge"]')).toHaveText("Ready", { timeout: 60_000 });
  }
  await expect(badge).toHaveText("Ready");
  await expect.poll(() => streams.size, { message: "nothing is unfinished any more" }).toBe(0);
});
