// The uploader against a server, a network and a clock that the test plays.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { ApiError } from "../src/api";
import { Transfer } from "../src/transfer";
import { cut, fingerprint, inOrder } from "../src/transfer/file";
import { Slots } from "../src/transfer/slots";
import type { Deps, FileLike, SignedPart, Upload } from "../src/transfer/world";

const PART = 10;

class TestFile implements FileLike {
  readonly name = "clip.mov";
  readonly type = "video/quicktime";
  readonly lastModified = 1700000000000;
  readonly size: number;
  readonly #bytes: Uint8Array;

  constructor(size: number, seed = 1) {
    this.size = size;
    this.#bytes = Uint8Array.from({ length: size }, (_, at) => (at * 7 + seed) % 256);
  }

  slice(start: number, end: number): Blob {
    return new Blob([this.#bytes.slice(start, end)]);
  }
}

class World {
  readonly held = new Map<number, Buffer>();
  readonly sleeps: number[] = [];
  readonly signs: number[][] = [];
  bucket = false;
  proxied = false;
  upload: Upload | null = null;
  completed = 0;
  cancelled: string[] = [];
  discarded: string[] = [];
  flying = 0;
  most = 0;
  network = true;
  time = 0;
  put: (part: SignedPart, body: Blob) => number | Promise<number> = () => 204;
  complete: () => void = () => {};
  createVideo: () => void = () => {};
  videoKeys: string[] = [];
  wake: () => void = () => {};

  deps(): Deps {
    return {
      server: {
        createVideo: async (_, key) => {
          this.videoKeys.push(key);
          this.createVideo();
          return { id: "video" };
        },
        createUpload: async (asked) => {
          this.upload ??= { id: "upload", part_size: PART, ...(asked as Omit<Upload, "id" | "part_size">) };
          return this.upload;
        },
        parts: async () =>
          [...this.held].map(([number, bytes]) => ({
            number,
            size: bytes.length,
            sha256: createHash("sha256").update(bytes).digest("hex"),
          })),
        sign: async (_, numbers, proxied) => {
          this.signs.push(numbers);
          this.proxied = proxied;
          return numbers.map((number) => ({
            number,
            url: this.bucket && !proxied ? `http://bucket/${number}` : `/up/${number}`,
            method: "PUT",
            headers: {},
            expires_at: new Date(this.time + 60_000).toISOString(),
          }));
        },
        complete: async () => {
          this.completed += 1;
          this.complete();
        },
        cancel: async (id) => void this.cancelled.push(id),
        discard: async (id) => void this.discarded.push(id),
      },
      put: async (part, body, progress, signal) => {
        this.flying += 1;
        this.most = Math.max(this.most, this.flying);
        progress(body.size / 2);
        await new Promise((resolve) => setImmediate(resolve));
        const status = signal.aborted ? 0 : await this.put(part, body);
        if (status === 204) this.held.set(part.number, Buffer.from(await body.arrayBuffer()));
        this.flying -= 1;
        return { status, wait: 0 };
      },
      digest: async (blob) =>
        createHash("sha256")
          .update(Buffer.from(await blob.arrayBuffer()))
          .digest("hex"),
      sleep: async (ms) => {
        this.sleeps.push(ms);
        this.time += ms;
      },
      online: () => new Promise((resolve) => (this.wake = resolve)),
      isOnline: () => this.network,
      random: () => 0.5,
      newKey: () => `key ${this.time}`,
      now: () => (this.time += 1),
    };
  }

  transfer(file: FileLike, upload?: Upload, changed: () => void = () => {}): Transfer {
    const start = { draft: { title: "clip", visibility: "public" as const }, ...(upload ? { upload } : {}) };
    return new Transfer(file, start, this.deps(), new Slots(3), changed);
  }
}

async function whole(world: World, file: FileLike): Promise<void> {
  const sent = Buffer.concat([...world.held].sort(([a], [b]) => a - b).map(([, bytes]) => bytes));
  assert.deepEqual(sent, Buffer.from(await file.slice(0, file.size).arrayBuffer()));
}

test("a file arrives whole, three parts at once at most, and is completed once", async () => {
  const world = new World();
  const file = new TestFile(195);
  const transfer = world.transfer(file);
  await transfer.run();
  assert.equal(transfer.phase, "done");
  assert.equal(transfer.sent, 195);
  assert.equal(world.most, 3);
  assert.equal(world.completed, 1);
  await whole(world, file);
});

test("on a slow line one part flies at a time", async () => {
  const world = new World();
  world.put = () => {
    world.time += 10_000;
    return 204;
  };
  await world.transfer(new TestFile(95)).run();
  assert.equal(world.most, 1);
});

test("what is shown survives a pause, and the speed falls while nothing moves", async () => {
  const world = new World();
  let transfer: Transfer;
  let shown = 0;
  world.put = (part) => {
    world.time += 1000;
    if (part.number !== 5) return 204;
    shown = transfer.sent;
    assert.ok(transfer.speed > 0);
    world.time += 3000;
    const slower = transfer.speed;
    world.time += 1000;
    assert.ok(transfer.speed < slower);
    world.time += 10_000;
    assert.equal(transfer.speed, 0);
    transfer.pause();
    return 0;
  };
  transfer = world.transfer(new TestFile(95));
  await transfer.run();
  assert.equal(transfer.phase, "paused");
  assert.ok(shown > 0 && transfer.sent >= shown);
  // A reload asks the server what it holds: no less than what was shown.
  const bytes = [...world.held.values()].reduce((sum, part) => sum + part.length, 0);
  assert.ok(bytes >= shown);
});

test("a site that does not answer is said with the time of the next try", async () => {
  const world = new World();
  const waits: number[] = [];
  world.put = () => (waits.length < 2 ? 0 : 204);
  let transfer: Transfer;
  transfer = world.transfer(new TestFile(10), undefined, () => {
    if (transfer.wait > 0) waits.push(transfer.wait);
  });
  await transfer.run();
  assert.equal(transfer.phase, "done");
  assert.ok(waits.length >= 2 && waits.every((wait) => wait <= 2500), String(waits));
  assert.equal(transfer.wait, 0);
});

test("a video whose answer was lost is asked for again with the same key", async () => {
  const world = new World();
  world.createVideo = () => {
    if (world.videoKeys.length < 3) throw new ApiError(0, "network", "no answer");
  };
  const transfer = world.transfer(new TestFile(10));
  await transfer.run();
  assert.equal(transfer.phase, "done");
  assert.equal(world.videoKeys.length, 3);
  assert.equal(new Set(world.videoKeys).size, 1);
});

test("three parts at once over all files together", async () => {
  const world = new World();
  const slots = new Slots(3);
  const others = [new World(), new World()];
  const transfers = [world, ...others].map((each) => {
    const deps = { ...each.deps(), put: world.deps().put };
    return new Transfer(new TestFile(60), { draft: { title: "t", visibility: "public" } }, deps, slots, () => {});
  });
  await Promise.all(transfers.map((transfer) => transfer.run()));
  assert.ok(transfers.every((transfer) => transfer.phase === "done"));
  assert.equal(world.most, 3);
});

test("goes on with what the server holds and sends nothing twice", async () => {
  const world = new World();
  const file = new TestFile(45);
  await world
    .deps()
    .server.createUpload({ video_id: "v", file_name: file.name, size: 45, fingerprint: fingerprint(file) });
  for (const number of [1, 3]) {
    world.held.set(number, Buffer.from(await file.slice((number - 1) * PART, number * PART).arrayBuffer()));
  }
  const sent: number[] = [];
  world.put = (part) => {
    sent.push(part.number);
    return 204;
  };
  const transfer = world.transfer(file, world.upload ?? undefined);
  await transfer.run();
  assert.equal(transfer.phase, "done");
  assert.deepEqual(sent.sort(), [2, 4, 5]);
  await whole(world, file);
});

test("another file of the same size is refused before a byte is sent", async () => {
  const world = new World();
  const file = new TestFile(45);
  await world
    .deps()
    .server.createUpload({ video_id: "v", file_name: file.name, size: 45, fingerprint: fingerprint(file) });
  world.held.set(2, Buffer.from(await file.slice(PART, 2 * PART).arrayBuffer()));
  const transfer = world.transfer(new TestFile(45, 9), world.upload ?? undefined);
  await transfer.run();
  assert.equal(transfer.phase, "failed");
  assert.equal(transfer.failure, "upload-other-file");
  assert.equal(world.most, 0);
});

test("a bad network is met with growing waits, and a dead one ends in a failure that can be resumed", async () => {
  const world = new World();
  let broken = 4;
  world.put = (part) => (part.number === 1 && broken-- > 0 ? 0 : 204);
  const transfer = world.transfer(new TestFile(10));
  await transfer.run();
  assert.equal(transfer.phase, "done");
  assert.deepEqual(world.sleeps, [1000, 2000, 4000, 8000]);

  const dead = new World();
  dead.put = () => 503;
  const file = new TestFile(10);
  const failing = dead.transfer(file);
  await failing.run();
  assert.equal(failing.phase, "failed");
  assert.equal(Math.max(...dead.sleeps), 16_000);
  dead.put = () => 204;
  await failing.run();
  assert.equal(failing.phase, "done");
  await whole(dead, file);
});

test("a file that changed since it was chosen is told at once, not tried again", async () => {
  const world = new World();
  const file = new TestFile(25);
  const gone = { arrayBuffer: () => Promise.reject(new Error("NotReadableError")) };
  file.slice = () => ({ size: PART, slice: () => gone }) as unknown as Blob;
  world.put = () => 0;
  const transfer = world.transfer(file);
  await transfer.run();
  assert.equal(transfer.phase, "failed");
  assert.equal(transfer.failure, "upload-changed");
  assert.deepEqual(world.sleeps, []);
});

test("parts go to the bucket, and through the site where it cannot be reached", async () => {
  for (const answer of [0, 403, 404, 503]) {
    const world = new World();
    world.bucket = true;
    const file = new TestFile(95);
    const went: string[] = [];
    world.put = (part) => {
      went.push(part.url);
      return part.url.startsWith("http:") ? answer : 204;
    };
    const transfer = world.transfer(file);
    await transfer.run();
    assert.equal(transfer.phase, "done", String(answer));
    assert.ok(world.proxied);
    // The three that fly at once, and whatever was asked before the third had failed.
    assert.ok(went.filter((url) => url.startsWith("http:")).length <= 6, went.join(" "));
    await whole(world, file);
  }
  const world = new World();
  world.bucket = true;
  const file = new TestFile(95);
  let lost = 0;
  world.put = (part) => {
    if (part.number % 3 === 0) lost += 1;
    if (part.number % 3 === 0 && lost < 3) return 0;
    return part.url.startsWith("http:") ? 204 : 500;
  };
  const transfer = world.transfer(file);
  await transfer.run();
  assert.equal(transfer.phase, "done", "a part now and then that is lost is sent to the bucket again");
  await whole(world, file);
});

test("an ended address is signed again, and never for ever", async () => {
  const world = new World();
  let refused = 1;
  world.put = (part) => (part.number === 2 && refused-- > 0 ? 403 : 204);
  const transfer = world.transfer(new TestFile(30));
  await transfer.run();
  assert.equal(transfer.phase, "done");
  assert.equal(world.signs.flat().filter((number) => number === 2).length, 2);

  const closed = new World();
  closed.put = () => 403;
  const failing = closed.transfer(new TestFile(10));
  await failing.run();
  assert.equal(failing.phase, "failed");
  assert.equal(closed.signs.length, 4);
});

test("addresses are not used when they are about to end", async () => {
  const world = new World();
  world.put = (part) => {
    if (part.number === 1) world.time += 55_000;
    return 204;
  };
  const transfer = world.transfer(new TestFile(40));
  await transfer.run();
  assert.equal(transfer.phase, "done");
  assert.ok(world.signs.length > 1);
});

test("pause stops, resume goes on, cancel gives up upload and draft", async () => {
  const world = new World();
  const file = new TestFile(95);
  let transfer: Transfer;
  world.put = (part) => {
    if (part.number === 4) transfer.pause();
    return 204;
  };
  transfer = world.transfer(file);
  await transfer.run();
  assert.equal(transfer.phase, "paused");
  assert.ok(world.held.size < 10);
  world.put = () => 204;
  await transfer.run();
  assert.equal(transfer.phase, "done");
  await whole(world, file);

  const other = new World();
  other.put = async () => {
    await cancelled.cancel();
    return 204;
  };
  const cancelled = other.transfer(file);
  await cancelled.run();
  assert.equal(cancelled.phase, "cancelled");
  assert.deepEqual([other.cancelled, other.discarded, other.completed], [["upload"], ["video"], 0]);
});

test("resuming while the paused attempt still winds down harms neither", async () => {
  const world = new World();
  const file = new TestFile(95);
  let again: Promise<void> | null = null;
  let transfer: Transfer;
  world.put = (part) => {
    if (part.number === 2 && !again) {
      transfer.pause();
      again = transfer.run();
    }
    return 204;
  };
  transfer = world.transfer(file);
  await transfer.run();
  await again;
  assert.equal(transfer.phase, "done");
  await whole(world, file);
});

test("offline waits without counting tries", async () => {
  const world = new World();
  const phases: string[] = [];
  let transfer: Transfer;
  world.put = () => {
    if (phases.includes("offline")) return 204;
    world.network = false;
    return 0;
  };
  transfer = world.transfer(new TestFile(10), undefined, () => {
    phases.push(transfer.phase);
    if (transfer.phase === "offline") {
      setImmediate(() => {
        world.network = true;
        world.wake();
      });
    }
  });
  await transfer.run();
  assert.equal(transfer.phase, "done");
  assert.deepEqual(world.sleeps, []);
});

test("parts that the server lost are sent again before it is complete", async () => {
  const world = new World();
  const file = new TestFile(35);
  world.complete = () => {
    if (world.completed > 1) return;
    world.held.delete(2);
    throw new ApiError(422, "upload.part-missing", "part 2 is missing");
  };
  const transfer = world.transfer(file);
  await transfer.run();
  assert.equal(transfer.phase, "done");
  assert.equal(world.completed, 2);
  await whole(world, file);
});

test("a refusal for good stops all parts and keeps the server's words", async () => {
  const world = new World();
  const deps = world.deps();
  deps.server.createUpload = async () => {
    throw new ApiError(507, "upload.quota", "Your room is used up.");
  };
  const transfer = new Transfer(
    new TestFile(10),
    { draft: { title: "t", visibility: "public" } },
    deps,
    new Slots(3),
    () => {},
  );
  await transfer.run();
  assert.equal(transfer.phase, "failed");
  assert.equal(transfer.refused?.code, "upload.quota");
  assert.deepEqual(world.sleeps, []);

  const out = new World();
  const signedOut = out.deps();
  signedOut.server.sign = async () => {
    throw new ApiError(401, "sign-in", "Sign in first.");
  };
  const stopped = new Transfer(
    new TestFile(95),
    { draft: { title: "t", visibility: "public" } },
    signedOut,
    new Slots(3),
    () => {},
  );
  await stopped.run();
  assert.equal(stopped.failure, "upload-signed-out");
});

test("a fingerprint is short and differs by size, time and name", () => {
  const file = { name: "云".repeat(300), size: 5, type: "", lastModified: 7, slice: () => new Blob() };
  assert.ok(fingerprint(file).length <= 128);
  assert.notEqual(fingerprint(file), fingerprint({ ...file, size: 6 }));
  assert.notEqual(fingerprint(file), fingerprint({ ...file, lastModified: 8 }));
  assert.equal(fingerprint({ ...file, name: "a.mov" }), "5-7-a.mov");
});

test("no character is cut in two, however many units it has", () => {
  const family = "\u{1F468}\u200D\u{1F469}\u200D\u{1F467}";
  assert.equal(cut(`${"x".repeat(198)}${family}`, 200), "x".repeat(198));
  assert.equal(cut(`${"x".repeat(195)}${family}y`, 200), `${"x".repeat(195)}${family}`);
  assert.equal(cut("e\u0301", 1), "");
  const file = {
    name: `${"x".repeat(105)}\u{1F327}\u{1F327}.mp4`,
    size: 1234567,
    lastModified: 1700000000000,
    type: "",
    slice: () => new Blob(),
  };
  for (let pad = 0; pad < 4; pad += 1) {
    const text = fingerprint({ ...file, name: "x".repeat(pad) + file.name });
    assert.ok([...text].length <= 128 && !/[\uD800-\uDBFF]$/.test(text), text);
  }
});

test("the beginning and the end of a file go first, and each part goes once", () => {
  const MIB = 1024 * 1024;
  // The same cases as the server's.
  const early = (size: number, part: number, count: number) => inOrder(size, part).slice(0, count);
  assert.deepEqual(early(40 * MIB, 8 * MIB, 3), [1, 5, 2]);
  assert.deepEqual(early(40 * MIB + 1, 8 * MIB, 4), [1, 5, 6, 2]);
  assert.deepEqual(inOrder(32 * MIB, 8 * MIB), [1, 2, 3, 4]);
  assert.deepEqual(early(32 * MIB, MIB, 3), [1, 32, 2]);
  assert.deepEqual(early(100 * MIB, MIB, 4), [1, 99, 100, 2]);
  for (const size of [1, 9, 10, 49, 50, 51, 1234]) {
    const sorted = inOrder(size, 10).sort((a, b) => a - b);
    assert.deepEqual(
      sorted,
      Array.from({ length: Math.ceil(size / 10) }, (_, index) => index + 1),
    );
  }
});
