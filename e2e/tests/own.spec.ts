// What an owner does with a video: rename, hide, delete, bring back, end for ever.

import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "@playwright/test";
import { tiny } from "../clips.ts";
import { expect, signUp, test, untilReady, upload } from "../fixtures.ts";
import { moves, play, player } from "../player.ts";

const row = (page: Page, id: string) => page.locator(`li[data-video="${id}"]`);

/** Opens the video's page and sees it play. */
async function plays(page: Page, id: string) {
  await page.goto(`/v/${id}`);
  await expect.poll(() => player(page).evaluate((v: HTMLVideoElement) => v.videoWidth)).toBeGreaterThan(0);
  if (await player(page).evaluate((v: HTMLVideoElement) => v.paused)) await play(page);
  await moves(page);
}

async function missing(page: Page, path: string) {
  const answer = (await page.goto(path))!;
  expect(answer.status()).toBe(404);
  await expect(page.getByRole("heading", { name: "Page not found" })).toBeVisible();
}

test("a deleted video is gone for everyone and comes back with undo", async ({ page, visitor, expected }) => {
  await signUp(page);
  const id = await upload(page, await tiny());
  await untilReady(page, id);
  const stranger = await visitor();
  await plays(stranger, id);

  await page.goto("/my/videos");
  await row(page, id).getByRole("button", { name: "Delete" }).click();
  await expect(page.getByRole("status").filter({ hasText: "has been deleted" })).toBeVisible();
  expected.push(/status of 404/);
  await missing(stranger, `/v/${id}`);
  expect((await stranger.request.get(`/media/${id}/main.m3u8`)).status()).toBe(404);
  expect((await stranger.request.get(`/api/v1/videos/${id}`)).status()).toBe(404);

  await page.getByRole("status").getByRole("button", { name: "Undo" }).click();
  await expect(page.getByText("The video has been restored.")).toBeVisible();
  await plays(stranger, id);
});

test("a video deleted for ever is nowhere any more, not even on the disk", async ({ page, site, expected }) => {
  await signUp(page);
  const id = await upload(page, await tiny("gone.mp4"));
  await untilReady(page, id);
  const folder = join(site.data, "objects", "v", id);
  expect(existsSync(folder)).toBe(true);
  await page.goto(`/v/${id}/edit`);
  await page.getByText("Delete permanently…").click();
  await page.getByRole("button", { name: /^Delete .* permanently$/u }).click();
  await expect(page.getByText("The video has been permanently deleted.")).toBeVisible();
  // No list and no page promises a restore that would be refused, from now on.
  await expect(row(page, id)).toHaveCount(0);
  expected.push(/status of 404/);
  await missing(page, `/v/${id}`);
  await expect.poll(() => existsSync(folder), { message: "its objects are purged" }).toBe(false);
});

test("a private video plays for its owner and is nothing to all others", async ({ page, visitor, expected }) => {
  await signUp(page);
  const id = await upload(page, await tiny());
  await page.goto(`/v/${id}/edit`);
  await page.getByLabel("Title").fill("Only for <me>");
  await page.getByLabel("Description").fill("First line\nsecond & last line");
  await page.getByLabel("Private").check();
  await page.getByRole("button", { name: "Save" }).click();
  await page.waitForURL(`**/v/${id}`);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Only for <me>");
  await expect(page.getByText("second & last line")).toBeVisible();

  const media: string[] = [];
  page.on("request", (request) => {
    const path = new URL(request.url()).pathname;
    if (/\.m4s$|\.m3u8$/.test(path)) media.push(path);
  });
  await plays(page, id);
  expect(media.length).toBeGreaterThan(0);
  for (const path of media) expect(path).toMatch(/^\/media\/g\//);

  expected.push(/status of 404/);
  const stranger = await visitor();
  const member = await visitor();
  await signUp(member);
  for (const other of [stranger, member]) {
    await missing(other, `/v/${id}`);
    expect([403, 404]).toContain((await other.request.get(`/media/${id}/main.m3u8`)).status());
    await other.goto("/");
    await expect(other.getByText("Only for <me>")).toHaveCount(0);
  }
  await missing(member, `/v/${id}/edit`);
  await stranger.goto(`/v/${id}/edit`);
  await expect(stranger).toHaveURL(/\/sign-in\?/);

  // Whoever has the link of an unlisted one sees it; no list shows it.
  await page.goto(`/v/${id}/edit`);
  await page.getByLabel("Unlisted").check();
  await page.getByRole("button", { name: "Save" }).click();
  await plays(stranger, id);
  await stranger.goto("/");
  await expect(stranger.getByText("Only for <me>")).toHaveCount(0);
  await stranger.goto("/?q=Only");
  await expect(stranger.getByRole("heading", { name: "No results" })).toBeVisible();
});
