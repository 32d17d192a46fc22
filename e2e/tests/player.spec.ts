// The player's own controls, as fingers, pointers and keys use them.

import type { Page, Request, Response } from "@playwright/test";
import { stroll, upright } from "../clips.ts";
import { expect, signUp, test, untilReady, upload, type Visitor } from "../fixtures.ts";
import { latin, misfits } from "../layout.ts";
import { moves, nextFrame, player } from "../player.ts";

const LENGTH = 40;

let film: Promise<string> | undefined;
/** The address of one film of 40 s, made once for the worker. */
function address(visitor: Visitor) {
  film ??= (async () => {
    const owner = await visitor();
    await signUp(owner);
    const id = await upload(owner, await stroll());
    await untilReady(owner, id);
    return `/v/${id}`;
  })();
  return film;
}

/** The player's element: of the engine what is read here. */
type Host = HTMLElement & { hls: Hls | null };
interface Hls {
  levels: unknown[];
  streamController: Stream;
  audioStreamController: Stream;
}
interface Stream {
  state: string;
  buffering: boolean;
  fragCurrent?: { sn: unknown };
}
const host = (page: Page) => page.locator("virga-player");
const at = (page: Page) => player(page).evaluate((v: HTMLVideoElement) => v.currentTime);
const state = (page: Page, name: keyof HTMLVideoElement) =>
  player(page).evaluate((v: HTMLVideoElement, key) => v[key], name);
/** Until there is a picture. Whoever waits in vain reads what the player was about. */
const ready = (page: Page) =>
  expect
    .poll(() =>
      host(page).evaluate((element: Host) => {
        const { hls } = element;
        const video = element.querySelector("video")!;
        if (video.readyState >= 2) return "ready";
        const ranges = ({ buffered }: HTMLVideoElement) =>
          Array.from({ length: buffered.length }, (_, n) => [buffered.start(n), buffered.end(n)]);
        const { readyState, currentTime, seeking } = video;
        const of = (stream?: Stream) => stream && [stream.state, stream.buffering, stream.fragCurrent?.sn];
        return JSON.stringify({
          readyState,
          currentTime,
          seeking,
          there: ranges(video),
          main: of(hls?.streamController),
          audio: of(hls?.audioStreamController),
        });
      }),
    )
    .toBe("ready");
const gear = (page: Page) => page.getByRole("button", { name: "Player settings" });

/** Sets the place without the controls. */
const jump = (page: Page, seconds: number) =>
  player(page).evaluate(
    (v: HTMLVideoElement, to: number) =>
      new Promise((resolve) => {
        v.addEventListener("seeked", resolve, { once: true });
        v.currentTime = to;
      }),
    seconds,
  );

/** Opens the film for a guest, with a picture to see. */
async function open(page: Page, visitor: Visitor, more = "") {
  await page.goto((await address(visitor)) + more);
  await ready(page);
}

/** Waits for a place, to a tenth of a second. */
const stands = (page: Page, seconds: number, digits = 1) =>
  expect.poll(() => at(page), { message: `at ${seconds} s` }).toBeCloseTo(seconds, digits);
/**
 * Waits for the beginning. Where nothing of it is loaded, the engine may go to 0.07 s instead: it adds up
 * when the sound begins from times that still contain the encoder's delay, and goes 0.05 s into it.
 */
const begins = (page: Page) => expect.poll(() => at(page), { message: "at the beginning" }).toBeLessThan(0.1);

test("every key does what people are used to", async ({ page, visitor }) => {
  await open(page, visitor);
  await page.keyboard.press("k");
  await moves(page);
  await page.keyboard.press("Space");
  await expect.poll(() => state(page, "paused")).toBe(true);
  await jump(page, 20);
  for (const [key, place] of [
    ["j", 10],
    ["l", 20],
    ["ArrowLeft", 15],
    ["ArrowRight", 20],
    ["3", 12],
    ["0", 0],
    ["9", 36],
    ["5", 20],
  ] as const) {
    await page.keyboard.press(key);
    await stands(page, place);
  }
  const before = await at(page);
  await page.keyboard.press(".");
  await stands(page, before + 0.04, 2);
  await page.keyboard.press(",");
  await stands(page, before, 2);

  await page.keyboard.press("m");
  await expect.poll(() => state(page, "muted")).toBe(true);
  await expect(page.getByRole("status").filter({ hasText: "Muted" })).toBeVisible();
  await page.keyboard.press("m");
  await expect.poll(() => state(page, "muted")).toBe(false);
  await page.keyboard.press(">");
  await expect.poll(() => state(page, "playbackRate")).toBe(1.25);
  await expect(page.getByRole("status").filter({ hasText: "Speed 1.25×" })).toBeVisible();
  await page.keyboard.press("<");
  await page.keyboard.press("<");
  await expect.poll(() => state(page, "playbackRate")).toBe(0.75);

  // The page's own keys, until the player has the focus.
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("End");
  await stands(page, 20);
  await page.keyboard.press("Home");
  await host(page).focus();
  await page.keyboard.press("ArrowDown");
  await expect.poll(() => state(page, "volume")).toBeCloseTo(0.95, 2);
  await page.keyboard.press("ArrowUp");
  await expect.poll(() => state(page, "volume")).toBe(1);
  await page.keyboard.press("End");
  await expect.poll(() => at(page)).toBeGreaterThan(LENGTH - 0.1);
  await page.keyboard.press("Home");
  await begins(page);

  const narrow = (await host(page).boundingBox())!.width;
  await page.keyboard.press("t");
  await expect.poll(async () => (await host(page).boundingBox())!.width).toBeGreaterThan(narrow + 100);
  expect(await misfits(page)).toEqual([]);
  await page.keyboard.press("t");
  await expect.poll(async () => (await host(page).boundingBox())!.width).toBeCloseTo(narrow, 0);
  await page.keyboard.press("f");
  await expect.poll(() => page.evaluate(() => document.fullscreenElement?.localName)).toBe("virga-player");
  await page.keyboard.press("f");
  await expect.poll(() => page.evaluate(() => document.fullscreenElement)).toBe(null);
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog", { name: "Keyboard shortcuts" })).toBeVisible();
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog")).toBeHidden();
});

test("keys belong to a text, a held modifier and a composed character, and can be switched off", async ({
  page,
  visitor,
}) => {
  await open(page, visitor);
  await page.getByLabel("Search videos").focus();
  await page.keyboard.type("km5 ?");
  await expect(page.getByLabel("Search videos")).toHaveValue("km5 ?");
  await page.getByLabel("Search videos").blur();
  await page.keyboard.press("Control+m");
  await page.keyboard.press("Alt+5");
  await page.evaluate(() => {
    for (const key of ["m", "5"])
      document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, isComposing: true }));
  });
  // Keys arrive in order: when this one has, the others did nothing.
  await page.keyboard.press("2");
  await stands(page, 8);
  expect(await state(page, "muted")).toBe(false);
  expect(await state(page, "paused")).toBe(true);
  await expect(page.getByRole("dialog")).toBeHidden();

  await page.keyboard.press("?");
  await page.getByLabel("Use single-key shortcuts").uncheck();
  await page.keyboard.press("Escape");
  await page.reload();
  await ready(page);
  await page.keyboard.press("m");
  await page.keyboard.press("5");
  await gear(page).click();
  await page.getByRole("menuitem", { name: "Keyboard shortcuts" }).click();
  expect(await state(page, "muted")).toBe(false);
  expect(await at(page)).toBeLessThan(1);
  await page.getByLabel("Use single-key shortcuts").check();
  await page.getByRole("button", { name: "Close" }).click();
  await page.keyboard.press("m");
  await expect.poll(() => state(page, "muted")).toBe(true);
});

test("another quality shows another picture, is remembered, and says what it plays", async ({ page, visitor }) => {
  await open(page, visitor);
  await gear(page).click();
  const entry = page.getByRole("menuitem", { name: "Quality" });
  await expect(entry).toContainText(/Auto \(\d+p\)/);
  const height = await state(page, "videoHeight");
  await entry.click();
  const choices = page.getByRole("menuitemradio");
  expect(await choices.count()).toBeGreaterThanOrEqual(3);
  await expect(choices.first()).toHaveAttribute("aria-checked", "true");
  const names = (await choices.allTextContents()).map((text) => Number(/(\d+)p/.exec(text)?.[1]));
  const other = names.findLastIndex((lines, n) => n > 0 && lines !== height);
  await choices.nth(other).click();
  await expect.poll(() => state(page, "videoHeight")).toBe(names[other]);
  await gear(page).click();
  await expect(entry).toContainText(new RegExp(`${names[other]}p$`));

  await page.reload();
  await ready(page);
  expect(await state(page, "videoHeight")).toBe(names[other]);
  await gear(page).click();
  await entry.click();
  await expect(choices.nth(other)).toHaveAttribute("aria-checked", "true");
  await choices.first().click();
  await gear(page).click();
  await expect(entry).toContainText("Auto (");
});

test("the bar seeks by click, by drag and by keys, and its bubble stays on the screen", async ({ page, visitor }) => {
  await page.setViewportSize({ width: 390, height: 800 });
  await open(page, visitor);
  const bar = page.getByRole("slider", { name: "Position" });
  const box = (await bar.boundingBox())!;
  const y = box.y + box.height / 2;
  const bubble = page.locator('[data-part="preview"]');
  for (const share of [0, 0.5, 1]) {
    await page.mouse.move(box.x + Math.min(box.width * share, box.width - 1), y);
    await expect(bubble).toHaveCSS("opacity", "1");
    const edge = (await bubble.boundingBox())!;
    expect(edge.x).toBeGreaterThanOrEqual(0);
    expect(edge.x + edge.width).toBeLessThanOrEqual(390);
    const frame = (await host(page).boundingBox())!;
    expect(edge.y).toBeGreaterThanOrEqual(frame.y);
    const [minutes, seconds] = (await bubble.textContent())!.split(":").map(Number);
    expect(Math.abs(minutes * 60 + seconds - share * LENGTH)).toBeLessThan(1.1);
  }
  await page.mouse.click(box.x + box.width / 4, y);
  await stands(page, LENGTH / 4, 0);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width / 2, y, { steps: 5 });
  await page.mouse.move(box.x + (box.width * 3) / 4, y - 60, { steps: 5 });
  await page.mouse.up();
  await stands(page, (LENGTH * 3) / 4, 0);
  expect(await state(page, "paused")).toBe(true);

  await bar.focus();
  const from = await at(page);
  await page.keyboard.press("ArrowLeft");
  await stands(page, from - 5);
  await page.keyboard.press("ArrowUp");
  await stands(page, from);
  await page.keyboard.press("Home");
  await begins(page);
  await page.keyboard.press("PageUp");
  await stands(page, 30);
  await expect(bar).toHaveAttribute("aria-valuetext", "0:30 of 0:40");
});

test("an address starts at the second that it names", async ({ page, visitor }) => {
  for (const [more, place] of [
    ["?t=12", 12],
    ["?t=0m15s", 15],
    ["#t=21", 21],
    ["?t=5000", LENGTH - 1],
  ] as const) {
    await page.goto("about:blank");
    await open(page, visitor, more);
    await stands(page, place, 0);
  }
  await page.evaluate(() => (location.hash = "t=7"));
  await stands(page, 7);
  await page.keyboard.press("k");
  expect(await nextFrame(page)).toBeGreaterThan(6.5);
});

test("a guest goes on where the last visit ended, or starts over", async ({ page, visitor }) => {
  await open(page, visitor);
  await page.keyboard.press("k");
  await moves(page);
  await jump(page, 20);
  await moves(page);
  await page.keyboard.press("k");
  await expect.poll(() => state(page, "paused")).toBe(true);
  const left = await at(page);

  await page.reload();
  await ready(page);
  await stands(page, left, 0);
  await expect(page.getByRole("status").filter({ hasText: /^Resumed from 0:2\d$/ })).toBeVisible();
  await page.getByRole("button", { name: "Start over" }).click();
  await begins(page);
  await expect(page.getByRole("button", { name: "Start over" })).toHaveCount(0);
  await page.reload();
  await ready(page);
  expect(await at(page)).toBeLessThan(1);

  // Left by closing the page, without a pause; then seen to its end.
  await page.keyboard.press("k");
  await jump(page, 25);
  await moves(page);
  await page.reload();
  await ready(page);
  await expect.poll(() => at(page)).toBeGreaterThan(24);
  await jump(page, 39);
  await page.keyboard.press("k");
  await expect.poll(() => state(page, "ended")).toBe(true);
  await expect(page.getByRole("button", { name: "Play again from the start" })).toBeVisible();
  await page.reload();
  await ready(page);
  expect(await at(page)).toBeLessThan(1);
});

test("a member goes on in another browser, and having started over starts over everywhere", async ({
  page,
  visitor,
}) => {
  const where = await address(visitor);
  await signUp(page, { next: where });
  await ready(page);
  const kept = (done: Response) => done.url().endsWith("/position") && done.request().method() === "PUT";
  await page.keyboard.press("k");
  await moves(page);
  await jump(page, 20);
  await moves(page);
  const [answer] = await Promise.all([page.waitForResponse(kept), page.keyboard.press("k")]);
  expect(answer.status()).toBe(204);
  const left = await at(page);

  const { cookies } = await page.context().storageState();
  const elsewhere = await visitor({ storageState: { cookies, origins: [] } });
  await elsewhere.goto(where);
  await ready(elsewhere);
  await stands(elsewhere, left, 0);
  const [forgotten] = await Promise.all([
    elsewhere.waitForResponse(kept),
    elsewhere.getByRole("button", { name: "Start over" }).click(),
  ]);
  expect(forgotten.status()).toBe(204);
  await page.reload();
  await ready(page);
  expect(await at(page)).toBeLessThan(1);
});

test("the menu is worked by keys alone and gives the focus back", async ({ page, visitor }) => {
  await open(page, visitor);
  await page.getByRole("button", { name: "Mute" }).focus();
  for (let n = 0; n < 3 && !(await gear(page).evaluate((button) => button === document.activeElement)); n += 1)
    await page.keyboard.press("Tab");
  await expect(gear(page)).toBeFocused();
  await expect(gear(page)).toHaveAttribute("aria-expanded", "false");
  await page.keyboard.press("Enter");
  await expect(gear(page)).toHaveAttribute("aria-expanded", "true");
  const menu = page.getByRole("menu", { name: "Player settings" });
  const row = (name: string) => menu.getByRole(/^(Loop)/.test(name) ? "menuitemcheckbox" : "menuitem", { name });
  await expect(row("Quality")).toBeFocused();
  await page.keyboard.press("ArrowUp");
  await expect(row("Keyboard shortcuts")).toBeFocused();
  await page.keyboard.press("Home");
  await page.keyboard.press("ArrowDown");
  await expect(row("Speed")).toBeFocused();
  await page.keyboard.press("ArrowRight");
  await expect(menu.getByRole("menuitemradio", { name: "Normal" })).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(row("Speed")).toBeFocused();
  await page.keyboard.press("Enter");
  await page.keyboard.press("End");
  await page.keyboard.press("Enter");
  await expect(menu).toBeHidden();
  await expect(gear(page)).toBeFocused();
  expect(await state(page, "playbackRate")).toBe(3);

  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await expect(row("Loop")).toBeFocused();
  await page.keyboard.press("Space");
  await expect(row("Loop")).toHaveAttribute("aria-checked", "true");
  expect(await state(page, "loop")).toBe(true);
  await page.keyboard.press("Escape");
  await expect(menu).toBeHidden();
  await expect(gear(page)).toBeFocused();
  expect(await state(page, "paused")).toBe(true);
});

test("the link at the present second is copied", async ({ page, visitor }) => {
  await open(page, visitor);
  await jump(page, 17.8);
  await gear(page).click();
  await page.getByRole("menuitem", { name: "Copy link at 0:17" }).click();
  await expect(page.getByRole("status").filter({ hasText: "Link at 0:17 copied" })).toBeVisible();
  await page.getByLabel("Search videos").focus();
  await page.keyboard.press("Control+V");
  await expect(page.getByLabel("Search videos")).toHaveValue(
    `${new URL(page.url()).origin}${await address(visitor)}?t=17`,
  );
});

test("volume and speed stay from one visit to the next", async ({ page, visitor }) => {
  await open(page, visitor);
  await page.getByRole("slider", { name: "Volume" }).fill("35");
  await expect.poll(() => state(page, "volume")).toBeCloseTo(0.35, 2);
  await page.getByRole("button", { name: "Mute" }).click();
  await gear(page).click();
  await page.getByRole("menuitem", { name: "Speed" }).click();
  await page.getByRole("menuitemradio", { name: "1.5×" }).click();
  await page.reload();
  await ready(page);
  expect(await state(page, "playbackRate")).toBe(1.5);
  expect(await state(page, "muted")).toBe(true);
  await page.getByRole("button", { name: "Unmute" }).click();
  expect(await state(page, "volume")).toBeCloseTo(0.35, 2);
});

test("while it plays the controls go, and come back for pointer, key and pause", async ({ page, visitor }) => {
  await open(page, visitor);
  const bar = page.locator('[data-part="bar"]');
  await player(page).click({ position: { x: 60, y: 60 } });
  await moves(page);
  await expect(host(page)).toHaveAttribute("data-idle", "");
  await expect(bar).toHaveCSS("opacity", "0");
  await expect(host(page)).toHaveCSS("cursor", "none");
  await page.mouse.move(300, 300);
  await expect(bar).toHaveCSS("opacity", "1");
  await expect(host(page)).toHaveAttribute("data-idle", "");
  await page.keyboard.press("m");
  await expect(host(page)).not.toHaveAttribute("data-idle");
  await expect(host(page)).toHaveAttribute("data-idle", "");
  await page.keyboard.press("k");
  await expect(bar).toHaveCSS("opacity", "1");

  // Neither a menu nor a control with the focus of the keys disappears from under one's hands.
  await page.keyboard.press("k");
  await gear(page).click();
  const from = await at(page);
  await expect.poll(() => at(page)).toBeGreaterThan(from + 3.5);
  await expect(host(page)).not.toHaveAttribute("data-idle");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Tab");
  await expect.poll(() => at(page)).toBeGreaterThan(from + 7.5);
  await expect(host(page)).not.toHaveAttribute("data-idle");
});

test("a press beside the open menu only closes it", async ({ page, visitor }) => {
  await open(page, visitor);
  await gear(page).click();
  await expect(page.getByRole("menu")).toBeVisible();
  await player(page).click({ position: { x: 60, y: 60 } });
  await expect(page.getByRole("menu")).toBeHidden();
  expect(await state(page, "paused")).toBe(true);
  await player(page).click({ position: { x: 60, y: 60 } });
  await expect.poll(() => state(page, "paused")).toBe(false);
});

test("fingers show and hide the controls and jump at the sides", async ({ visitor }) => {
  const page = await visitor({ hasTouch: true, isMobile: true, viewport: { width: 390, height: 800 } });
  await open(page, visitor);
  await page.locator('[data-part="big"]').tap();
  await moves(page);
  const box = (await player(page).boundingBox())!;
  const tap = (share: number) => page.touchscreen.tap(box.x + box.width * share, box.y + 10);
  await expect(host(page)).toHaveAttribute("data-idle", "");
  await tap(0.5);
  await expect(host(page)).not.toHaveAttribute("data-idle");
  expect(await state(page, "paused")).toBe(false);
  await tap(0.5);
  await expect(host(page)).toHaveAttribute("data-idle", "");
  await page.locator('[data-part="play"]').evaluate((button: HTMLElement) => button.click());
  await expect.poll(() => state(page, "paused")).toBe(true);
  await jump(page, 20);
  await tap(0.9);
  await tap(0.9);
  await stands(page, 30);
  await tap(0.1);
  await tap(0.1);
  await stands(page, 20);
  const small = await page
    .locator("virga-player .pl-bar :is(button, [role=slider])")
    .evaluateAll(
      (all) =>
        all
          .map((one) => one.getBoundingClientRect())
          .filter((one) => one.width > 0 && (one.width < 44 || one.height < 44)).length,
    );
  expect(small).toBe(0);
  const bar = (await page.getByRole("slider", { name: "Position" }).boundingBox())!;
  await page.touchscreen.tap(bar.x + bar.width / 4, bar.y + bar.height / 2);
  await stands(page, LENGTH / 4, 0);
});

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

test("the player speaks Chinese to whoever asks for it", async ({ visitor }) => {
  const page = await visitor({ locale: "zh-CN" });
  await open(page, visitor);
  await page.getByRole("button", { name: "播放设置" }).click();
  expect(await latin(page, ["Virga", "English", "stroll"])).toEqual([]);
  await page.getByRole("menuitem", { name: "键盘快捷键" }).click();
  await expect(page.getByRole("dialog", { name: "键盘快捷键" })).toBeVisible();
  expect(await latin(page, ["Virga", "English", "stroll"])).toEqual([]);
});

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
    await expect(card).toBeVisible();
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
    await expect(card).toBeVisible();
    const unable = page.waitForResponse(/\/playback$/);
    await page.route(/\/playback$/, (route) => route.fulfill({ status: 503, body: "" }));
    await unable;
    await expect(card).toBeVisible();
    await page.unrouteAll();
    await moves(page);
    await expect(card).toBeHidden();
    expect(await at(page)).toBeGreaterThan(left - 0.5);
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
