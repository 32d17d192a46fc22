// What keeps a film going past the end of a signed address.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Addresses } from "../src/player/addresses";

const at = (n: number, track = "720p") => `https://bucket.example/v/film/a1-1/${track}.cmaf?sign=${n}`;
const playlist = (track: string) => `https://site.example/media/film/${track}/index.m3u8`;

class World {
  time = 0;
  asked = 0;
  fails = false;
  tracks: Record<string, string> = {};
  readonly addresses: Addresses;

  constructor(holds = 10) {
    this.addresses = new Addresses("/media/film/urls.json", holds, {
      now: () => this.time,
      ask: async (url) => {
        assert.equal(url, "/media/film/urls.json");
        this.asked += 1;
        if (this.fails) throw new Error("away");
        return { renew_in: 8, tracks: { ...this.tracks } };
      },
    });
  }
}

test("an address is kept while it holds and swapped before it ends", async () => {
  const world = new World();
  world.tracks = { "720p": at(2), audio: at(2, "audio") };
  world.addresses.read(playlist("720p"), at(1));
  world.addresses.read(playlist("audio"), at(1, "audio"));
  world.time = 7400;
  assert.equal(world.addresses.swap(at(1)), at(1), "no question, not even a pause");
  world.time = 7600;
  const both = await Promise.all([world.addresses.swap(at(1)), world.addresses.swap(at(1, "audio"))]);
  assert.deepEqual(both, [at(2), at(2, "audio")]);
  assert.equal(world.asked, 1, "one question for all tracks");
  world.time = 15_500;
  assert.equal(world.addresses.swap(at(1)), at(2));
  world.tracks = { "720p": at(3) };
  world.time = 15_700;
  assert.equal(await world.addresses.swap(at(1)), at(3));
});

test("a long-lived address is swapped ten seconds before it ends", async () => {
  const world = new World(600);
  world.tracks = { "720p": at(2) };
  world.addresses.read(playlist("720p"), at(1));
  world.time = 589_000;
  assert.equal(world.addresses.swap(at(1)), at(1));
  world.time = 590_500;
  assert.equal(await world.addresses.swap(at(1)), at(2));
});

test("what has another object behind it, or no address at all, is left as it is", async () => {
  const world = new World();
  world.addresses.read(playlist("720p"), at(1));
  world.tracks = { "720p": at(2).replace("a1-1", "a9-1") };
  world.time = 20_000;
  assert.equal(await world.addresses.swap(at(1)), at(1));
  assert.equal(
    world.addresses.swap("https://site.example/media/film/audio/3.m4s"),
    "https://site.example/media/film/audio/3.m4s",
  );
  world.addresses.read(playlist("360p"), "/media/film/360p/0.m4s");
  assert.equal(world.addresses.swap("/media/film/360p/0.m4s"), "/media/film/360p/0.m4s");
});

test("with nobody to ask the old address is tried, and soon the question again", async () => {
  const world = new World();
  world.addresses.read(playlist("720p"), at(1));
  world.fails = true;
  world.time = 10_000;
  assert.equal(await world.addresses.swap(at(1)), at(1));
  assert.equal(world.addresses.swap(at(1)), at(1));
  assert.equal(world.asked, 1);
  world.fails = false;
  world.tracks = { "720p": at(2) };
  world.time = 13_100;
  assert.equal(await world.addresses.swap(at(1)), at(2));
});
