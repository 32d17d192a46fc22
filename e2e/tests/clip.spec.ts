// A part of a video by its address: where it begins and stops in the player, how one makes such an
// address without typing it, and the part as a file.

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Page } from "@playwright/test";
import { address, at, jump, LENGTH, open, ready, stands, state } from "../film.ts";
import { expect, test } from "../fixtures.ts";
import { nextFrame, player } from "../player.ts";

const run = promisify(execFile);
const paused = (page: Page) => expect.poll(() => state(page, "paused")).toBe(true);
const mark = (page: Page) => page.locator('[data-part="clip"]');
const again = (page: Page) => page.getByRole("button", { name: "Play clip again" });

/** Plays and waits until the player stops by itself; the latest picture that was shown. */
const last = (page: Page) =>
  player(page).evaluate(
    (v: HTMLVideoElement) =>
      new Promise<number>((resolve) => {
        let seen = -1;
        const look: VideoFrameRequestCallback = (_, { mediaTime }) => {
          seen = Math.max(seen, mediaTime);
          v.requestVideoFrameCallback(look);
        };
        v.requestVideoFrameCallback(look);
        v.addEventListener("pause", () => setTimeout(() => resolve(seen), 300), { once: true });
        v.muted = true;
        void v.play();
      }),
  );

test("a clip begins and stops where its address says, and plays on from there", async ({ page, visitor }) => {
  await open(page, visitor, "?from=12.5&to=0:14");
  await stands(page, 12.5, 2);
  const bar = page.getByRole("slider", { name: "Position" });
  await expect(bar).toHaveAttribute("aria-description", "Clip from 0:12.5 to 0:14");
  const [track, clip] = [(await bar.boundingBox())!, (await mark(page).boundingBox())!];
  expect((clip.x - track.x) / track.width).toBeCloseTo(12.5 / LENGTH, 2);
  expect(clip.width / track.width).toBeCloseTo(1.5 / LENGTH, 2);

  const shown = await last(page);
  await stands(page, 14, 2);
  // The last picture of the clip, of 25 a second, is that of 13.96; what came after it went at once.
  expect(shown).toBeGreaterThanOrEqual(13.9);
  expect(shown).toBeLessThan(14.05);
  await expect(page.getByRole("status").filter({ hasText: "The clip ends at 0:14" })).toBeVisible();

  await again(page).click();
  await expect.poll(() => at(page)).toBeLessThan(13.5);
  await expect(again(page)).toBeHidden();
  await expect.poll(() => state(page, "paused"), { timeout: 10_000 }).toBe(true);
  await stands(page, 14, 2);

  await page.keyboard.press("k");
  await expect(again(page)).toBeHidden();
  await expect.poll(() => at(page)).toBeGreaterThan(14.8);
  expect(await state(page, "paused")).toBe(false);
});

test("a place of an earlier visit does not override a clip, and what is no clip is the video", async ({
  page,
  visitor,
}) => {
  await open(page, visitor);
  await jump(page, 25);
  await player(page).evaluate((v: HTMLVideoElement) => {
    v.muted = true;
    return v.play();
  });
  await expect.poll(() => at(page)).toBeGreaterThan(25.3);
  await page.keyboard.press("k");
  await paused(page);
  for (const [more, place, is] of [
    ["?from=12&to=14", 12, true],
    ["?to=3", 0, true],
    ["?from=30&to=20", 30, false],
    ["?from=20&to=5000", 20, false],
    ["?from=5000&to=6000", LENGTH - 1, false],
    ["?from=x&to=y", 0, false],
    ["?from=10&to=20&t=15", 15, true],
  ] as const) {
    await page.goto("about:blank");
    await open(page, visitor, more);
    await expect.poll(() => at(page), { message: more }).toBeGreaterThanOrEqual(place - 0.01);
    expect(await at(page), more).toBeLessThan(place + 0.1);
    await expect(mark(page), more).toBeVisible({ visible: is });
    await expect(page.getByText(/Resumed from/), more).toBeHidden();
  }
});

test("a clip is looped where its viewer loops, and a jump past its end leaves it", async ({ page, visitor }) => {
  await open(page, visitor, "?from=10&to=11");
  await player(page).evaluate((v: HTMLVideoElement) => {
    v.muted = v.loop = true;
    return v.play();
  });
  await expect.poll(() => at(page)).toBeGreaterThan(10.5);
  await expect.poll(() => at(page)).toBeLessThan(10.4);
  await player(page).evaluate((v: HTMLVideoElement) => (v.loop = false));
  await jump(page, 20);
  await expect.poll(() => at(page)).toBeGreaterThan(20.5);
  expect(await state(page, "paused")).toBe(false);
});

for (const [what, options] of [
  ["a keyboard", {}],
  ["a phone", { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true }],
] as const) {
  test(`a link to a part is made with ${what}`, async ({ visitor, site }) => {
    const page = await visitor({ ...options });
    const path = await address(visitor);
    await page.goto(path);
    await ready(page);
    await jump(page, 17.25);
    const panel = page.locator("details.share");
    const press = async (name: string) => {
      const button = panel.getByRole("button", { name });
      if (what === "a phone") return button.tap();
      await button.focus();
      await page.keyboard.press("Enter");
    };
    if (what === "a phone") await panel.locator("summary").tap();
    else {
      await panel.locator("summary").focus();
      await page.keyboard.press("Enter");
    }
    const only = panel.getByLabel("Share only a part");
    await expect(only).toBeVisible();
    if (what === "a phone") await only.tap();
    else {
      await only.focus();
      await page.keyboard.press("Space");
    }
    const link = panel.getByLabel("Link");
    await expect(link).toHaveValue(`${site.url}${path}?from=17&to=27`);
    await expect(panel.getByLabel(/^Start at 0:17$/)).toBeHidden();
    await press("Start at the current time");
    await expect(panel.getByLabel("Start", { exact: true })).toHaveValue("0:17.25");
    await panel.getByLabel("End", { exact: true }).fill("0:19.5");
    await expect(link).toHaveValue(`${site.url}${path}?from=17.25&to=19.5`);
    const code = await panel.getByLabel("Embed code").inputValue();
    const embed = path.replace("/v/", "/embed/");
    expect(code).toContain(`src="${site.url}${embed}?from=17.25&amp;to=19.5"`);

    const wrong = panel.locator('[data-part="clip-wrong"]');
    for (const [from, to, words] of [
      ["0:20", "0:19.5", "The end must come after the start."],
      ["soon", "0:19.5", "Write the time like 1:30 or 1:30.5."],
      ["5:00", "", "The video is only 0:40 long."],
    ] as const) {
      await panel.getByLabel("Start", { exact: true }).fill(from);
      await panel.getByLabel("End", { exact: true }).fill(to);
      await expect(wrong).toHaveText(words);
      await expect(link).toHaveValue(`${site.url}${path}`);
      await expect(panel.getByLabel(/^Start at 0:17$/)).toBeHidden();
    }
    await panel.getByLabel("Start", { exact: true }).fill("35");
    await expect(wrong).toBeEmpty();
    await expect(link).toHaveValue(`${site.url}${path}?from=35`);

    // Whoever opens the code's address sees the clip, and shares it again.
    await page.goto(`${embed}?from=17.25&to=19.5`);
    await ready(page);
    await stands(page, 17.25, 2);
    expect(await nextFrameAfterPlay(page)).toBeLessThan(17.6);
    await page.goto(`${path}?from=17.25&to=19.5`);
    await panel.locator("summary").click();
    await expect(only).toBeChecked();
    await expect(panel.getByLabel("End", { exact: true })).toHaveValue("0:19.5");
    await only.uncheck();
    await expect(link).toHaveValue(`${site.url}${path}`);
  });
}

test("a part is downloaded as a file that shows that part and nothing else", async ({ page, visitor }) => {
  await open(page, visitor, "?from=12.52&to=14.12");
  await page.locator("details.share summary").click();
  const link = page.getByRole("link", { name: "Download this part (MP4)" });
  const [download] = await Promise.all([page.waitForEvent("download"), link.click()]);
  expect(download.suggestedFilename()).toMatch(/^A stroll 0.12.52-0.14.12\.mp4$/);
  // `-count_frames` decodes: what the edit list hides is not counted.
  const { stdout } = await run("ffprobe", [
    ...["-v", "error", "-count_frames", "-select_streams", "v"],
    ...["-show_entries", "stream=nb_read_frames:format=duration", "-of", "default=nw=1:nk=1", await download.path()],
  ]);
  expect(stdout.trim().split("\n").map(Number)).toEqual([40, 1.6]);

  // In Chromium: its length, its first picture and its last one. The right half of the film grows from black to
  // white over its whole length, so that a picture tells its own time.
  const seen = await page.evaluate(
    async (src: string) => {
      const video = document.createElement("video");
      const canvas = document.createElement("canvas");
      canvas.width = canvas.height = 16;
      const paint = canvas.getContext("2d")!;
      const light = () => {
        const { videoWidth: w, videoHeight: h } = video;
        paint.drawImage(video, w * 0.7, h * 0.4, w * 0.1, h * 0.2, 0, 0, 16, 16);
        return paint.getImageData(8, 8, 1, 1).data[1]! / 255;
      };
      const happens = (name: string) => new Promise((resolve) => video.addEventListener(name, resolve, { once: true }));
      video.muted = true;
      const picture = new Promise((resolve) => video.requestVideoFrameCallback(resolve));
      document.body.prepend(video);
      video.src = src;
      await picture;
      const [duration, first] = [video.duration, light()];
      void video.play();
      await happens("ended");
      return { duration, first, last: light() };
    },
    (await link.getAttribute("href"))!,
  );
  // It counts pictures that are only decoded, for others to refer to.
  expect(Math.abs(seen.duration - 1.6)).toBeLessThan(0.1);
  expect(Math.abs(seen.first * LENGTH - 12.52)).toBeLessThan(0.4);
  expect(Math.abs(seen.last * LENGTH - 14.08)).toBeLessThan(0.4);

  // A part of the whole film may be a file; of a longer one only ten minutes (the server says so).
  const long = (await link.getAttribute("href"))!.replace(/-\d+\.mp4$/, "-700000.mp4");
  const refused = await page.request.get(long);
  expect(refused.status()).toBe(404);
  expect((await refused.json()).detail).toContain("10 minutes");
});

async function nextFrameAfterPlay(page: Page) {
  const frame = nextFrame(page);
  await player(page).evaluate((v: HTMLVideoElement) => {
    v.muted = true;
    return v.play();
  });
  return frame;
}
