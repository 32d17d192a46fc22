// The player where the engine, the script, the site or the film's bytes do not come.

import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import type { Locator, Page } from "@playwright/test";
import { about, address, at, gear, type Host, host, ready } from "../film.ts";
import { expect, test } from "../fixtures.ts";
import { moves, player } from "../player.ts";

/** Until the viewer reads that the site does not answer. */
const hearsOfIt = (page: Page, card: Locator) =>
  expect.poll(async () => (await card.isVisible()) || about(page), { timeout: 30_000 }).toBe(true);

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: a group of tests, not one function.
test.describe("where something is in the way", () => {
  test.use({ expected: [/Failed to load resource|net::ERR/] });

  test("without the engine the plain file plays under the same controls", async ({ page, visitor }) => {
    const where = await address(visitor);
    await page.route("**/assets/hls.*.js", (route) => route.abort());
    await page.goto(`${where}?t=12`);
    await page.getByRole("button", { name: "Play", exact: true }).first().click();
    await moves(page);
    expect(await at(page)).toBeGreaterThan(11);
    expect(await player(page).evaluate((v: HTMLVideoElement) => v.currentSrc)).toMatch(/fallback\.mp4$/);
    expect(await player(page).evaluate((v: HTMLVideoElement) => v.controls)).toBe(false);
    expect(await host(page).evaluate((element: Host) => element.hls)).toBe(null);
    await gear(page).click();
    await expect(page.getByRole("menuitem", { name: "Speed" })).toBeVisible();
    await expect(page.getByRole("menuitem", { name: "Quality" })).toHaveCount(0);
  });

  test("without the page's script the browser's own controls stay", async ({ page, visitor }) => {
    const where = await address(visitor);
    await page.route("**/assets/watch.*.js", (route) => route.abort());
    await page.goto(where);
    await expect(page.locator("virga-player video[controls]")).toBeVisible();
    await expect(page.locator('[data-part="controls"]')).toHaveCount(0);
  });

  test("while the site is away the viewer hears of it and keeps the place, and playing goes on by itself", async ({
    page,
    visitor,
  }) => {
    const where = await address(visitor);
    await page.goto(`${where}?t=20`);
    await ready(page);
    const card = page.getByRole("alert").filter({ hasText: /^The site is not responding\. Trying again in \d s$/ });
    // The browser knows that it has no network, and when it has one again.
    await page.context().setOffline(true);
    await page.keyboard.press("k");
    await hearsOfIt(page, card);
    const left = await at(page);
    expect(left).toBeGreaterThan(19.5);
    await page.context().setOffline(false);
    await expect(card).toBeHidden();
    await moves(page);
    expect(await at(page)).toBeGreaterThan(left - 0.5);

    // It does not: nobody answers, then the site cannot, then it can.
    await page.goto("about:blank");
    await page.goto(`${where}?t=20`);
    await ready(page);
    const all = /\/media\/|\/playback$/;
    await page.route(all, (route) => route.abort());
    await page.keyboard.press("k");
    await hearsOfIt(page, card);
    const unable = page.waitForResponse(/\/playback$/);
    await page.route(/\/playback$/, (route) => route.fulfill({ status: 503, body: "" }));
    await unable;
    await expect(card).toBeVisible();
    await page.unrouteAll();
    await moves(page);
    await expect(card).toBeHidden();
    expect(await at(page)).toBeGreaterThan(left - 0.5);
  });

  test("requests that are never answered, or only half, are told as silence of the site as well", async ({
    page,
    visitor,
  }) => {
    const where = await address(visitor);
    await page.goto(`${where}?t=20`);
    await ready(page);
    const card = page.getByRole("alert").filter({ hasText: /^The site is not responding\. Trying again in \d s$/ });
    // As in a tunnel: what was sent is gone, and nothing says so.
    await page.route(/\/media\/|\/playback$/, () => {});
    await page.keyboard.press("k");
    await hearsOfIt(page, card);
    // A tunnel's end: an answer begins, and the line breaks in the middle of it.
    const cut = createServer((socket) => {
      socket.once("data", () => {
        socket.write("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{");
        setTimeout(() => socket.destroy(), 50);
      });
    });
    cut.listen(0, "127.0.0.1");
    await once(cut, "listening");
    const { port } = cut.address() as AddressInfo;
    await page.unrouteAll();
    const broken = page.waitForEvent("requestfailed", (request) => request.url().endsWith("/playback"));
    await page.route(/\/media\//, (route) => route.abort());
    await page.route(/\/playback$/, (route) => route.continue({ url: `http://127.0.0.1:${port}/playback` }));
    await broken;
    await expect(card).toBeVisible();
    cut.close();
    await page.unrouteAll();
    await moves(page);
    await expect(card).toBeHidden();
    expect(await at(page)).toBeGreaterThan(19.5);
  });

  test("when nothing comes any more the last picture stays, and one press goes on from there", async ({
    page,
    visitor,
  }) => {
    const where = await address(visitor);
    // Two segments of each rendition from second 20 on, then nothing, not even the plain file.
    const given: Record<string, Set<string>> = {};
    await page.route(/\.m4s|fallback\.mp4/, async (route) => {
      const url = route.request().url();
      const [folder, name] = [url.slice(0, url.lastIndexOf("/")), url.slice(url.lastIndexOf("/") + 1)];
      given[folder] ??= new Set();
      const some = given[folder];
      if (name.startsWith("fallback") || (some.size >= 2 && !some.has(name)))
        return route.fulfill({ status: 404, body: "" });
      some.add(name);
      await route.continue();
    });
    await page.goto(`${where}?t=20`);
    await ready(page);
    await page.keyboard.press("k");
    const card = page.getByRole("alert").filter({ hasText: "Playback was interrupted." });
    await expect(card).toBeVisible({ timeout: 60_000 });
    const picture = await page.locator("virga-player").evaluate((element) => {
      const still = element.querySelector<HTMLCanvasElement>("canvas.still");
      return still ? still.width : element.querySelector("video")!.videoWidth;
    });
    expect(picture).toBeGreaterThan(0);
    await page.unroute(/\.m4s|fallback\.mp4/);
    await page.getByRole("button", { name: "Try again", exact: true }).click();
    await expect(card).toBeHidden();
    await moves(page);
    expect(await at(page)).toBeGreaterThan(19.5);
    await expect(page.locator("canvas.still")).toHaveCount(0);
  });
});
