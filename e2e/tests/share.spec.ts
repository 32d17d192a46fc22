// What leaves the site: the share panel, the player in another site's page, what is told about a
// video that is not for everyone.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Locator } from "@playwright/test";
import { instant } from "../clips.ts";
import { address, gear, jump, open } from "../film.ts";
import { expect, signUp, test, untilReady, upload } from "../fixtures.ts";
import { player } from "../player.ts";

/** Another site: one page on a port of its own. */
async function elsewhere(html: string) {
  const server = createServer((_, answer) => answer.writeHead(200, { "content-type": "text/html" }).end(html));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/`, stop: () => new Promise((done) => server.close(done)) };
}

test("a video is shared from the second that one watches, and plays in another site's page", async ({
  page,
  visitor,
  site,
  expected,
}) => {
  expected.push(/status of 404/);
  await signUp(page);
  const id = await upload(page, await instant());
  await untilReady(page, id);
  await page.goto(`/v/${id}`);
  await player(page).evaluate(
    (video: HTMLVideoElement) =>
      new Promise((done) => {
        video.addEventListener("seeked", done, { once: true });
        video.currentTime = 3.4;
      }),
  );
  const panel = page.locator("details.share");
  await panel.locator("summary").click();
  await expect(panel.getByLabel("Link")).toHaveValue(`${site.url}/v/${id}`);
  await panel.getByLabel("Start at 0:03").check();
  await expect(panel.getByLabel("Link")).toHaveValue(`${site.url}/v/${id}?t=3`);
  const code = await panel.getByLabel("Embed code").inputValue();
  expect(code).toContain(`src="${site.url}/embed/${id}?t=3"`);
  await panel.getByRole("button", { name: "Copy" }).first().click();
  await expect(panel.getByRole("button", { name: "Copied" })).toBeVisible();

  const other = await elsewhere(`<!doctype html><title>Elsewhere</title><h1>Elsewhere</h1>${code}`);
  try {
    const guest = await visitor();
    await guest.goto(other.url);
    const frame = guest.frameLocator("iframe");
    const film = frame.locator("virga-player video").first();
    await film.scrollIntoViewIfNeeded();
    await expect
      .poll(() => film.evaluate((video: HTMLVideoElement) => video.readyState), { timeout: 30_000 })
      .toBeGreaterThanOrEqual(2);
    await expect.poll(() => film.evaluate((video: HTMLVideoElement) => Math.floor(video.currentTime))).toBe(3);
    await film.evaluate((video: HTMLVideoElement) => {
      video.muted = true;
      return video.play();
    });
    await expect.poll(() => film.evaluate((video: HTMLVideoElement) => video.currentTime)).toBeGreaterThan(3.6);
    // As other players take it: muted it may start by itself, with sound the browser refuses.
    const rests = (one: Locator) => one.evaluate((video: HTMLVideoElement) => [video.paused, video.muted]);
    for (const [more, state] of [
      ["&autoplay=1&mute=1", [false, true]],
      ["&autoplay=true&mute=true", [false, true]],
      ["&autoplay=0&mute=1", [true, true]],
      ["&autoplay=1", [true, false]],
    ] as const) {
      const fresh = await visitor();
      await fresh.goto(`${site.url}/embed/${id}?t=3${more}`);
      const alone = fresh.locator("virga-player video").first();
      await expect.poll(() => alone.evaluate((video: HTMLVideoElement) => video.readyState)).toBeGreaterThanOrEqual(2);
      await fresh.waitForLoadState("networkidle");
      expect(await rests(alone), more).toEqual(state);
      if (!state[0])
        await expect.poll(() => alone.evaluate((video: HTMLVideoElement) => video.currentTime)).toBeGreaterThan(3.4);
      await fresh.context().close();
    }
    await expect(frame.getByRole("heading").getByRole("link")).toHaveAttribute("href", `${site.url}/v/${id}`);

    // Its owner makes it private: even in the owner's own browser another site shows a card.
    await page.request.patch(`/api/v1/videos/${id}`, {
      data: { visibility: "private" },
      headers: { origin: site.url },
    });
    await page.goto(other.url);
    await expect(page.frameLocator("iframe").getByText("This video cannot be shown")).toBeVisible();
  } finally {
    await other.stop();
  }
});

test("without scripts the panel is a link and a code to copy by hand", async ({ page, visitor, site }) => {
  await signUp(page);
  const id = await upload(page, await instant());
  await untilReady(page, id);
  const plain = await visitor({ javaScriptEnabled: false });
  await plain.goto(`/v/${id}`);
  await plain.locator("details.share summary").click();
  await expect(plain.getByLabel("Link")).toHaveValue(`${site.url}/v/${id}`);
  await expect(plain.getByLabel("Embed code")).toHaveValue(new RegExp(`^<iframe src="${site.url}/embed/${id}"`));
  await expect(plain.locator("details.share button")).toHaveCount(4);
  for (const button of await plain.locator("details.share button").all()) await expect(button).toBeHidden();
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
