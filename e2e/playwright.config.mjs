// Debian's own Chromium, no download; generous limits, because machines are slow and shared.

import { defineConfig } from "@playwright/test";

// A name that is not this machine's own: over plain http its pages are no secure context.
const HOST = "virga.test";

export default defineConfig({
  testDir: "tests",
  outputDir: "test-results",
  workers: 2,
  fullyParallel: false,
  // Nothing is tried again. A test that has to be says so itself, with the reason:
  // `test.describe.configure({ retries: 1 })`; `make test` prints it in its last lines if it was.
  retries: 0,
  // A suite that is red stays red: what is wrong with one is wrong with the next.
  maxFailures: 6,
  timeout: 120_000,
  expect: { timeout: 30_000 },
  reporter: [["list"]],
  projects: [
    { name: "loopback" },
    // What looks, decodes or starts sites of its own the same way under any name is left out.
    {
      name: "plain-http",
      use: { host: HOST },
      testIgnore: /(pages|player|player-\w+|growing|variants|ladder|sync|ear|cluster|uppy)\.spec/,
    },
  ],
  use: {
    browserName: "chromium",
    headless: true,
    locale: "en-GB",
    viewport: { width: 1366, height: 768 },
    actionTimeout: 30_000,
    navigationTimeout: 30_000,
    screenshot: "only-on-failure",
    trace: "off",
    video: "off",
    launchOptions: {
      executablePath: process.env.VIRGA_CHROMIUM ?? "/usr/bin/chromium",
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        `--host-resolver-rules=MAP ${HOST} 127.0.0.1`,
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    },
  },
});
