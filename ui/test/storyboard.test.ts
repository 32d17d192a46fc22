// Storyboards: what cues say, which tile holds, and which a card shows.

import assert from "node:assert/strict";
import { test } from "node:test";
import { taste, tileAt, tiles } from "../src/storyboard";

const BASE = "https://virga.example/media/g/abc/0000000abcd/storyboard.vtt";
const TEXT = `WEBVTT

00:00:00.000 --> 00:00:02.020
storyboard-0.jpg#xywh=0,0,160,90

01:00:02.020 --> 01:00:04.000
storyboard-1.jpg#xywh=160,90,160,90
`;

test("cues are read, and what is none is passed over", () => {
  const read = tiles(TEXT, BASE);
  assert.deepEqual(
    read.map(({ from, x, y }) => [from, x, y]),
    [
      [0, 0, 0],
      [3602.02, 160, 90],
    ],
  );
  assert.equal(read[1]?.sheet, "https://virga.example/media/g/abc/0000000abcd/storyboard-1.jpg");
  assert.deepEqual(tiles("<!doctype html>", BASE), []);
});

test("a tile holds until the next one", () => {
  const read = tiles(TEXT, BASE);
  assert.equal(tileAt(read, 3602)?.from, 0);
  assert.equal(tileAt(read, 3602.02)?.from, 3602.02);
  assert.equal(tileAt([], 1), undefined);
});

test("a card shows a few tiles in order, from three sheets at most", () => {
  const all = Array.from({ length: 300 }, (_, n) => ({
    from: n,
    sheet: String(Math.floor(n / 25)),
    x: 0,
    y: 0,
    width: 160,
    height: 90,
  }));
  const some = taste(all, 8);
  assert.equal(some.length, 8);
  assert.deepEqual([...new Set(some.map((tile) => tile.sheet))], ["2", "6", "9"]);
  assert.deepEqual(
    some.map((tile) => tile.from),
    some.map((tile) => tile.from).sort((a, b) => a - b),
  );
  assert.equal(taste(all.slice(0, 3), 8).length, 3);
  assert.deepEqual(taste([], 8), []);
});
