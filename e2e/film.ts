// One film of 40 s that the tests of the player share, and what they read of the player.

import type { Page } from "@playwright/test";
import { stroll } from "./clips.ts";
import { expect, signUp, untilReady, upload, type Visitor } from "./fixtures.ts";
import { player } from "./player.ts";

export const LENGTH = 40;

let film: Promise<string> | undefined;
/** The address of one film of 40 s, made once for the worker. */
export function address(visitor: Visitor) {
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
export type Host = HTMLElement & { hls: Hls | null };
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
export const host = (page: Page) => page.locator("virga-player");
export const at = (page: Page) => player(page).evaluate((v: HTMLVideoElement) => v.currentTime);
export const state = (page: Page, name: keyof HTMLVideoElement) =>
  player(page).evaluate((v: HTMLVideoElement, key) => v[key], name);
/** What the player is about, for whoever waits in vain. */
export const about = (page: Page) =>
  host(page).evaluate((element: Host) => {
    const { hls } = element;
    const video = element.querySelector("video")!;
    const ranges = ({ buffered }: HTMLVideoElement) =>
      Array.from({ length: buffered.length }, (_, n) => [buffered.start(n), buffered.end(n)]);
    const { readyState, currentTime, seeking, paused } = video;
    const of = (stream?: Stream) => stream && [stream.state, stream.buffering, stream.fragCurrent?.sn];
    return JSON.stringify({
      readyState,
      currentTime,
      seeking,
      paused,
      there: ranges(video),
      main: of(hls?.streamController),
      audio: of(hls?.audioStreamController),
    });
  });
/** Until there is a picture. */
export const ready = (page: Page) =>
  expect.poll(async () => ((await state(page, "readyState")) as number) >= 2 || about(page)).toBe(true);
export const gear = (page: Page) => page.getByRole("button", { name: "Player settings" });

/** Sets the place without the controls. */
export const jump = (page: Page, seconds: number) =>
  player(page).evaluate(
    (v: HTMLVideoElement, to: number) =>
      new Promise((resolve) => {
        v.addEventListener("seeked", resolve, { once: true });
        v.currentTime = to;
      }),
    seconds,
  );

/** Opens the film for a guest, with a picture to see. */
export async function open(page: Page, visitor: Visitor, more = "") {
  await page.goto((await address(visitor)) + more);
  await ready(page);
}

/** Waits for a place, to a tenth of a second. */
export const stands = (page: Page, seconds: number, digits = 1) =>
  expect.poll(() => at(page), { message: `at ${seconds} s` }).toBeCloseTo(seconds, digits);
/**
 * Waits for the beginning. Where nothing of it is loaded, the engine may go to 0.07 s instead: it adds up
 * when the sound begins from times that still contain the encoder's delay, and goes 0.05 s into it.
 */
export const begins = (page: Page) => expect.poll(() => at(page), { message: "at the beginning" }).toBeLessThan(0.1);
