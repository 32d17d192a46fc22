// Windows that share one event stream, on a bus and a clock that the test turns by hand.

import assert from "node:assert/strict";
import { test } from "node:test";
import { again, type Env, Live, type LiveEvent, type Message } from "../src/events";

class World {
  now = 0;
  timers: { at: number; run: () => void; window: string }[] = [];
  listeners = new Map<string, (message: Message) => void>();
  streams: { window: string; ids: string[]; emit: (event: LiveEvent) => void; open: boolean }[] = [];
  hidden = new Set<string>();

  window(id: string, channel = true): Live {
    const env: Env = {
      id,
      channel: channel
        ? {
            post: (message) => {
              for (const [other, hear] of this.listeners) if (other !== id) hear(structuredClone(message));
            },
            listen: (handler) => this.listeners.set(id, handler),
          }
        : null,
      open: (ids, emit) => {
        const stream = { window: id, ids, emit, open: true };
        this.streams.push(stream);
        return { close: () => (stream.open = false) };
      },
      visible: () => !this.hidden.has(id),
      after: (ms, run) => {
        const timer = { at: this.now + ms, run, window: id };
        this.timers.push(timer);
        return () => {
          this.timers = this.timers.filter((each) => each !== timer);
        };
      },
      random: () => 0.5,
      now: () => this.now,
    };
    return new Live(env);
  }

  pass(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      const next = this.timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.timers = this.timers.filter((timer) => timer !== next);
      this.now = next.at;
      next.run();
    }
    this.now = end;
  }

  /** The window crashes: its timers stop and it hears nothing more. */
  kill(id: string): void {
    this.timers = this.timers.filter((timer) => timer.window !== id);
    this.listeners.delete(id);
    for (const stream of this.streams) if (stream.window === id) stream.open = false;
  }

  get open() {
    return this.streams.filter((stream) => stream.open);
  }
}

const event = (id: string): LiveEvent => ({ event: "state", id, state: "ready" });

test("two windows share one stream, and each hears of its own videos only", () => {
  const world = new World();
  const heard: string[] = [];
  world.window("a").subscribe(["v1"], ({ id }) => heard.push(`a:${id}`));
  world.pass(200);
  world.window("b").subscribe(["v2"], ({ id }) => heard.push(`b:${id}`));
  world.pass(5000);
  assert.equal(world.open.length, 1);
  assert.deepEqual([...(world.open[0]?.ids ?? [])].sort(), ["v1", "v2"]);
  world.open[0]?.emit(event("v1"));
  world.open[0]?.emit(event("v2"));
  assert.deepEqual(heard, ["a:v1", "b:v2"]);
});

test("windows that open at the same moment settle on one stream", () => {
  const world = new World();
  for (const id of ["c", "a", "b"]) world.window(id).subscribe([`of-${id}`], () => {});
  world.pass(10_000);
  assert.equal(world.open.length, 1);
  assert.deepEqual([...(world.open[0]?.ids ?? [])].sort(), ["of-a", "of-b", "of-c"]);
});

test("another window takes over at once when the leader leaves, and soon when it crashes", () => {
  const world = new World();
  const heard: string[] = [];
  const a = world.window("a");
  a.subscribe(["v"], () => {});
  world.pass(200);
  world.window("b").subscribe(["v"], () => heard.push("b"));
  world.window("c").subscribe(["v"], () => heard.push("c"));
  world.pass(2000);
  assert.deepEqual(
    world.open.map((stream) => stream.window),
    ["a"],
  );
  a.leave();
  world.pass(100);
  assert.equal(world.open.length, 1);
  const second = world.open[0]?.window ?? "";
  world.kill(second);
  assert.equal(world.open.length, 0);
  world.pass(4000);
  assert.equal(world.open.length, 1);
  world.open[0]?.emit(event("v"));
  assert.equal(heard.length, 1);
});

test("no stream while nothing unfinished is shown or the page is hidden", () => {
  const world = new World();
  const live = world.window("a");
  world.pass(1000);
  assert.equal(world.streams.length, 0);
  const stop = live.subscribe(["v"], () => {});
  world.pass(1000);
  assert.equal(world.open.length, 1);
  world.hidden.add("a");
  live.update();
  assert.equal(world.open.length, 0);
  world.hidden.clear();
  live.update();
  world.pass(1000);
  assert.equal(world.open.length, 1);
  stop();
  assert.equal(world.open.length, 0);
  assert.equal(live.role, "idle");
});

test("without a channel each window has its own stream at once", () => {
  const world = new World();
  world.window("a", false).subscribe(["v1"], () => {});
  world.window("b", false).subscribe(["v2"], () => {});
  assert.deepEqual(
    world.open.map((stream) => stream.window),
    ["a", "b"],
  );
});

test("a stream is opened anew only for videos that it does not name yet", () => {
  const world = new World();
  const live = world.window("a");
  live.subscribe(["v1", "v2"], () => {});
  world.pass(200);
  live.subscribe(["v2"], () => {});
  world.pass(200);
  assert.equal(world.streams.length, 1);
  live.subscribe(["v3"], () => {});
  assert.equal(world.streams.length, 2);
  assert.equal(world.open.length, 1);
});

test("a window that asks later hears what the stream said before", () => {
  const world = new World();
  const heard: string[] = [];
  const a = world.window("a");
  a.subscribe(["v"], () => {});
  world.pass(200);
  world.open[0]?.emit(event("v"));
  const b = world.window("b");
  b.subscribe(["v"], () => heard.push("b"));
  world.pass(200);
  b.subscribe(["v"], () => heard.push("again"));
  a.subscribe(["v"], () => heard.push("a"));
  world.pass(1);
  assert.deepEqual(heard, ["b", "again", "a"]);
  assert.equal(world.streams.length, 1);
});

test("after a refusal browsers do not come again all at once", () => {
  const waits = [0, 0.25, 0.5, 0.99].map(again);
  assert.ok(
    waits.every((wait) => wait >= 5000 && wait < 10_000),
    String(waits),
  );
  assert.equal(new Set(waits).size, waits.length);
});
