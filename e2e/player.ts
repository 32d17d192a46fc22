// What a viewer would see and hear of the player, read from the video element itself.

import type { Page, Route } from "@playwright/test";
import { SECONDS } from "./clips.ts";
import { expect } from "./fixtures.ts";

export const player = (page: Page) => page.locator("virga-player video");

/** Plays, by a click on the picture beside the controls. */
export async function play(page: Page) {
  const video = player(page);
  await expect.poll(() => video.evaluate((v: HTMLVideoElement) => v.readyState)).toBeGreaterThanOrEqual(2);
  await video.click({ position: { x: 60, y: 60 } });
  await expect.poll(() => video.evaluate((v: HTMLVideoElement) => v.paused)).toBe(false);
}

/** Waits for the next picture that is really shown; the place in the video that it has. */
export const nextFrame = (page: Page) =>
  player(page).evaluate(
    (v: HTMLVideoElement) =>
      new Promise<number>((resolve) => v.requestVideoFrameCallback((_, frame) => resolve(frame.mediaTime))),
  );

/** Waits until pictures follow each other and the clock goes on. */
export async function moves(page: Page) {
  const from = await nextFrame(page);
  await expect
    .poll(async () => player(page).evaluate((v: HTMLVideoElement) => v.currentTime), { message: "the clock goes on" })
    .toBeGreaterThan(from + 0.3);
}

/** Sets the place as the seek bar does, and waits for the picture that stands there. */
export const seek = (page: Page, seconds: number) =>
  player(page).evaluate(
    (v: HTMLVideoElement, to: number) =>
      new Promise<number>((resolve) => {
        v.addEventListener("seeked", () => v.requestVideoFrameCallback((_, frame) => resolve(frame.mediaTime)), {
          once: true,
        });
        v.currentTime = to;
      }),
    seconds,
  );

/**
 * Seconds between the time that the next picture itself shows (how far its right half is from black
 * to white) and the time that the player gives it.
 */
export const pictureOff = (page: Page) =>
  player(page).evaluate(
    (v: HTMLVideoElement, seconds: number) =>
      new Promise<number>((resolve) => {
        const canvas = document.createElement("canvas");
        canvas.width = canvas.height = 16;
        const paint = canvas.getContext("2d")!;
        v.requestVideoFrameCallback((_, { mediaTime }) => {
          const { videoWidth: w, videoHeight: h } = v;
          paint.drawImage(v, w * 0.7, h * 0.4, w * 0.1, h * 0.2, 0, 0, 16, 16);
          const light = paint.getImageData(8, 8, 1, 1).data[1] / 255;
          resolve(Math.abs(light * seconds - mediaTime));
        });
      }),
    SECONDS,
  );

/** Bytes of sound that were decoded so far. */
export const heard = (page: Page) => player(page).evaluate((v: HTMLVideoElement) => v.webkitAudioDecodedByteCount);

/** How many renditions the multivariant playlist of the playback names. */
export async function levels(page: Page, id: string) {
  const { hls } = await (await page.request.get(`/api/v1/videos/${id}/playback`)).json();
  const text = await (await page.request.get(hls)).text();
  return text.match(/^#EXT-X-STREAM-INF:/gm)?.length ?? 0;
}

/**
 * From now on this page sees only one of the renditions, the `level`-th of the playlist, as if the
 * viewer had chosen it. `height()` is that rendition's, once a playlist was read.
 */
export async function only(page: Page, level: number) {
  let height = 0;
  await page.unroute("**/main.m3u8");
  await page.route("**/main.m3u8", async (route: Route) => {
    const answer = await route.fetch();
    let seen = -1;
    const lines = (await answer.text()).split("\n").filter((line: string, n: number, all) => {
      if (line.startsWith("#EXT-X-STREAM-INF:")) {
        seen += 1;
        if (seen === level) height = Number(/RESOLUTION=\d+x(\d+)/.exec(line)![1]);
        return seen === level;
      }
      return !(all[n - 1] ?? "").startsWith("#EXT-X-STREAM-INF:") || seen === level;
    });
    await route.fulfill({ response: answer, body: lines.join("\n") });
  });
  return { height: () => height };
}
