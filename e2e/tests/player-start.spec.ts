// Before the first play: the player's shape, what it loads, what starts by itself, how it comes up.

import type { Page, Request } from "@playwright/test";
import { upright } from "../clips.ts";
import { address, gear, type Host, host, jump, LENGTH, open, ready, stands, state } from "../film.ts";
import { expect, signUp, test, untilReady, upload } from "../fixtures.ts";
import { misfits } from "../layout.ts";
import { moves, player } from "../player.ts";

/** What the box measures, and how far the button is from its middle. */
const shape = (page: Page) =>
  host(page).evaluate((element: HTMLElement) => {
    const [box, big] = [element, element.querySelector(".pl-big")!].map((one) => one.getBoundingClientRect());
    const off = Math.max(
      Math.abs(big.x + big.width / 2 - box.x - box.width / 2),
      Math.abs(big.y + big.height / 2 - box.y - box.height / 2),
    );
    const title = document.querySelector(".watch-head h1")!.getBoundingClientRect();
    return {
      ratio: box.width / box.height,
      share: box.height / innerHeight,
      off,
      width: box.width,
      beside: box.left - title.left,
    };
  });

test("the box has the film's own shape, and the first tap in its middle plays", async ({ page, visitor }) => {
  await signUp(page);
  const id = await upload(page, await upright());
  await expect.poll(async () => (await page.request.get(`/api/v1/videos/${id}/playback`)).status()).toBe(200);
  const films = [
    [`/v/${id}`, 9 / 16],
    [await address(visitor), 848 / 480],
  ] as const;
  for (const [where, ratio] of films) {
    const desk = await visitor();
    await desk.goto(where);
    await ready(desk);
    const box = await shape(desk);
    expect(box.ratio).toBeCloseTo(ratio, 1);
    expect(box.share).toBeLessThan(0.76);
    expect(box.off).toBeLessThan(1);
    // A wide film and its title start at the same edge.
    if (ratio > 1) expect(Math.abs(box.beside)).toBeLessThan(1);
    await desk.context().close();

    const phone = await visitor({ hasTouch: true, isMobile: true, viewport: { width: 390, height: 800 } });
    await phone.goto(where);
    await ready(phone);
    const held = await shape(phone);
    expect(held.ratio).toBeCloseTo(ratio, 1);
    expect(held.share).toBeLessThan(0.76);
    // All of the width, or all of the height that a film may have.
    expect(Math.max(held.width / 358, held.share / 0.75)).toBeGreaterThan(0.98);
    expect(held.off).toBeLessThan(1);
    const frame = (await host(phone).boundingBox())!;
    await phone.touchscreen.tap(frame.x + frame.width * 0.2, frame.y + frame.height * 0.3);
    await moves(phone);
    expect(await misfits(phone)).toEqual([]);
    await phone.context().close();
  }
  // The button itself, and what the page does not know beforehand: a film that was not there yet.
  const phone = await visitor({ hasTouch: true, isMobile: true, viewport: { width: 390, height: 800 } });
  await phone.addInitScript(() => {
    const drop = () => {
      for (const style of document.querySelectorAll("style")) if (style.textContent.includes("--ratio")) style.remove();
    };
    new MutationObserver(drop).observe(document, { childList: true, subtree: true });
  });
  await phone.goto(`/v/${id}`);
  await ready(phone);
  await expect.poll(async () => (await shape(phone)).ratio).toBeCloseTo(9 / 16, 1);
  const frame = (await host(phone).boundingBox())!;
  await phone.touchscreen.tap(frame.x + frame.width / 2, frame.y + frame.height / 2);
  await moves(phone);
});

/** The segments that this page asks for from now on. */
function segments(page: Page) {
  const asked = new Set<string>();
  page.on("request", (request: Request) => {
    if (/\.m4s|fallback\.mp4/.test(request.url())) asked.add(new URL(request.url()).pathname);
  });
  return asked;
}

test("before the first play one segment of picture and one of sound are loaded", async ({ page, visitor }) => {
  const where = await address(visitor);
  const asked = segments(page);
  for (const path of [where, where.replace("/v/", "/embed/")]) {
    asked.clear();
    await page.goto(path);
    await ready(page);
    // biome-ignore lint/suspicious/noPlaywrightNetworkidle: that nothing more is loaded is what the test says.
    await page.waitForLoadState("networkidle");
    const tracks = [...asked].map((one) => one.split("/").slice(-2));
    expect(tracks.map(([, name]) => name)).toEqual(["0.m4s", "0.m4s"]);
    expect(tracks.filter(([track]) => track.startsWith("audio")).length).toBe(1);
  }
  await page.keyboard.press("k");
  await expect.poll(() => asked.size).toBeGreaterThan(10);
});

test("before the first play a place at the very end of what is loaded shows its picture", async ({ page, visitor }) => {
  await open(page, visitor);
  await ready(page);
  await player(page).evaluate((video: HTMLVideoElement) => (video.currentTime = video.buffered.end(0) - 0.02));
  await expect.poll(() => state(page, "seeking")).toBe(false);
  await ready(page);
});

test("a browser that saves data loads nothing of the film before it is played", async ({ page, visitor }) => {
  const where = await address(visitor);
  const asked = segments(page);
  await page.addInitScript(() =>
    Object.defineProperty((navigator as unknown as { connection: object }).connection, "saveData", { get: () => true }),
  );
  await page.goto(where);
  await expect.poll(() => host(page).evaluate((element: Host) => element.hls?.levels.length ?? 0)).toBeGreaterThan(0);
  // biome-ignore lint/suspicious/noPlaywrightNetworkidle: that nothing more is loaded is what the test says.
  await page.waitForLoadState("networkidle");
  expect([...asked]).toEqual([]);
  // A place in it is shown when it is asked for.
  await page.keyboard.press("5");
  await stands(page, LENGTH / 2, 0);
  expect(await state(page, "paused")).toBe(true);
  await page.goto("about:blank");
  await page.goto(where);
  await page.getByRole("button", { name: "Play", exact: true }).first().click();
  await moves(page);
});

test("a click on a card plays with sound, and nothing else starts by itself", async ({ page, visitor }) => {
  const where = await address(visitor);
  const found = async () => {
    await page.goto("/?q=stroll");
    await page.locator(`a[href="${where}"]`).first().click();
    await page.waitForURL(`**${where}`);
  };
  const rests = async (one = page) => {
    await ready(one);
    await one.waitForLoadState("networkidle");
    expect(await state(one, "paused")).toBe(true);
    expect(await state(one, "muted")).toBe(false);
    await expect(one.locator('[data-part="big"]')).toBeVisible();
  };
  await found();
  await moves(page);
  expect(await state(page, "muted")).toBe(false);
  await page.reload();
  await rests();
  await page.goto("about:blank");
  await page.goto(where);
  await rests();

  await gear(page).click();
  const entry = page.getByRole("menuitemcheckbox", { name: "Play videos when I open them" });
  await expect(entry).toHaveAttribute("aria-checked", "true");
  await entry.click();
  await found();
  await rests();
  await gear(page).click();
  await expect(entry).toHaveAttribute("aria-checked", "false");
  await entry.click();
  await found();
  await moves(page);

  // The wish alone, without a click that the browser saw: it refuses, and the picture waits.
  const other = await visitor();
  await other.goto("/");
  await other.evaluate(
    (id: string) => localStorage.setItem("virga:wish", JSON.stringify({ id, at: Date.now() })),
    where.split("/").pop()!,
  );
  // Whatever a test asks a page counts as a click in it: nothing is asked until the browser has answered.
  const answer = new Promise((resolve) => other.exposeFunction("answered", resolve));
  await other.addInitScript(() => {
    const play = HTMLMediaElement.prototype.play;
    HTMLMediaElement.prototype.play = async function () {
      const { answered } = window as unknown as { answered: (how: string) => void };
      await play.call(this).then(
        () => answered("plays"),
        (error: DOMException) => answered(error.name),
      );
    };
  });
  await other.goto(where);
  expect(await answer).toBe("NotAllowedError");
  await rests(other);
  expect(await other.evaluate(() => localStorage.getItem("virga:wish"))).toBe("{}");
});

for (const [width, touch] of [
  [320, true],
  [320, false],
  [390, true],
  [390, false],
  [768, true],
  [1366, false],
] as const) {
  test(`no control leaves the player or lies under another at ${width}${touch ? " with fingers" : ""}`, async ({
    visitor,
  }) => {
    const page = await visitor({ hasTouch: touch, isMobile: touch, viewport: { width, height: 700 } });
    await open(page, visitor);
    expect(await misfits(page)).toEqual([]);
    const outside = () =>
      host(page).evaluate((element: HTMLElement) => {
        const frame = element.getBoundingClientRect();
        const faults: string[] = [];
        const shown = [
          ...element.querySelectorAll(".pl-bar button, .pl-bar input, [role=slider], .pl-big, .pl-time, .pl-toast"),
        ]
          .filter((one) => one.checkVisibility({ checkOpacity: true }))
          .map((one) => ({
            name: one.className,
            box: one.getBoundingClientRect(),
            wide: one.scrollWidth > one.clientWidth + 1,
          }));
        for (const { name, box, wide } of shown) {
          if (
            box.left < frame.left - 0.5 ||
            box.right > frame.right + 0.5 ||
            box.top < frame.top - 0.5 ||
            box.bottom > frame.bottom + 0.5
          )
            faults.push(`${name} is outside`);
          if (wide && name === "pl-time") faults.push("the time is cut off");
        }
        for (let a = 0; a < shown.length; a += 1) {
          for (let b = a + 1; b < shown.length; b += 1) {
            const [one, two] = [shown[a].box, shown[b].box];
            if (
              Math.min(one.right, two.right) - Math.max(one.left, two.left) > 1 &&
              Math.min(one.bottom, two.bottom) - Math.max(one.top, two.top) > 1
            ) {
              faults.push(`${shown[a].name} overlaps ${shown[b].name}`);
            }
          }
        }
        return faults;
      });
    expect(await outside()).toEqual([]);
    await page.keyboard.press("k");
    await moves(page);
    await page.keyboard.press("k");
    expect(await outside()).toEqual([]);
    // What long films write, and what a second visit adds.
    await host(page).evaluate((element: HTMLElement) => {
      element.querySelector('[data-part="now"]')!.textContent = "1:02:03";
      element.querySelector('[data-part="total"]')!.textContent = "12:10:00";
      element.querySelector(".pl")!.classList.add("pl-long");
    });
    expect(await outside()).toEqual([]);
    await jump(page, 20);
    await page.keyboard.press("k");
    await moves(page);
    await page.keyboard.press("k");
    await expect.poll(() => state(page, "paused")).toBe(true);
    await page.reload();
    await ready(page);
    await expect(page.getByRole("button", { name: "Start over" })).toBeVisible();
    expect(await outside()).toEqual([]);
    expect(await misfits(page)).toEqual([]);

    // On low pictures the bar comes with the first play.
    await page.keyboard.press("k");
    await moves(page);
    await page.keyboard.press("k");
    await gear(page).click();
    const menu = (await page.getByRole("menu").boundingBox())!;
    expect(menu.x).toBeGreaterThanOrEqual(0);
    expect(menu.x + menu.width).toBeLessThanOrEqual(width);
    expect(menu.y).toBeGreaterThanOrEqual(0);
    expect(menu.y + menu.height).toBeLessThanOrEqual(700);
  });
}

test.describe("while the player comes up", () => {
  test("the page stands still", async ({ page, visitor }) => {
    const where = await address(visitor);
    await page.addInitScript(() => {
      window.__e2eShifts = [];
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries() as LayoutShift[]) {
          const moved = entry.sources.map((one) => [
            one.node?.nodeName,
            (one.node as Element | null)?.className,
            one.previousRect.toJSON(),
            one.currentRect.toJSON(),
          ]);
          if (!entry.hadRecentInput) window.__e2eShifts.push([entry.value, entry.startTime, ...moved]);
        }
      }).observe({ type: "layout-shift", buffered: true });
    });
    await page.goto(where);
    await ready(page);
    await page.keyboard.press("k");
    await moves(page);
    const shifts = await page.evaluate(() => window.__e2eShifts);
    expect(
      shifts.reduce((sum, [value]) => sum + value, 0),
      JSON.stringify(shifts),
    ).toBeLessThan(0.02);
  });

  test("what is under the player is there before the column beside it has come", async ({ page, visitor }) => {
    // Something to be shown in that column.
    const owner = await visitor();
    await signUp(owner);
    await untilReady(owner, await upload(owner, await upright()));
    await page.goto(await address(visitor));
    await expect(page.locator(".beside")).toBeVisible();
    const places = () =>
      page.evaluate(() => {
        const box = (part: string) => document.querySelector(part)!.getBoundingClientRect();
        const about = box(".watch-about");
        return { below: about.top >= box(".player").bottom, left: about.left, wide: about.width };
      });
    const whole = await places();
    expect(whole.below).toBe(true);
    // As the page stands while its end is on the way.
    await page.evaluate(() => document.querySelector(".beside")!.remove());
    expect(await places()).toEqual(whole);
  });
});
