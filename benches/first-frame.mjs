// One upload through the page of a fresh site, with a second visible window on the video's page.
// Prints one JSON object: milliseconds from the last part's acknowledgement to each step, the last
// of them `firstframe`; and the states that the watch page showed.

import { createRequire } from "node:module";
import { startSite } from "../e2e/site.mjs";

const { chromium } = createRequire(new URL("../e2e/package.json", import.meta.url))("@playwright/test");
const [file] = process.argv.slice(2);

/** In the upload page: the last part waits for `release()`, all others go as they like. */
function holdLastPart() {
  performance.setResourceTimingBufferSize(10_000);
  const { open, send } = XMLHttpRequest.prototype;
  const gate = new Promise((resolve) => (window.release = resolve));
  XMLHttpRequest.prototype.open = function (method, url, ...more) {
    const asked = new URL(url, location.href).searchParams;
    const [offset, size, total] = ["offset", "size", "total"].map((name) => Number(asked.get(name)));
    this.isLast = method === "PUT" && total > 0 && offset + size === total;
    return open.call(this, method, url, ...more);
  };
  XMLHttpRequest.prototype.send = function (body) {
    if (!this.isLast) return send.call(this, body);
    window.holding = true;
    void gate.then(() => send.call(this, body));
  };
}

/** In the watch page: notes its states and its first frame. */
function watchStates() {
  window.states = [];
  window.shown = new Promise((resolve) => addEventListener("virga:firstframe", () => resolve(), { once: true }));
  const look = () => {
    const state = document.querySelector("virga-player")?.dataset.state;
    if (state && window.states.at(-1)?.[0] !== state) window.states.push([state, performance.timeOrigin + performance.now()]);
  };
  new MutationObserver(look).observe(document, { subtree: true, childList: true, attributeFilter: ["data-state"] });
}

/** All requests that a page made, on the wall clock. */
const requests = (page) =>
  page.evaluate(() =>
    performance.getEntriesByType("resource").map(({ name, startTime, responseEnd }) => ({
      path: new URL(name).pathname,
      from: performance.timeOrigin + startTime,
      to: performance.timeOrigin + responseEnd,
    })),
  );

async function prepare(site, context) {
  const headers = { origin: site.url };
  const token = new URL(site.setupLink).searchParams.get("token");
  const form = { token, name: "admin", password: "a long walk in the rain", site_name: "Virga", registration: "open" };
  const answer = await context.request.post(`${site.url}/setup`, { form, headers, maxRedirects: 0 });
  if (answer.status() !== 303) throw new Error(`set-up: ${answer.status()}`);
}

/** Waits until every part but the held one is acknowledged; the upload. */
async function othersHeld(sender) {
  await sender.waitForFunction(() => window.holding, null, { timeout: 600_000, polling: 100 });
  for (;;) {
    const [upload] = await (await sender.request.get("/api/v1/uploads")).json();
    if (upload) {
      const parts = await (await sender.request.get(`/api/v1/uploads/${upload.id}/parts`)).json();
      const { part_size } = await (await sender.request.get(`/api/v1/uploads/${upload.id}`)).json();
      if (parts.length === Math.ceil(upload.size / part_size) - 1) return upload;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function measure(site, browser) {
  const context = await browser.newContext({ baseURL: site.url, locale: "en-GB", viewport: { width: 1366, height: 768 } });
  await prepare(site, context);
  const sender = await context.newPage();
  await sender.addInitScript(holdLastPart);
  await sender.goto("/upload");
  await sender.getByLabel("Choose videos").setInputFiles(file);
  const upload = await othersHeld(sender);

  const watcher = await context.newPage();
  await watcher.addInitScript(watchStates);
  const listening = watcher.waitForResponse((answer) => answer.url().includes("/api/v1/events"));
  await watcher.goto(`/v/${upload.video_id}`);
  await listening;
  for (const page of [sender, watcher]) {
    const visible = await page.evaluate(() => document.visibilityState);
    if (visible !== "visible") throw new Error(`a window is ${visible}`);
  }
  // What opening the page itself still brings along is not what is measured.
  await watcher.waitForLoadState("load");
  await new Promise((resolve) => setTimeout(resolve, 1000));

  await sender.evaluate(() => window.release());
  await watcher.evaluate(() => window.shown);
  return report(sender, watcher);
}

async function report(sender, watcher) {
  const [sent, loaded] = [await requests(sender), await requests(watcher)];
  const { states, shown } = await watcher.evaluate(() => ({
    states: window.states,
    shown: performance.timeOrigin + performance.getEntriesByName("virga:firstframe")[0].startTime,
  }));
  const start = Math.max(...sent.filter(({ path }) => path.startsWith("/up/")).map(({ to }) => to));
  const since = (at) => Math.round((at - start) * 10) / 10;
  const step = (list, pattern) => {
    const found = list.find(({ path, to }) => pattern.test(path) && to >= start);
    return found ? [since(found.from), since(found.to)] : null;
  };
  return {
    complete: step(sent, /\/complete$/),
    states: states.map(([state]) => state),
    at: Object.fromEntries(states.map(([state, at]) => [state, since(at)])),
    playback: step(loaded, /\/playback$/),
    main: step(loaded, /main\.m3u8$/),
    index: step(loaded, /index\.m3u8$/),
    init: step(loaded, /init\.mp4$/),
    segment: step(loaded, /\/0\.m4s$/),
    firstframe: since(shown),
  };
}

const site = await startSite({
  VIRGA_LIMITS__UPLOAD_MAX: "100000000000",
  VIRGA_LIMITS__QUOTA_PER_USER: "100000000000",
});
const browser = await chromium.launch({
  executablePath: process.env.VIRGA_CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
try {
  console.log(JSON.stringify(await measure(site, browser)));
} finally {
  await browser.close();
  await site.stop();
}
