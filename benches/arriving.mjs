// One upload through the page of a fresh site over a line of so many bytes a second, and a second visible
// window that plays the video meanwhile. Prints one JSON object: seconds from the second part's
// acknowledgement to the first frame, of the whole upload, and from the first frame to the end of it; and
// how many milliseconds each stall took.

import { createRequire } from "node:module";
import { startSite } from "../e2e/site.mjs";

const { chromium } = createRequire(new URL("../e2e/package.json", import.meta.url))("@playwright/test");
const [file, line] = process.argv.slice(2);

/** In the watch page: plays as soon as it can, and counts where it stops by itself. */
function watch() {
  window.stalls = [];
  addEventListener(
    "virga:firstframe",
    () => {
      const video = document.querySelector("virga-player video");
      let since = 0;
      video.addEventListener("waiting", () => (since = performance.now()));
      video.addEventListener("playing", () => {
        if (since > 0) window.stalls.push(Math.round(performance.now() - since));
        since = 0;
      });
      window.shown = performance.timeOrigin + performance.now();
      void video.play().then(() => (window.stalls.length = 0));
      video.addEventListener("ended", () => (window.over = true));
    },
    { once: true },
  );
}

async function prepare(site, context) {
  const headers = { origin: site.url };
  const token = new URL(site.setupLink).searchParams.get("token");
  const form = { token, name: "admin", password: "a long walk in the rain", site_name: "Virga", registration: "open" };
  const answer = await context.request.post(`${site.url}/setup`, { form, headers, maxRedirects: 0 });
  if (answer.status() !== 303) throw new Error(`set-up: ${answer.status()}`);
}

async function measure(site, browser) {
  const context = await browser.newContext({ baseURL: site.url, locale: "en-GB", viewport: { width: 1366, height: 768 } });
  await prepare(site, context);
  const sender = await context.newPage();
  const wire = await context.newCDPSession(sender);
  await sender.goto("/upload");
  await wire.send("Network.enable");
  const limits = { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: Number(line) };
  await wire.send("Network.emulateNetworkConditions", limits);
  const acknowledged = [];
  sender.on("response", (answer) => {
    if (new URL(answer.url()).pathname.startsWith("/up/") && answer.status() === 204) acknowledged.push(Date.now());
  });
  await sender.getByLabel("Choose videos").setInputFiles(file);
  let upload;
  while (!upload) [upload] = await (await sender.request.get("/api/v1/uploads")).json();
  const watcher = await context.newPage();
  await watcher.addInitScript(watch);
  await watcher.goto(`/v/${upload.video_id}`);
  await watcher.waitForFunction(() => window.over, null, { timeout: 600_000, polling: 200 });
  const { shown, stalls } = await watcher.evaluate(() => ({ shown: window.shown, stalls: window.stalls }));
  const since = (from, to) => Math.round((to - from) / 10) / 100;
  return {
    parts: acknowledged.length,
    first_frame: since(acknowledged[1], shown),
    upload: since(acknowledged[0], acknowledged.at(-1)),
    before_the_end: since(shown, acknowledged.at(-1)),
    stalls,
  };
}

const site = await startSite({
  VIRGA_LIMITS__UPLOAD_MAX: "100000000000",
  VIRGA_LIMITS__QUOTA_PER_USER: "100000000000",
});
const browser = await chromium.launch({
  executablePath: process.env.VIRGA_CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required"],
});
try {
  console.log(JSON.stringify(await measure(site, browser)));
} finally {
  await browser.close();
  await site.stop();
}
