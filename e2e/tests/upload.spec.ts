// Files that take a while: going on after a reload, and from another browser.

import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import type { Page, Route } from "@playwright/test";
import { broken, instant, large, tiny } from "../clips.ts";
import { expect, sent, signIn, signUp, test, untilReady } from "../fixtures.ts";

const MEGABYTES = 60;

const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");

/**
 * A network that lets so many parts through and breaks off all others. `sent`: the numbers of the
 * parts that went through; `more(n)` lets n further ones pass.
 */
async function narrow(page: Page, count = Infinity) {
  let left = count;
  const through: number[] = [];
  await page.route("**/up/**", (route: Route) => {
    if (left <= 0) return route.abort("connectionfailed");
    left -= 1;
    through.push(Number(/\/up\/[^/]+\/(\d+)\?/.exec(route.request().url())![1]));
    return route.continue();
  });
  return { sent: through, more: (n: number) => (left = n) };
}

const open = async (page: Page) => (await page.request.get("/api/v1/uploads")).json();
const parts = async (page: Page, id: string): Promise<{ number: number; size: number }[]> =>
  (await page.request.get(`/api/v1/uploads/${id}/parts`)).json();
const held = async (page: Page, id: string) => (await parts(page, id)).map((part) => part.number);

test("an upload goes on after a reload and from another browser, and sends nothing twice", async ({
  page,
  visitor,
  expected,
}) => {
  const file = await large(MEGABYTES);
  const { size } = await stat(file);
  const name = await signUp(page, { next: "/upload" });
  // The browser tells of every part that the narrow network breaks off.
  expected.push(/net::ERR_(ABORTED|CONNECTION_FAILED) .*\/up\//);

  const network = await narrow(page, 2);
  await page.getByLabel("Choose videos").setInputFiles(file);
  let id = "";
  await expect.poll(async () => (id = (await open(page))[0]?.id), { intervals: [100] }).toBeTruthy();
  await expect.poll(async () => (await held(page, id)).length).toBe(2);
  const { part_size: part } = (await open(page))[0];
  expect(part, "a broken line costs little").toBeLessThanOrEqual(1024 * 1024);
  const all = Math.ceil(size / part);
  // What the card shows is what a reload finds.
  // The last part is shorter and sent early, so the held parts do not all have one size.
  const there = (await parts(page, id)).reduce((sum, one) => sum + one.size, 0);
  await expect(page.locator("article.file progress")).toHaveJSProperty("value", there / size);
  await page.reload();

  const row = page.locator(`[data-open="${id}"]`);
  await expect(page.getByRole("heading", { name: "Unfinished uploads" })).toBeVisible();
  await expect(row).toContainText("large.mp4");
  const before = await held(page, id);
  expect(before.length).toBe(2);
  network.more(3);
  await row.locator("input[type=file]").setInputFiles(file);
  await expect.poll(async () => (await held(page, id)).length).toBe(5);
  // Closing a page lets requests go on that its route still holds back; leaving it drops them.
  await page.goto("about:blank");
  await page.close();

  const elsewhere = await visitor();
  await signIn(elsewhere, name, { next: "/upload" });
  await elsewhere.waitForURL("**/upload");
  const middle = await held(elsewhere, id);
  expect(middle.length).toBe(5);
  const last = await narrow(elsewhere);
  await elsewhere.locator(`[data-open="${id}"] input[type=file]`).setInputFiles(file);
  const card = elsewhere.locator("article.file");
  await sent(card);
  const everything = [...network.sent, ...last.sent].sort((a, b) => a - b);
  expect(everything).toEqual(Array.from({ length: all }, (_, n) => n + 1));

  // What arrived is the file, byte for byte.
  const href = (await card.getByRole("link", { name: "Open video" }).getAttribute("href"))!;
  const video = href.split("/").pop()!;
  await untilReady(elsewhere, video);
  const source = await elsewhere.request.get(`/api/v1/videos/${video}/source`);
  expect(sha256(await source.body())).toBe(sha256(await readFile(file)));
  expect(await open(elsewhere)).toEqual([]);
});

test("another file of the same name and size is not mixed into an upload", async ({ page, host, expected }) => {
  // Told by the first part's hash, which browsers compute in secure contexts alone.
  test.skip(host !== "", "no secure context");
  const [right, wrong] = [await large(MEGABYTES), await large(MEGABYTES, 1)];
  await signUp(page, { next: "/upload" });
  expected.push(/net::ERR_(ABORTED|CONNECTION_FAILED) .*\/up\//);
  const network = await narrow(page, 1);
  await page.getByLabel("Choose videos").setInputFiles(right);
  let id = "";
  await expect.poll(async () => (id = (await open(page))[0]?.id), { intervals: [100] }).toBeTruthy();
  await expect.poll(async () => (await held(page, id)).length, { intervals: [100] }).toBeGreaterThan(0);
  await page.reload();
  network.more(Infinity);
  await page.locator(`[data-open="${id}"] input[type=file]`).setInputFiles(wrong);
  await expect(page.getByRole("alert").filter({ hasText: "This is a different file" })).toBeVisible();
  expect(network.sent.length).toBe(1);
});

test("several files go up together, each with its own card and page", async ({ page }) => {
  await signUp(page, { next: "/upload" });
  await page
    .getByLabel("Choose videos")
    .setInputFiles([await tiny("one.mp4"), await tiny("two.mp4"), await instant("three.mp4")]);
  const cards = page.locator("article.file");
  await expect(cards).toHaveCount(3);
  // A title typed while bytes move is kept.
  await cards.nth(1).getByLabel("Title").fill("Second of three");
  for (const n of [0, 1, 2]) await sent(cards.nth(n));
  await expect(cards.nth(1).getByText("Saved")).toBeVisible();
  await page.goto("/my/videos");
  for (const title of ["one", "Second of three", "three"]) {
    await expect(page.getByRole("heading", { name: title, exact: true })).toBeVisible();
  }
});

test("rubbish is refused by its first bytes, in the words of the site, and the rest goes up", async ({ page }) => {
  const sends: string[] = [];
  page.on("request", (request) => request.method() === "POST" && sends.push(new URL(request.url()).pathname));
  await signUp(page, { next: "/upload" });
  sends.length = 0;
  await page.getByLabel("Choose videos").setInputFiles([
    { name: "notes.mp4", mimeType: "video/mp4", buffer: Buffer.from("just some notes\n") },
    { name: "photo.mov", mimeType: "video/quicktime", buffer: Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 16]) },
  ]);
  const alert = page.getByRole("alert");
  await expect(alert).toContainText("notes.mp4: This is a text file, not a video.");
  await expect(alert).toContainText("photo.mov: This is a picture, not a video.");
  await expect(page.locator("article.file")).toHaveCount(0);
  expect(sends).toEqual([]);
  await page.getByLabel("Choose videos").setInputFiles(await tiny());
  await sent(page.locator("article.file"));
  await expect(alert).toBeHidden();
});

test("an upload is thrown away after a question, and kept by the other answer", async ({ page, expected }) => {
  await signUp(page, { next: "/upload" });
  expected.push(/net::ERR_(ABORTED|CONNECTION_FAILED) .*\/up\//);
  await narrow(page, 2);
  await page.getByLabel("Choose videos").setInputFiles(await large(MEGABYTES));
  const card = page.locator("article.file");
  await expect
    .poll(() => card.locator("progress").evaluate((bar: HTMLProgressElement) => bar.value))
    .toBeGreaterThan(0);
  await card.getByRole("button", { name: "Cancel" }).click();
  await expect(card.getByRole("button", { name: "Keep it" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(card.getByRole("button", { name: "Cancel" })).toBeFocused();
  expect(await open(page)).toHaveLength(1);
  await expect(card).toContainText(/The site is not responding\. Trying again in \d+ s\./);

  await page.reload();
  const row = page.locator("[data-open]");
  await row.getByRole("button", { name: "Discard upload" }).click();
  await row.getByRole("button", { name: "Keep it" }).click();
  expect(await open(page)).toHaveLength(1);
  await row.getByRole("button", { name: "Discard upload" }).click();
  await row.getByRole("button", { name: "Discard upload" }).click();
  await expect(row).toHaveCount(0);
  expect(await open(page)).toEqual([]);
});

test("the card of a file that fails has no full bar and offers nothing to publish", async ({ page }) => {
  await signUp(page, { next: "/upload" });
  await page.getByLabel("Choose videos").setInputFiles(await broken());
  const card = page.locator("article.file");
  await expect(card.locator('[data-f="badge"]')).toHaveText("Failed");
  await expect(card.locator("progress")).toBeHidden();
  await expect(card.getByRole("button", { name: /^Publish/ })).toBeHidden();
  await expect(card.getByRole("alert")).not.toBeEmpty();
  await expect(card.locator(".btn-main:visible")).toHaveCount(0);
});
