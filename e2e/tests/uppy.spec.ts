// Stock Uppy, with the adapter that stands in the guide: docs/guide/uppy.md.

import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Page, Request } from "@playwright/test";
import { type Bucket, startBucket } from "../bucket.ts";
import { instant, large } from "../clips.ts";
import { test as base, expect, PASSWORD, type Site, signUp, untilReady } from "../fixtures.ts";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Uppy and the guide's code as one script; `window.send(files, token)` answers the videos' ids. */
async function bundle() {
  const guide = await readFile(here("../../docs/guide/uppy.md"), "utf8");
  const [, adapter] = /```js\n(.*?)```/s.exec(guide)!;
  const folder = await mkdtemp(join(tmpdir(), "virga-uppy-"));
  try {
    await writeFile(join(folder, "adapter.js"), adapter);
    await writeFile(
      join(folder, "page.js"),
      `import Uppy from "@uppy/core";
       import AwsS3 from "@uppy/aws-s3";
       import { virga } from "./adapter.js";
       window.send = async (files, token) => {
         const uppy = new Uppy();
         virga(uppy, AwsS3, { token, visibility: "public" });
         for (const data of files) uppy.addFile({ name: data.name, type: data.type, data });
         const { successful, failed } = await uppy.upload();
         return { videos: successful.map(({ meta }) => meta.video), failed: failed.map(({ error }) => String(error)) };
       };`,
    );
    const esbuild = here("../../ui/node_modules/.bin/esbuild");
    const env = { ...process.env, NODE_PATH: here("../node_modules") };
    const { stdout } = await promisify(execFile)(esbuild, [join(folder, "page.js"), "--bundle", "--format=iife"], {
      env,
      maxBuffer: 16 * 1024 * 1024,
    });
    return stdout;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Sends a small file and one of two parts; what was asked meanwhile. */
async function send(page: Page, site: Site) {
  const name = await signUp(page, { next: "/" });
  const headers = { "content-type": "application/json" };
  const body = JSON.stringify({ name, password: PASSWORD });
  const { token } = await (await fetch(`${site.url}/api/v1/sessions`, { method: "POST", headers, body })).json();
  // A page of somebody's own, on the site's origin and with a policy of its own: none.
  await page.evaluate(() => (document.body.innerHTML = "<input type=file multiple>"));
  await page.addScriptTag({ content: await bundle() });
  const asked: string[] = [];
  page.on("request", (request: Request) => asked.push(`${request.method()} ${request.url()}`));
  await page.locator("input").setInputFiles([await instant(), await large(12)]);
  const sent = await page.evaluate(
    (key: string) => window.send([...document.querySelector("input")!.files!], key),
    token,
  );
  expect(sent.failed).toEqual([]);
  expect(sent.videos.length).toBe(2);
  for (const id of sent.videos) await untilReady(page, id);
  return asked;
}

base.use({ bypassCSP: true });

base("Uppy sends films through the site", async ({ page, site }) => {
  const asked = await send(page, site);
  expect(asked.filter((line) => line.startsWith("PUT ") && line.includes("/up/")).length).toBe(3);
});

const test = base.extend<object, { bucket: Bucket }>({
  bucket: [
    async ({}, use) => {
      const bucket = await startBucket();
      await use(bucket);
      await bucket.stop();
    },
    { scope: "worker", timeout: 90_000 },
  ],
  settings: [
    async ({ bucket }, use) => use({ ...bucket.settings, VIRGA_DELIVERY__UPLOADS: "direct" }),
    { scope: "worker" },
  ],
});

// After a form Uppy looks for a header that nothing here needs.
test.use({ bypassCSP: true, expected: async ({}, use) => use([/Could not read the Location header/]) });

test("Uppy sends films into the bucket", async ({ page, bucket, site }) => {
  await site.run(["store", "check", "--fix"], { VIRGA_HTTP__PUBLIC_URL: site.url });
  const asked = await send(page, site);
  expect(asked.filter((line) => line.startsWith(`POST ${bucket.url}`)).length, "the small file, in one form").toBe(1);
  expect(asked.filter((line) => line.startsWith(`PUT ${bucket.url}`)).length, "the large one, in parts").toBe(2);
  expect(asked.filter((line) => line.includes("/up/"))).toEqual([]);
});
