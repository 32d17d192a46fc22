// A cluster and a viewer: whatever is killed while a film runs, it runs on as it does when nothing is.

import { stat } from "node:fs/promises";
import type { Page } from "@playwright/test";
import { stroll } from "../clips.ts";
import { type Cluster, startCluster } from "../cluster.ts";
import { test as base, expect, type Site, signUp, untilReady, upload } from "../fixtures.ts";
import { play, player } from "../player.ts";

/** `site` is the address of `cluster`: no test of these asks more of it. */
const test = base.extend<object, { cluster: Cluster }>({
  cluster: [
    async ({}, use) => {
      const cluster = await startCluster();
      await use(cluster);
      await cluster.stop();
    },
    { scope: "worker", timeout: 120_000 },
  ],
  site: [async ({ cluster }, use) => use({ url: cluster.url } as Site), { scope: "worker" }],
});

/** Milliseconds that a film stood still after it had begun. */
async function watch(page: Page, id: string, meanwhile: () => Promise<void>) {
  // A line on which it takes most of the film's time to come: no kill finds it all there.
  const line = await page.context().newCDPSession(page);
  const { size } = await stat(await stroll());
  await line.send("Network.enable");
  await line.send("Network.emulateNetworkConditions", {
    offline: false,
    latency: 20,
    uploadThroughput: -1,
    downloadThroughput: size / 25,
  });
  await page.goto(`/v/${id}`);
  await play(page);
  const stood = await player(page).evaluateHandle((video: HTMLVideoElement) => {
    const told: { total: number; since: number | undefined } = { total: 0, since: undefined };
    video.addEventListener("waiting", () => (told.since ??= performance.now()));
    video.addEventListener("playing", () => {
      if (told.since !== undefined) told.total += performance.now() - told.since;
      told.since = undefined;
    });
    return told;
  });
  await meanwhile();
  await expect
    .poll(() => player(page).evaluate((video: HTMLVideoElement) => video.ended), { timeout: 90_000 })
    .toBe(true);
  return stood.evaluate((told) => told.total);
}

test.setTimeout(300_000);
// A page may ask just when the replica that had begun to answer it is killed.
test.use({ expected: async ({}, use) => use([/Failed to load resource/, /net::ERR_/]) });

/** Ends every replica in turn, by this word, and starts it again, three seconds of the film apart. */
async function eachInTurn(cluster: Cluster, viewer: Page, word: string) {
  let ended = 0;
  for (const role of ["stream", "api", "web", "dispatcher"]) {
    for (const n of [1, 2]) {
      await cluster.tell(`${word} ${role} ${n}`, /is gone/);
      ended += 1;
      const place = () => player(viewer).evaluate((video: HTMLVideoElement) => video.currentTime);
      await expect.poll(place, { timeout: 60_000 }).toBeGreaterThan(ended * 3);
      await cluster.tell(`start ${role} ${n}`, /runs as process/);
    }
  }
}

test("a film runs on while every replica is killed, or replaced, in turn", async ({ page, cluster, visitor }) => {
  await signUp(page, { next: "/upload" });
  const id = await upload(page, await stroll());
  await untilReady(page, id);
  const control = await watch(await visitor(), id, async () => {});
  for (const word of ["kill", "stop"]) {
    const viewer = await visitor();
    const stood = await watch(viewer, id, () => eachInTurn(cluster, viewer, word));
    await viewer.close();
    console.log(`${word}: stood still ${Math.round(stood)} ms, and ${Math.round(control)} ms when nothing ended`);
    expect(stood - control, `milliseconds that it cost to ${word} them`).toBeLessThan(500);
  }
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
});
