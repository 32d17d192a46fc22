// What every test starts from: a site of its worker, visitors with their own browser contexts, and
// a watch over everything that their pages say: an error in the console or a breach of the content
// policy fails the test, unless the test said beforehand that it causes one.

import dns, { type LookupOptions } from "node:dns";
import type { BrowserContext, BrowserContextOptions, Locator, Page } from "@playwright/test";
import { test as base, expect } from "@playwright/test";
import { startSite } from "./site.mjs";

export { expect };

// The driver's own requests find the made-up host as Chromium does (see playwright.config.mjs).
const lookup = dns.promises.lookup;
dns.promises.lookup = ((name: string, options: LookupOptions) =>
  lookup(name.endsWith(".test") ? "127.0.0.1" : name, options)) as typeof lookup;

export type Site = Awaited<ReturnType<typeof startSite>>;
/** The page of someone else, in a browser context of its own. */
export type Visitor = (options?: BrowserContextOptions) => Promise<Page>;

/** Listens to a context's pages; `complaints` grows. */
async function overhear(context: BrowserContext, complaints: string[]) {
  // What the policy blocks is also an event of the document; scripts of ours may swallow the error.
  await context.exposeBinding("__e2eViolation", (_, text: string) => complaints.push(text));
  await context.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) =>
      window.__e2eViolation(`policy: ${event.violatedDirective} blocked ${event.blockedURI} on ${location.pathname}`),
    );
  });
  context.on("console", (message) => {
    if (message.type() !== "error") return;
    complaints.push(`console: ${message.text()} (${message.location().url})`);
  });
  context.on("weberror", (error) => complaints.push(`exception: ${error.error().stack ?? error.error()}`));
}

export const test = base.extend<
  { expected: RegExp[]; complaints: string[]; visitor: Visitor },
  { host: string; settings: Record<string, string>; site: Site }
>({
  /** The name that visitors know the site by; empty: its address on this machine. */
  host: ["", { option: true, scope: "worker" }],

  /** Configuration keys of the worker's site, besides the usual ones. */
  settings: [{}, { scope: "worker" }],

  /** One site for all tests of a worker, set up, with its administrator `admin`. */
  site: [
    async ({ playwright, host, settings }, use) => {
      const usual = { VIRGA_LIMITS__SIGN_UPS_PER_HOUR: "100000", VIRGA_DISPATCHER__HEAD_START_MS: "0" };
      const site = await startSite({ ...usual, ...settings });
      if (host) site.url = site.url.replace("127.0.0.1", host);
      const request = await playwright.request.newContext({ extraHTTPHeaders: { origin: site.url } });
      const token = new URL(site.setupLink).searchParams.get("token")!;
      const form = { token, name: "admin", password: PASSWORD, site_name: "Virga", registration: "open" };
      const answer = await request.post(`${site.url}/setup`, { form, maxRedirects: 0 });
      expect(answer.status()).toBe(303);
      await request.dispose();
      await use(site);
      await site.stop();
    },
    { scope: "worker", timeout: 60_000 },
  ],
  baseURL: async ({ site }, use) => use(site.url),

  /** Patterns of complaints that the test itself brings about. */
  expected: async ({}, use) => use([]),

  /** All that pages said; judged when the test ends. */
  complaints: [
    async ({ expected }, use, info) => {
      const complaints: string[] = [];
      await use(complaints);
      const unasked = complaints.filter((text) => !expected.some((pattern: RegExp) => pattern.test(text)));
      if (info.status === info.expectedStatus) expect(unasked, "said by the pages").toEqual([]);
      else if (unasked.length > 0) console.log(`pages also said:\n  ${unasked.join("\n  ")}`);
    },
    { auto: true },
  ],

  context: async ({ context, complaints }, use) => {
    await overhear(context, complaints);
    await use(context);
  },

  /** `await visitor(options)`: the page of someone else, in a browser context of its own. */
  visitor: async ({ browser, baseURL, complaints }, use) => {
    const contexts: BrowserContext[] = [];
    await use(async (options = {}) => {
      const context = await browser.newContext({
        baseURL,
        locale: "en-GB",
        viewport: { width: 1366, height: 768 },
        ...options,
      });
      contexts.push(context);
      await overhear(context, complaints);
      return context.newPage();
    });
    for (const context of contexts) await context.close();
  },
});

export const PASSWORD = "a long walk in the rain";

let people = 0;
/** A name that nobody on the worker's site has yet. */
export function someone(stem = "mira") {
  people += 1;
  return `${stem}-${process.pid.toString(36)}-${people}`;
}

/** Registers through the page; ends signed in on the page `next`. */
export async function signUp(page: Page, { name = someone(), next = "/" } = {}) {
  await page.goto(`/sign-up?next=${encodeURIComponent(next)}`);
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("main").getByRole("button", { name: "Sign up" }).click();
  await page.waitForURL((url: URL) => url.pathname === next);
  return name;
}

/** Signs in through the page. */
export async function signIn(page: Page, name: string, { password = PASSWORD, next = "/" } = {}) {
  await page.goto(`/sign-in?next=${encodeURIComponent(next)}`);
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("main").getByRole("button", { name: "Sign in" }).click();
}

/** Publishes an upload as its page's visitor. */
export async function publish(page: Page, id: string) {
  const headers = { origin: new URL(page.url()).origin };
  const answer = await page.request.patch(`/api/v1/videos/${id}`, { data: { visibility: "public" }, headers });
  expect(answer.status()).toBe(200);
}

/** Chooses files on the upload page, waits until each is sent and publishes them; the videos' ids in that order. */
export async function upload(page: Page, file: string): Promise<string>;
export async function upload(page: Page, ...files: string[]): Promise<string[]>;
export async function upload(page: Page, ...files: string[]): Promise<string | string[]> {
  await page.goto("/upload");
  await page.getByLabel("Choose videos").setInputFiles(files);
  const ids: string[] = [];
  for (let n = 0; n < files.length; n += 1) {
    const card = page.locator("article.file").nth(n);
    await sent(card);
    const href = await card.getByRole("link", { name: "Open video" }).getAttribute("href");
    const id = href!.split("/").pop()!;
    await publish(page, id);
    ids.push(id);
  }
  return files.length === 1 ? ids[0]! : ids;
}

/** The card says that the last byte is there: nothing is left to be cancelled. */
export async function sent(card: Locator) {
  await expect(card).toBeVisible();
  await expect(card.getByRole("button", { name: "Cancel" })).toBeHidden({ timeout: 60_000 });
}

/** What the API says about a video to this page's visitor. */
export async function video(page: Page, id: string) {
  const answer = await page.request.get(`/api/v1/videos/${id}`);
  return answer.json();
}

/** Waits until no job of the video is open. */
export async function untilReady(page: Page, id: string) {
  await expect.poll(async () => (await video(page, id)).state, { timeout: 100_000, intervals: [500] }).toBe("ready");
}
