// Subtitles and chapters of a file: in the menu, by key, on the seek bar, and without scripts.

import type { Page } from "@playwright/test";
import { subtitled } from "../clips.ts";
import { expect, publish, signUp, test, untilReady, upload, type Visitor } from "../fixtures.ts";
import { play, player, seek } from "../player.ts";

let film: Promise<string> | undefined;
/** One film of 8 s, made once for the worker. */
function made(visitor: Visitor) {
  film ??= (async () => {
    const owner = await visitor();
    await signUp(owner);
    const id = await upload(owner, await subtitled());
    await untilReady(owner, id);
    await publish(owner, id);
    return id;
  })();
  return film;
}

/** What is on the picture now, by label and words. */
const read = (page: Page) =>
  player(page).evaluate((video: HTMLVideoElement) =>
    [...video.textTracks]
      .filter(({ mode }) => mode === "showing")
      .map(({ label, activeCues }) => [label, ...[...(activeCues ?? [])].map((cue) => (cue as VTTCue).text)].join("|")),
  );

const open = async (page: Page) => {
  await page.locator("virga-player").hover({ position: { x: 80, y: 80 } });
  await page.locator('[data-part="gear"]').click();
};

const GERMAN = "Deutsch|Regen <i>auf</i> dem Dach &amp; a &lt; b";

test("subtitles are chosen in the menu, turned off by key, and the choice stays", async ({ page, visitor }) => {
  const id = await made(visitor);
  await page.goto(`/v/${id}`);
  await play(page);
  await seek(page, 2);
  await expect(page.locator("virga-player")).toHaveAttribute("data-started", "");
  expect(await read(page)).toEqual([]);
  await open(page);
  await expect(page.locator('[data-part="texts"]')).toContainText("Off");
  await page.locator('[data-part="texts"]').click();
  await page.getByRole("menuitemradio", { name: "Deutsch" }).click();
  await expect.poll(() => read(page)).toEqual([GERMAN]);
  await expect(page.locator('[data-part="note"]')).toHaveText("Subtitles: Deutsch");

  await page.keyboard.press("c");
  await expect.poll(() => read(page)).toEqual([]);
  await page.keyboard.press("c");
  await expect.poll(() => read(page)).toEqual([GERMAN]);

  // For the next visit, and in the embedded player.
  for (const path of [`/v/${id}`, `/embed/${id}`]) {
    await page.goto(path);
    await play(page);
    await seek(page, 3);
    await expect.poll(() => read(page)).toEqual([GERMAN]);
  }
  await open(page);
  await page.locator('[data-part="texts"]').click();
  await page.getByRole("menuitemradio", { name: "English" }).click();
  await expect.poll(() => read(page)).toEqual(["English|Rain on the roof"]);
});

test("chapters are marked on the seek bar, named above it, and listed in the menu", async ({ page, visitor }) => {
  const id = await made(visitor);
  await page.goto(`/v/${id}`);
  await play(page);
  const bar = page.locator('[data-part="seek"]');
  const mark = page.locator('[data-part="chapters"] i');
  await expect(mark).toHaveCount(1);
  await page.locator("virga-player").hover({ position: { x: 80, y: 80 } });
  const [whole, one] = await Promise.all([bar.boundingBox(), mark.boundingBox()]);
  expect(Math.abs(one!.x + one!.width / 2 - (whole!.x + whole!.width / 2))).toBeLessThan(4);
  const title = page.locator('[data-part="chapter"]');
  for (const [share, words] of [
    [0.25, "The roof & <b>rain</b>"],
    [0.75, "第二章"],
  ] as const) {
    await page.mouse.move(whole!.x + whole!.width * share, whole!.y + whole!.height / 2);
    await expect(title).toHaveText(words);
    await expect(title).toBeVisible();
    await expect(page.locator('[data-part="preview"] canvas')).toBeVisible();
    const [outer, inner] = await Promise.all([
      page.locator("virga-player").boundingBox(),
      page.locator('[data-part="preview"]').boundingBox(),
    ]);
    expect(inner!.y).toBeGreaterThanOrEqual(outer!.y);
  }
  await open(page);
  await page.locator('[role=menu] [data-part="chapters"]').click();
  await page.getByRole("menuitemradio", { name: "第二章" }).click();
  await expect.poll(() => player(page).evaluate((v: HTMLVideoElement) => v.currentTime)).toBeGreaterThanOrEqual(4);
});

test("subtitles stand above the controls while these are there", async ({ visitor }) => {
  const id = await made(visitor);
  for (const viewport of [
    { width: 1280, height: 800 },
    { width: 360, height: 640 },
  ]) {
    const page = await visitor({ viewport });
    await page.goto(`/v/${id}`);
    await play(page);
    await seek(page, 2);
    await player(page).evaluate((video: HTMLVideoElement) => video.pause());
    const [outer, bar] = await Promise.all([
      page.locator("virga-player").boundingBox(),
      page.locator('[data-part="bar"]').boundingBox(),
    ]);
    // The middle of the picture, between the message above and the controls below.
    const top = outer!.y + outer!.height * 0.3;
    const clip = { x: outer!.x + outer!.width * 0.35, y: top, width: outer!.width * 0.3, height: bar!.y - top };
    const still = await page.screenshot({ clip });
    await page.keyboard.press("c");
    await expect(page.locator('[data-part="note"]')).toHaveText(/^Subtitles: /);
    await expect(async () => expect(still.equals(await page.screenshot({ clip }))).toBe(false)).toPass();
    await page.keyboard.press("c");
    await expect(async () => expect(still.equals(await page.screenshot({ clip }))).toBe(true)).toPass();
  }
});

test("without scripts the browser's own menu has them", async ({ visitor }) => {
  const id = await made(visitor);
  const page = await visitor({ javaScriptEnabled: false });
  for (const path of [`/v/${id}`, `/embed/${id}`]) {
    await page.goto(path);
    const tracks = page.locator("video track");
    await expect(tracks).toHaveCount(3);
    for (const [n, kind, tag, label] of [
      [0, "subtitles", "de", "Deutsch"],
      [1, "subtitles", "en", "English"],
      [2, "chapters", "und", "Chapters"],
    ] as const) {
      const track = tracks.nth(n);
      await expect(track).toHaveAttribute("kind", kind);
      await expect(track).toHaveAttribute("srclang", tag);
      await expect(track).toHaveAttribute("label", label);
      const answer = await page.request.get((await track.getAttribute("src"))!);
      expect(answer.headers()["content-type"]).toBe("text/vtt; charset=utf-8");
    }
  }
});

test("a player of HLS finds the subtitles and shows them at their moments", async ({ page, visitor, expected }) => {
  // It makes its tracks of an address that our pages do not allow.
  expected.push(/data:,WEBVTT/, /media-src blocked data/);
  const id = await made(visitor);
  await page.goto(`/v/${id}`);
  // The engine as it comes, without our settings.
  const seen = await page.evaluate(async (one) => {
    const engine = document.querySelector<HTMLLinkElement>('link[rel="modulepreload"]')!.href;
    const { default: Hls } = (await import(engine)) as {
      default: typeof import("../../ui/node_modules/hls.js").default;
    };
    const { hls } = (await (await fetch(`/api/v1/videos/${one}/playback`)).json()) as { hls: string };
    const video = document.createElement("video");
    document.body.append(video);
    const other = new Hls({ enableWorker: false });
    other.loadSource(hls);
    other.attachMedia(video);
    await new Promise((resolve) => other.once(Hls.Events.FRAG_BUFFERED, resolve));
    const tracks = other.subtitleTracks.map(({ name, lang, forced }) => [name, lang, forced]);
    other.subtitleTrack = 1;
    await new Promise((resolve) => other.once(Hls.Events.SUBTITLE_FRAG_PROCESSED, resolve));
    const cues = [...video.textTracks].flatMap((track) => [...(track.cues ?? [])]) as VTTCue[];
    other.destroy();
    video.remove();
    return { tracks, cues: cues.map((cue) => [cue.startTime, cue.endTime, cue.text]) };
  }, id);
  expect(seen.tracks).toEqual([
    ["Deutsch", "de", false],
    ["English", "en", false],
  ]);
  expect(seen.cues).toHaveLength(1);
  const [from, until, text] = seen.cues[0] as [number, number, string];
  expect(from).toBeCloseTo(1, 1);
  expect(until).toBeCloseTo(7, 1);
  expect(text).toBe("Rain on the roof");
});
