// A real bucket server beside the site, and the settings that put the site's objects into it.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("../target/debug/examples/bucket", import.meta.url));

/** A running server: its `url`, the site's `settings` for it; it ends with `stop()` or this process. */
export async function startBucket() {
  const child = spawn(PROGRAM, [], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(child, "exit");
  const told = await Promise.race([
    once(createInterface(child.stdout), "line").then(([line]) => JSON.parse(line)),
    ended.then(([code]) => Promise.reject(new Error(`the bucket server ended (${code})`))),
  ]);
  return {
    url: told.url,
    settings: {
      VIRGA_OBJECTS__KIND: "s3",
      VIRGA_OBJECTS__ENDPOINT: told.url,
      VIRGA_OBJECTS__PUBLIC_ENDPOINT: told.url,
      VIRGA_OBJECTS__REGION: told.region,
      VIRGA_OBJECTS__BUCKET: told.bucket,
      VIRGA_OBJECTS__ACCESS_KEY_FILE: told.access_key_file,
      VIRGA_OBJECTS__SECRET_KEY_FILE: told.secret_key_file,
    },
    async stop() {
      child.stdin.end();
      await ended;
    },
  };
}

export type Bucket = Awaited<ReturnType<typeof startBucket>>;
