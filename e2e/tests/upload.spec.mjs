// Files that take a while: going on after a reload, and from another browser.

import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { instant, large, tiny } from "../clips.mjs";
import { expect, sent, signIn, signUp, test, untilReady } from "../fixtures.mjs";

const MEGABYTES = 60;
const PART = 8 * 1024 * 1024;

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

/**
 * A network that lets so many parts through and breaks off all others. `sent`: the numbers of the
 * parts that went through; `more(n)` lets n further ones pass.
 */
async function narrow(page, count = Infinity) {
  let left = count;
  const sent = [];
  await page.route("**/up/**", (route) => {
    if (left <= 0) return route.abort("connectionfailed");
    left -= 1;
    sent.push(Number(/\/up\/[^/]+\/(\d+)\?/.exec(route.request().url())[1]));
    return route.continue();
  });
  return { sent, more: (n) => (left = n) };
}

const open = async (page) => (await page.request.get("/api/v1/uploads")).json();
const held = async (page, id) =>
  (await (await page.request.get(`/api/v1/uploads/${id}/parts`)).json()).map((part) => part.number);

test("an upload goes on after a reload and from another browser, and sends nothing twice", async ({ page, visitor, expected }) => {
  const file = await large(MEGABYTES);
  const { size } = await stat(file);
  const all = Math.ceil(size / PART);
  const name = await signUp(page, { next: "/upload" });
  // The browser tells of every part that the narrow network breaks off.
  expected.push(/net::ERR_(ABORTED|CONNECTION_FAILED) .*\/up\//);

  const network = await narrow(page, 2);
  await page.getByLabel("Choose videos").setInputFiles(file);
  let id;
  await expect.poll(async () => (id = (await open(page))[0]?.id), { intervals: [100] }).toBeTruthy();
  await expect.poll(async () => (await held(page, id)).length).toBe(2);
  await page.reload();

  const row = page.locator(`[data-open="${id}"]`);
  await expect(page.getByRole("heading", { name: "Unfinished uploads" })).toBeVisible();
  await expect(row).toContainText("large.mp4");
  const before = await held(page, id);
  expect(before.length).toBe(2);
  network.more(3);
  await row.locator("input[type=file]").setInputFiles(file);
  await expect.poll(async () => (await held(page, id)).length).toBe(5);
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
  const href = await card.getByRole("link", { name: "Open its page" }).getAttribute("href");
  const video = href.split("/").pop();
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
  let id;
  await expect.poll(async () => (id = (await open(page))[0]?.id), { intervals: [100] }).toBeTruthy();
  await expect.poll(async () => (await held(page, id)).length, { intervals: [100] }).toBeGreaterThan(0);
  await page.reload();
  network.more(Infinity);
  await page.locator(`[data-open="${id}"] input[type=file]`).setInputFiles(wrong);
  await expect(page.getByRole("alert").filter({ hasText: "This is another file" })).toBeVisible();
  expect(network.sent.length).toBe(1);
});

test("several files go up together, each with its own card and page", async ({ page }) => {
  await signUp(page, { next: "/upload" });
  await page.getByLabel("Choose videos").setInputFiles([await tiny("one.mp4"), await tiny("two.mp4"), await instant("three.mp4")]);
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
