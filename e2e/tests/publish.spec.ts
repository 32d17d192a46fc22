// An upload is its owner's alone until it is published.

import type { Locator, Page } from "@playwright/test";
import { instant, tiny } from "../clips.ts";
import { expect, sent, signUp, test, untilReady, video } from "../fixtures.ts";

const row = (page: Page, id: string) => page.locator(`li[data-video="${id}"]`);
const idOf = async (card: Locator) => (await card.locator('[data-f="watch"]').getAttribute("href"))!.split("/").pop()!;

test("an upload is private until its owner publishes it, before the last byte or later", async ({
  page,
  visitor,
  expected,
}) => {
  await signUp(page, { next: "/upload" });
  let release = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  await page.route("**/up/**", async (route) => {
    await held;
    await route.continue();
  });
  const [early, late] = [`Early ${Date.now()}`, `Late ${Date.now()}`];
  await page.getByLabel("Choose videos").setInputFiles([await instant(), await tiny()]);
  const cards = page.locator("article.file");
  await cards.nth(0).getByLabel("Title").fill(early);
  await cards.nth(0).getByLabel("Description").fill("Said while bytes move");
  await cards.nth(1).getByLabel("Title").fill(late);
  await expect(cards.nth(1)).toContainText("Private until you publish it.");
  await cards.nth(0).getByRole("button", { name: "Publish when ready" }).click();
  await expect(cards.nth(0)).toContainText("Published as soon as it is ready to play.");
  await expect(cards.nth(0).getByRole("button", { name: /^Publish/ })).toBeHidden();
  release();
  for (const n of [0, 1]) await sent(cards.nth(n));
  const [first, second] = [await idOf(cards.nth(0)), await idOf(cards.nth(1))];
  for (const id of [first, second]) await untilReady(page, id);
  await expect(cards.nth(1).getByRole("button", { name: "Publish", exact: true })).toBeVisible();
  expect(await video(page, first)).toMatchObject({
    title: early,
    description: "Said while bytes move",
    visibility: "public",
  });

  const guest = await visitor();
  await guest.goto("/");
  await expect(guest.getByRole("link", { name: early })).toBeVisible();
  await expect(guest.getByRole("link", { name: late })).toHaveCount(0);
  expected.push(/status of 404/);
  expect((await guest.goto(`/v/${second}`))!.status()).toBe(404);

  await page.goto("/my/videos");
  const unpublished = page.getByRole("region", { name: "Not published yet" });
  await expect(unpublished.locator("li")).toHaveCount(1);
  await unpublished.getByRole("button", { name: "Publish", exact: true }).click();
  await expect(page.getByRole("status").filter({ hasText: "The video is published." })).toBeVisible();
  await expect(unpublished).toHaveCount(0);
  await expect(row(page, second)).toContainText("Public");
  await guest.goto("/");
  await expect(guest.getByRole("link", { name: late })).toBeVisible();
});

test("the edit page keeps an unpublished video private until its publish button is pressed", async ({ page }) => {
  await signUp(page);
  const answer = await page.request.post("/api/v1/videos", {
    data: { title: "A draft", publish_as: "public" },
    headers: { origin: new URL(page.url()).origin },
  });
  const { id } = await answer.json();
  await page.goto(`/v/${id}/edit`);
  await page.getByLabel("Unlisted").check();
  await page.getByRole("button", { name: "Save" }).click();
  await page.waitForURL(`**/v/${id}`);
  expect(await video(page, id)).toMatchObject({ visibility: "private", publish_as: "unlisted" });
  await page.goto(`/v/${id}/edit`);
  await page.getByRole("button", { name: "Publish" }).click();
  await page.waitForURL(`**/v/${id}`);
  expect(await video(page, id)).toMatchObject({ visibility: "unlisted" });
});

test("an account publishes at once, as it says in its settings", async ({ page }) => {
  await signUp(page, { next: "/settings" });
  await page.getByLabel("Publish new videos as").selectOption("unlisted");
  await page.getByLabel("Publish automatically").check();
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await expect(page.getByRole("status").filter({ hasText: "upload settings are saved" })).toBeVisible();
  await expect(page.getByLabel("Publish automatically")).toBeChecked();
  await page.goto("/upload");
  await page.getByLabel("Choose videos").setInputFiles(await tiny());
  const card = page.locator("article.file");
  await sent(card);
  await expect(card.getByRole("button", { name: /^Publish/ })).toBeHidden();
  expect(await video(page, await idOf(card))).toMatchObject({ visibility: "unlisted" });
});

test("a second editor sees both texts and chooses", async ({ page, expected }) => {
  await signUp(page);
  const answer = await page.request.post("/api/v1/videos", {
    data: { title: "A draft", visibility: "private" },
    headers: { origin: new URL(page.url()).origin },
  });
  const { id } = await answer.json();
  const other = await page.context().newPage();
  for (const each of [page, other]) await each.goto(`/v/${id}/edit`);
  await page.getByLabel("Title").fill("Saved first");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.waitForURL(`**/v/${id}`);
  expected.push(/status of 412/);
  await other.getByLabel("Title").fill("Written meanwhile");
  await other.getByRole("button", { name: "Save", exact: true }).click();
  const conflict = other.getByRole("alert");
  await expect(conflict).toContainText("changed in another window");
  await expect(conflict).toContainText("Saved first");
  await expect(other.getByLabel("Title")).toHaveValue("Written meanwhile");
  expect((await video(page, id)).title).toBe("Saved first");
  await other.getByRole("button", { name: "Save", exact: true }).click();
  await other.waitForURL(`**/v/${id}`);
  expect((await video(page, id)).title).toBe("Written meanwhile");
});
