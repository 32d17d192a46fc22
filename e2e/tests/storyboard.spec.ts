// Pictures of the film above the seek bar, and on cards under the mouse.

import type { Locator, Page } from "@playwright/test";
import { instant, SECONDS } from "../clips.ts";
import { expect, signUp, test, untilReady, upload, type Visitor } from "../fixtures.ts";
import { play, player } from "../player.ts";

let film: Promise<string> | undefined;
/** One film of 8 s with a key frame every 2 s, made once for the worker. */
function made(visitor: Visitor) {
  film ??= (async () => {
    const owner = await visitor();
    await signUp(owner);
    const id = await upload(owner, await instant());
    await untilReady(owner, id);
    return id;
  })();
  return film;
}

/** The moment that a picture shows: how far its right half is from black to white. */
const moment = (canvas: Locator) =>
  canvas.evaluate((element: HTMLCanvasElement, seconds: number) => {
    const paint = element.getContext("2d")!;
    const [x, y] = [Math.floor(element.width * 0.75), Math.floor(element.height / 2)];
    return (paint.getImageData(x, y, 1, 1).data[1]! / 255) * seconds;
  }, SECONDS);

/** What a card shows until its cover is back: the moments that its pictures have and show. */
const glimpses = (card: Locator) =>
  card.evaluate(
    (element: HTMLElement, seconds: number) =>
      new Promise<{ from: number; shows: number }[]>((resolve) => {
        const seen: { from: number; shows: number }[] = [];
        const look = () => {
          const canvas = element.querySelector("canvas");
          if (!canvas) {
            if (seen.length > 0) resolve(seen);
            return;
          }
          const from = Number(canvas.dataset.from);
          if (seen.at(-1)?.from === from) return;
          const [x, y] = [Math.floor(canvas.width * 0.75), Math.floor(canvas.height / 2)];
          const light = canvas.getContext("2d")!.getImageData(x, y, 1, 1).data[1]! / 255;
          seen.push({ from, shows: light * seconds });
        };
        new MutationObserver(look).observe(element, { childList: true, subtree: true, attributes: true });
      }),
    SECONDS,
  );

/** Points at a share of the seek bar. */
async function point(page: Page, share: number) {
  await page.locator("virga-player").hover({ position: { x: 80, y: 80 } });
  const box = (await page.locator('[data-part="seek"]').boundingBox())!;
  await page.mouse.move(box.x + box.width * share, box.y + box.height / 2);
}

const asked = (page: Page) => {
  const found: string[] = [];
  page.on("request", (request) => {
    const name = new URL(request.url()).pathname.split("/").pop()!;
    if (name.startsWith("storyboard")) found.push(name);
  });
  return found;
};

test("the seek bar shows the picture of the place under the pointer", async ({ page, visitor }) => {
  const id = await made(visitor);
  const requests = asked(page);
  await page.goto(`/v/${id}`);
  await play(page);
  expect(requests).toEqual([]);
  const tile = page.locator('[data-part="preview"] canvas');
  for (const [share, from] of [
    [0.1, 0],
    [0.6, 4],
    [0.99, 6],
    [0.3, 2],
  ] as const) {
    await point(page, share);
    await expect(tile).toBeVisible();
    await expect.poll(async () => Math.abs((await moment(tile)) - from)).toBeLessThan(0.5);
    const [outer, inner] = await Promise.all([
      page.locator("virga-player").boundingBox(),
      page.locator('[data-part="preview"]').boundingBox(),
    ]);
    expect(inner!.x).toBeGreaterThanOrEqual(outer!.x);
    expect(inner!.y).toBeGreaterThanOrEqual(outer!.y);
    expect(inner!.x + inner!.width).toBeLessThanOrEqual(outer!.x + outer!.width);
  }
  // The cues once, and one sheet.
  expect(requests).toEqual(["storyboard.vtt", "storyboard-0.jpg"]);
});

test("a finger that drags sees the picture, in a narrow window too", async ({ visitor }) => {
  const id = await made(visitor);
  const page = await visitor({ viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true });
  await page.goto(`/v/${id}`);
  // The bar comes with the first tap, and stays while the film is paused.
  const video = player(page);
  await expect.poll(() => video.evaluate((v: HTMLVideoElement) => v.readyState)).toBeGreaterThanOrEqual(2);
  await video.tap({ position: { x: 60, y: 60 } });
  await expect.poll(() => video.evaluate((v: HTMLVideoElement) => v.currentTime)).toBeGreaterThan(0);
  await video.evaluate((v: HTMLVideoElement) => v.pause());
  const seek = page.locator('[data-part="seek"]');
  await expect(seek).toBeVisible();
  const box = (await seek.boundingBox())!;
  const touch = await page.context().newCDPSession(page);
  const at = (share: number) => [{ x: box.x + box.width * share, y: box.y + box.height - 14 }];
  await touch.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints: at(0.2) });
  await touch.send("Input.dispatchTouchEvent", { type: "touchMove", touchPoints: at(0.6) });
  const tile = page.locator('[data-part="preview"] canvas');
  await expect(tile).toBeVisible();
  await expect.poll(async () => Math.abs((await moment(tile)) - 4)).toBeLessThan(0.5);
  const outer = (await page.locator("virga-player").boundingBox())!;
  const inner = (await page.locator('[data-part="preview"]').boundingBox())!;
  expect(inner.y).toBeGreaterThanOrEqual(outer.y);
  await touch.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
  await expect(page.locator('[data-part="preview"]')).not.toHaveClass(/pl-on/);
});

test("a card under the mouse goes through pictures of its film, and then shows its cover", async ({
  page,
  visitor,
}) => {
  const id = await made(visitor);
  const requests = asked(page);
  await page.goto("/");
  const card = page.locator(".vcard", { has: page.locator(`a[href="/v/${id}"]`) });
  // After the cover, so that it is on top of it.
  const picture = card.locator("picture + canvas");
  await card.hover();
  await expect(picture).toHaveCount(1);
  await page.mouse.move(5, 5);
  await expect(picture).toHaveCount(0);
  // By keyboard, to its end.
  await card.getByRole("link").first().focus();
  await page.keyboard.press("Shift+Tab");
  const seen = glimpses(card);
  await page.keyboard.press("Tab");
  const shown = await seen;
  expect(shown.map(({ from }) => Math.round(from))).toEqual([0, 2, 4, 6]);
  for (const { from, shows } of shown) expect(Math.abs(from - shows)).toBeLessThan(0.5);
  expect(requests).toEqual(["storyboard.vtt", "storyboard-0.jpg"]);
});

test("nothing moves for those who want less motion", async ({ visitor }) => {
  const id = await made(visitor);
  const page = await visitor({ reducedMotion: "reduce" });
  const requests = asked(page);
  await page.clock.install();
  await page.goto("/");
  const card = page.locator(".vcard", { has: page.locator(`a[href="/v/${id}"]`) });
  await card.hover();
  await page.clock.runFor(5000);
  await expect(card.locator("canvas")).toHaveCount(0);
  expect(requests).toEqual([]);
});
