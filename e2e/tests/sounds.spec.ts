// A film with two sound tracks: one is chosen in the menu, is heard, and stays chosen.

import type { Page } from "@playwright/test";
import { bilingual } from "../clips.ts";
import { expect, publish, signUp, test, untilReady, upload } from "../fixtures.ts";
import { play, player, seek } from "../player.ts";

const open = async (page: Page) => {
  await page.locator("virga-player").hover({ position: { x: 80, y: 80 } });
  await page.locator('[data-part="gear"]').click();
};

/** The loudest that is heard for a while, 0 to 1. */
const loudest = (page: Page) =>
  player(page).evaluate(async (video: HTMLVideoElement) => {
    const context = new AudioContext();
    const ear = context.createAnalyser();
    const stream = (video as HTMLVideoElement & { captureStream(): MediaStream }).captureStream();
    context.createMediaStreamSource(stream).connect(ear);
    await context.resume();
    const wave = new Float32Array(ear.fftSize);
    let most = 0;
    for (const until = performance.now() + 600; performance.now() < until; ) {
      await new Promise(requestAnimationFrame);
      ear.getFloatTimeDomainData(wave);
      most = Math.max(most, ...wave.map(Math.abs));
    }
    await context.close();
    return most;
  });

test("another sound track is chosen in the menu, heard, and stays chosen", async ({ visitor }) => {
  const page = await visitor();
  await signUp(page);
  const id = await upload(page, await bilingual());
  await untilReady(page, id);
  await publish(page, id);
  const asked: string[] = [];
  page.on("request", (request) => asked.push(new URL(request.url()).pathname));
  const segments = (track: RegExp) => asked.filter((path) => track.test(path) && path.includes("/audio-")).length;
  const further = /audio-\d+-\d+\//;

  await page.goto(`/v/${id}`);
  await play(page);
  await seek(page, 5);
  expect(await loudest(page)).toBeGreaterThan(0.05);
  expect(segments(further)).toBe(0);
  await open(page);
  await expect(page.locator('[data-part="sounds"]')).toContainText("English");
  await page.locator('[data-part="sounds"]').click();
  await page.getByRole("menuitemradio", { name: "中文" }).click();
  await expect(page.locator('[data-part="note"]')).toHaveText("Audio: 中文");
  await expect.poll(() => segments(further)).toBeGreaterThan(0);
  // The Chinese says nothing there.
  await expect(async () => {
    await seek(page, 5);
    expect(await loudest(page)).toBeLessThan(0.01);
  }).toPass();

  // For the next visit, from the first request on; in Chinese the menu says so too.
  asked.length = 0;
  await page.goto(`/embed/${id}`);
  await play(page);
  await expect.poll(() => segments(further)).toBeGreaterThan(0);
  await open(page);
  await expect(page.locator('[data-part="sounds"]')).toContainText("中文");
});
