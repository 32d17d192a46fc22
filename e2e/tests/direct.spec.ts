// The bucket and the browser: files go there and films come from there, past the end of every
// address, and nothing but text passes the site.

import { setTimeout as pause } from "node:timers/promises";
import type { Page, Request } from "@playwright/test";
import { type Bucket, startBucket } from "../bucket.ts";
import { large, stroll } from "../clips.ts";
import { test as base, expect, signUp, untilReady, upload } from "../fixtures.ts";
import { play, player } from "../player.ts";

/** Seconds that an address lives; a viewer gets 4 to 8 of them. */
const LIFE = 8;

const test = base.extend<{ admit: (origin: string) => Promise<void> }, { bucket: Bucket }>({
  bucket: [
    async ({}, use) => {
      const bucket = await startBucket();
      await use(bucket);
      await bucket.stop();
    },
    { scope: "worker", timeout: 90_000 },
  ],
  settings: [
    async ({ bucket }, use) =>
      use({
        ...bucket.settings,
        VIRGA_DELIVERY__MODE: "direct",
        VIRGA_DELIVERY__PRIVATE_MODE: "direct",
        VIRGA_DELIVERY__UPLOADS: "direct",
        VIRGA_DELIVERY__SIGNED_SECONDS: String(LIFE),
      }),
    { scope: "worker" },
  ],
  /** `await admit(origin)`: pages of that origin may use the bucket, and no others. */
  admit: async ({ site }, use) => {
    await use(async (origin: string) => {
      const said = await site.run(["store", "check", "--fix"], { VIRGA_HTTP__PUBLIC_URL: origin });
      expect(said).toContain("cors:");
    });
  },
});

/** Every answer that a page gets from now on, by where it came from. */
function traffic(page: Page, bucket: Bucket) {
  const seen = {
    site: [] as string[],
    bucket: [] as string[],
    refused: [] as string[],
    lost: [] as string[],
    signed: new Set<string | null>(),
  };
  page.on("response", (answer) => {
    const url = new URL(answer.url());
    const whose = answer.url().startsWith(bucket.url) ? seen.bucket : seen.site;
    if (whose === seen.bucket) seen.signed.add(url.searchParams.get("X-Amz-Date"));
    whose.push(`${answer.request().method()} ${url.pathname}`);
    if (answer.status() >= 400) seen.refused.push(`${answer.status()} ${url.pathname}`);
  });
  page.on("requestfailed", (request: Request) => {
    // A player gives up what it no longer wants.
    if (request.failure()?.errorText !== "net::ERR_ABORTED")
      seen.lost.push(`${request.failure()?.errorText} ${request.url()}`);
  });
  return seen;
}

/** Waits until a video is nowhere packaged just in time. */
async function stored(page: Page, id: string) {
  await untilReady(page, id);
  const { hls } = await (await page.request.get(`/api/v1/videos/${id}/playback`)).json();
  const main = await (await page.request.get(hls)).text();
  const lists = [...main.matchAll(/[\w-]+\/index\.m3u8/g)].map(([path]) => hls.replace("main.m3u8", path));
  for (const list of lists) {
    await expect.poll(async () => (await page.request.get(list)).text(), { timeout: 60_000 }).not.toContain(".m4s");
  }
}

test("a private film goes to the bucket and comes from it, past the end of every address", async ({
  page,
  bucket,
  site,
  admit,
}) => {
  await admit(site.url);
  await signUp(page, { next: "/upload" });
  const sending = traffic(page, bucket);
  const [id] = await upload(page, await stroll(), await large(12));
  expect(sending.bucket.filter((line) => line.startsWith("POST ")).length, "the small file, in one form").toBe(1);
  expect(
    sending.bucket.filter((line) => line.startsWith("PUT ")).length,
    "the large one, in the smallest parts that the bucket takes",
  ).toBe(3);
  expect(sending.site.filter((line) => line.includes("/up/"))).toEqual([]);
  expect([...sending.refused, ...sending.lost]).toEqual([]);
  await page.goto(`/v/${id}/edit`);
  await expect(page.getByText("that are already in use keep working for up to a minute")).toHaveCount(2);
  await page.getByLabel("Private").check();
  await page.getByRole("button", { name: "Save" }).click();
  await stored(page, id);

  const seen = traffic(page, bucket);
  // Each answer of the bucket takes a third of the time that its segment lasts, so that the film comes
  // under several signatures. The browser's own throttle did not always hold.
  await page.route(`${bucket.url}/**`, async (route) => {
    // Asked at once, answered late: an address may not grow old on the way.
    const response = await route.fetch();
    await pause(1300);
    await route.fulfill({ response });
  });
  await page.goto(`/v/${id}`);
  await play(page);
  const stalls = await player(page).evaluateHandle((video: HTMLVideoElement) => {
    const list: number[] = [];
    // A busy machine may also wait for its own decoder, with the bytes long there.
    const ahead = ({ buffered, currentTime: at }: HTMLVideoElement) => {
      for (let n = 0; n < buffered.length; n += 1)
        if (buffered.start(n) <= at && at < buffered.end(n)) return buffered.end(n) - at;
      return 0;
    };
    video.addEventListener("waiting", () => {
      if (!video.seeking && ahead(video) < Math.min(0.5, video.duration - video.currentTime - 0.1))
        list.push(video.currentTime);
    });
    return list;
  });
  await expect
    .poll(() => player(page).evaluate((video: HTMLVideoElement) => video.ended), { timeout: 90_000 })
    .toBe(true);
  expect(await stalls.jsonValue(), "places at which it stood still for want of bytes").toEqual([]);
  expect([...seen.refused, ...seen.lost]).toEqual([]);
  expect(seen.signed.size, "signatures that segments came by").toBeGreaterThan(2);
  const asked = seen.site.filter((line) => line.includes("/media/"));
  expect(asked.filter((line) => line.endsWith("urls.json")).length, "fresh addresses").toBeGreaterThan(1);
  expect(
    asked.filter((line) => !/\.(m3u8|json|jpg)$/.test(line)),
    "bytes of media that passed the site",
  ).toEqual([]);
});

test.describe("a bucket that admits other pages only", () => {
  test.use({ expected: async ({}, use) => use([/CORS policy/, /net::ERR_FAILED/]) });

  test("takes no file from these, which then goes through the site", async ({ page, bucket, site, admit }) => {
    await admit("https://other.example");
    await signUp(page, { next: "/upload" });
    const seen = traffic(page, bucket);
    const id = await upload(page, await stroll());
    expect(seen.site.filter((line) => line.includes("/up/"))).not.toEqual([]);
    expect(seen.bucket).toEqual([]);

    // And the control of the test above: the same address, asked by a page that is not admitted.
    await stored(page, id);
    const { hls } = await (await page.request.get(`/api/v1/videos/${id}/playback`)).json();
    const urls = await (await page.request.get(hls.replace("main.m3u8", "urls.json"))).json();
    const [address] = Object.values<string>(urls.tracks);
    const reads = (url: string) =>
      page.evaluate(
        (at) =>
          fetch(at, { headers: { range: "bytes=0-9" } }).then(
            (it) => it.status,
            () => "refused",
          ),
        url,
      );
    expect(await reads(address)).toBe("refused");
    await admit(site.url);
    const again = await (await page.request.get(hls.replace("main.m3u8", "urls.json"))).json();
    expect(await reads(Object.values<string>(again.tracks)[0])).toBe(206);
  });
});

test("a file is sent once, also where its bucket could not tell the site of it", async ({
  page,
  bucket,
  site,
  admit,
}) => {
  await admit(site.url);
  // As Kodo answers then: 579, and the object stands.
  await page.addInitScript((origin) => {
    const { open } = XMLHttpRequest.prototype;
    const { get: status } = Object.getOwnPropertyDescriptor(XMLHttpRequest.prototype, "status")!;
    const forms = new WeakSet<XMLHttpRequest>();
    // The pages give neither of the other arguments.
    XMLHttpRequest.prototype.open = function (method: string, url: string | URL) {
      if (method === "POST" && String(url).startsWith(origin)) forms.add(this);
      return open.call(this, method, url, true);
    };
    Object.defineProperty(XMLHttpRequest.prototype, "status", {
      get() {
        const said = status!.call(this);
        return forms.has(this) && said >= 200 && said < 300 ? 579 : said;
      },
    });
  }, bucket.url);
  await signUp(page, { next: "/upload" });
  const seen = traffic(page, bucket);
  const id = await upload(page, await stroll());
  expect(seen.bucket.filter((line) => line.startsWith("POST ")).length, "forms").toBe(1);
  expect(seen.site.filter((line) => line.includes("/up/"))).toEqual([]);
  await untilReady(page, id);
});
