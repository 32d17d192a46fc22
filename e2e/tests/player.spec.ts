// The player's own controls, as fingers, pointers and keys use them.

import type { Response } from "@playwright/test";
import { address, at, begins, gear, host, jump, LENGTH, open, ready, stands, state } from "../film.ts";
import { expect, signUp, test } from "../fixtures.ts";
import { latin, misfits } from "../layout.ts";
import { moves, nextFrame, player } from "../player.ts";

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

test("the player speaks Chinese to whoever asks for it", async ({ visitor }) => {
  const page = await visitor({ locale: "zh-CN" });
  await open(page, visitor);
  await page.getByRole("button", { name: "播放设置" }).click();
  expect(await latin(page, ["Virga", "English", "stroll"])).toEqual([]);
  await page.getByRole("menuitem", { name: "键盘快捷键" }).click();
  await expect(page.getByRole("dialog", { name: "键盘快捷键" })).toBeVisible();
  expect(await latin(page, ["Virga", "English", "stroll"])).toEqual([]);
});
