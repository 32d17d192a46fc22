// Codings that not every browser decodes: a film plays as it is where it can, and nobody is left with one that
// does not.

import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page, Route } from "@playwright/test";
import { phone } from "../clips.ts";
import { expect, signUp, test, untilReady, upload, video } from "../fixtures.ts";
import { moves, play, player } from "../player.ts";

/** The codings of the variants that the site offers. */
async function codings(page: Page, id: string) {
  const { hls } = await (await page.request.get(`/api/v1/videos/${id}/playback`)).json();
  const text = await (await page.request.get(hls)).text();
  return [...text.matchAll(/CODECS="([^",]+)/g)].map(([, coding]) => coding);
}

test("a browser without the film's coding waits for a version that it can play", async ({ page }) => {
  await signUp(page);
  const id = await upload(page, await phone());
  // The film as its first second shows it: in its own coding alone.
  await page.route("**/main.m3u8", async (route: Route) => {
    const answer = await route.fetch();
    const lines = (await answer.text()).split("\n");
    const own = lines.filter((line, n) => !/avc1/.test(line) && !/avc1/.test(lines[n - 1] ?? ""));
    await route.fulfill({ response: answer, body: own.join("\n") });
  });
  await expect.poll(async () => (await video(page, id)).state).toBe("playable");
  await page.goto(`/v/${id}`);
  await expect(page.getByRole("heading", { name: "Not ready for your browser yet" })).toBeVisible();
  await expect(page.locator('[data-part="broken"]')).toBeHidden();
  await expect(player(page)).toBeHidden();

  // The next version is for everyone.
  await page.unroute("**/main.m3u8");
  await expect(player(page)).toBeVisible({ timeout: 60_000 });
  await expect(page.locator('[data-part="stage"]')).toBeHidden();
  await play(page);
  await moves(page);
  await untilReady(page, id);
  const found = await codings(page, id);
  expect(found.some((coding) => coding.startsWith("hvc1."))).toBe(true);
  expect(found.some((coding) => coding.startsWith("avc1."))).toBe(true);
});

test("a recording of this browser plays as it is", async ({ page }) => {
  await signUp(page);
  const bytes = await page.evaluate(async () => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [640, 360];
    const paint = canvas.getContext("2d")!;
    const sound = new AudioContext();
    const tone = sound.createOscillator();
    const out = sound.createMediaStreamDestination();
    tone.connect(out);
    tone.start();
    const stream = canvas.captureStream(25);
    stream.addTrack(out.stream.getAudioTracks()[0]);
    const recorder = new MediaRecorder(stream, { mimeType: "video/webm;codecs=vp9,opus" });
    const parts: Blob[] = [];
    recorder.ondataavailable = (event) => parts.push(event.data);
    const ended = new Promise((resolve) => (recorder.onstop = resolve));
    recorder.start(500);
    const from = performance.now();
    await new Promise<void>((resolve) => {
      const draw = () => {
        const at = performance.now() - from;
        paint.fillStyle = `hsl(${at / 10} 80% 50%)`;
        paint.fillRect(0, 0, 640, 360);
        paint.fillStyle = "white";
        paint.fillRect((at / 10) % 640, 100, 80, 80);
        if (at < 4000) requestAnimationFrame(draw);
        else resolve();
      };
      draw();
    });
    recorder.stop();
    await ended;
    return [...new Uint8Array(await new Blob(parts).arrayBuffer())];
  });
  const path = join(tmpdir(), `recording-${process.pid}.webm`);
  await writeFile(path, Buffer.from(bytes));
  const id = await upload(page, path);
  await untilReady(page, id);
  const found = await codings(page, id);
  expect(found.some((coding) => coding.startsWith("vp09."))).toBe(true);
  const { duration } = await video(page, id);
  expect(duration).toBeGreaterThan(3.5);
  await page.goto(`/v/${id}`);
  await play(page);
  await moves(page);
});
