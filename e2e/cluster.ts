// A cluster behind HAProxy (`make cluster`), and a hand that kills and starts what it is made of.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("../target/debug/examples/cluster", import.meta.url));

/** A running cluster: its `url`; it ends with `stop()` or this process. */
export async function startCluster() {
  const child = spawn(PROGRAM, [], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(child, "exit");
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const next = async (pattern: RegExp) => {
    for (;;) {
      const { value: line, done } = await lines.next();
      if (done) throw new Error("the cluster ended");
      const found = pattern.exec(line);
      if (found) return found;
    }
  };
  const [, url] = await next(/^haproxy\s+(\S+)/);
  await next(/Ctrl-C ends it/);
  return {
    url,
    /** Has a line obeyed, `kill stream 1`, and waits until it is. */
    async tell(line: string, answer: RegExp) {
      child.stdin.write(`${line}\n`);
      await next(answer);
    },
    async stop() {
      child.kill("SIGTERM");
      await ended;
    },
  };
}

export type Cluster = Awaited<ReturnType<typeof startCluster>>;
