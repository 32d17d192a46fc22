// Starts the real binary on a free port with an empty data folder, and ends it by its own pid.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const BINARY = process.env.VIRGA_BINARY ?? fileURLToPath(new URL("../target/debug/virga", import.meta.url));

/** What the process says, kept for the report of a test that fails: the last of it. */
const KEPT_LINES = 400;
/** The machine that tests may have less to spare than a site keeps free. */
const ROOM = { VIRGA_STORAGE__KEEP_FREE: "0" };

/**
 * A running site: `url`, the one-time `setupLink`, its `log` so far.
 * `settings` are configuration keys as the environment names them (VIRGA_SECTION__KEY).
 * Not in TypeScript: node runs it by itself for `benches/first-frame.mjs`.
 * @param {Record<string, string>} settings
 */
export async function startSite(settings = {}) {
  const data = await mkdtemp(join(tmpdir(), "virga-e2e-"));
  const child = spawn(BINARY, ["serve", "--data", data, "--listen", "127.0.0.1:0"], {
    // Nothing of the caller's own configuration reaches the site.
    cwd: data,
    env: { PATH: process.env.PATH, HOME: data, ...ROOM, ...settings },
    stdio: ["ignore", "pipe", "pipe"],
  });
  /** @type {string[]} */
  const log = [];
  const found = { url: "", setupLink: "" };
  /** @param {string} line */
  const keep = (line) => {
    log.push(line);
    if (log.length > KEPT_LINES) log.shift();
  };
  createInterface(child.stderr).on("line", keep);
  const ready = /** @type {Promise<void>} */ (
    new Promise((resolve, reject) => {
      createInterface(child.stdout).on("line", (line) => {
        keep(line);
        found.url ||= /is ready: (http\S+)/.exec(line)?.[1] ?? "";
        found.setupLink ||= /(http\S+\/setup\?token=\w+)/.exec(line)?.[1] ?? "";
        if (found.url && found.setupLink) resolve();
      });
      child.once("error", reject);
      child.once("exit", (code) => reject(new Error(`virga ended (${code}):\n${log.join("\n")}`)));
    })
  );
  const ended = once(child, "exit");
  try {
    await ready;
  } catch (error) {
    await rm(data, { recursive: true, force: true });
    throw error;
  }
  return {
    url: found.url,
    setupLink: found.setupLink,
    data,
    log,
    /**
     * Runs a command of the program with the site's data and settings; what it says.
     * @param {string[]} args
     */
    async run(args, more = {}) {
      const env = { PATH: process.env.PATH, HOME: data, ...settings, ...more };
      const { stdout } = await promisify(execFile)(BINARY, [...args, "--data", data], { cwd: data, env });
      return stdout;
    },
    async stop() {
      if (child.exitCode === null) {
        child.kill("SIGTERM");
        const hard = setTimeout(() => child.kill("SIGKILL"), 20_000);
        await ended;
        clearTimeout(hard);
      }
      await rm(data, { recursive: true, force: true });
    },
  };
}
