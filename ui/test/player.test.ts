// The player's pure parts: places, keys, what is remembered, renditions.

import assert from "node:assert/strict";
import { test } from "node:test";
import { exact, query, stretch } from "../src/clip";
import { choices, place, remember, SPEEDS, type Store, setPlace, wish, wished } from "../src/player/keep";
import { command, type Focus, type Stroke } from "../src/player/keys";
import { names, pick, sharpestFirst, step } from "../src/player/levels";
import { asked, clamped, leaving, parseTime, resuming, shown } from "../src/player/time";
import { side } from "../src/player/touch";

test("a time is read in every way that people write it", () => {
  const table: [string, number | null][] = [
    ["90", 90],
    ["90.5", 90.5],
    ["90s", 90],
    ["1m30s", 90],
    ["1m", 60],
    ["1h2m3s", 3723],
    ["1h", 3600],
    ["2H", 7200],
    ["1:30", 90],
    ["1:30.25", 90.25],
    ["1m30.5s", 90.5],
    ["1m30", 90],
    ["01:02:03", 3723],
    [" 7 ", 7],
    ["0", 0],
    ["", null],
    ["abc", null],
    ["-5", null],
    ["1e9", null],
    ["NaN", null],
    ["1s2m", null],
    ["1:2:3:4", null],
    ["Infinity", null],
    ["9".repeat(400), null],
  ];
  for (const [text, seconds] of table) assert.equal(parseTime(text), seconds, JSON.stringify(text));
});

test("an address asks for a place by query first, then by fragment", () => {
  assert.equal(asked("?t=90", ""), 90);
  assert.equal(asked("?x=1&t=1m30s", "#t=5"), 90);
  assert.equal(asked("", "#t=90"), 90);
  assert.equal(asked("", "#t=90,120"), 90);
  assert.equal(asked("?t=nonsense", "#t=5"), 5);
  assert.equal(asked("", "#comment-5"), null);
  assert.equal(asked("?t=", ""), null);
  assert.equal(asked("?from=1:30&to=2:00", "#t=5"), 90);
  assert.equal(asked("?from=90&to=120&t=100", ""), 100);
  assert.equal(asked("?to=120", ""), 0);
  assert.equal(asked("?from=x&to=120", ""), 0);
});

test("a clip is what there is of it", () => {
  const table: [string, number, ReturnType<typeof stretch>][] = [
    ["?from=10&to=20", 40, { from: 10, to: 20 }],
    ["?from=0:10.5&to=1m", 90, { from: 10.5, to: 60 }],
    ["?to=20", 40, { from: 0, to: 20 }],
    ["?from=x&to=20", 40, { from: 0, to: 20 }],
    ["?from=10", 40, null],
    ["?from=10&to=40", 40, null],
    ["?from=10&to=500", 40, null],
    ["?from=10&to=500", 0, { from: 10, to: 500 }],
    ["?from=20&to=10", 40, null],
    ["?from=20&to=20", 40, null],
    ["?from=50&to=60", 40, null],
    ["?from=10&to=<b>", 40, null],
    ["", 40, null],
  ];
  for (const [search, total, clip] of table) assert.deepEqual(stretch(search, total), clip, search);
  assert.equal(exact(83.5), "1:23.5");
  assert.equal(exact(60), "1:00");
  assert.equal(exact(3723.0625), "1:02:03.06");
  assert.equal(exact(59.999), "1:00");
  assert.equal(query(0.1 + 0.2, 20), "?from=0.3&to=20");
});

test("a click on a video counts once, for that video, for a minute", () => {
  const kept = store();
  assert.equal(wished(kept, "a", 0), false);
  wish(kept, "a", 1000);
  assert.equal(wished(kept, "b", 1000), false);
  assert.equal(wished(kept, "a", 2000), true);
  assert.equal(wished(kept, "a", 2000), false);
  wish(kept, "a", 1000);
  assert.equal(wished(kept, "a", 61_000), false);
  wish(null, "a", 1000);
  assert.equal(wished(null, "a", 1000), false);
  assert.equal(wished(store({ "virga:wish": '{"id":"a","at":"now"}' }), "a", 1000), false);
});

test("a place past the end becomes the last second", () => {
  assert.equal(clamped(5, 60), 5);
  assert.equal(clamped(99, 60), 59);
  assert.equal(clamped(99, 0.4), 0);
  assert.equal(clamped(99, Number.NaN), 99);
  assert.equal(clamped(99, 0), 99);
  assert.equal(clamped(-3, 60), 0);
  assert.equal(clamped(Number.NaN, 60), 0);
});

test("one goes on only where something was watched and something is left", () => {
  assert.equal(leaving(9.9, 100), "nothing");
  assert.equal(leaving(10, 100), "keep");
  assert.equal(leaving(95, 100), "keep");
  assert.equal(leaving(95.1, 100), "forget");
  assert.equal(leaving(12, 0), "keep");
  assert.equal(leaving(Number.NaN, 100), "nothing");
  assert.equal(resuming(null, 100), null);
  assert.equal(resuming(9, 100), null);
  assert.equal(resuming(50, 100), 50);
  assert.equal(resuming(96, 100), null);
  assert.equal(resuming(Number.NaN, 100), null);
});

test("the time shown is the second that runs", () => {
  const table: [number, string][] = [
    [0, "0:00"],
    [12.9, "0:12"],
    [79.5, "1:19"],
    [79.9999, "1:20"],
    [59.9999, "1:00"],
    [220, "3:40"],
    [3723, "1:02:03"],
    [Number.NaN, "0:00"],
    [-4, "0:00"],
  ];
  for (const [seconds, text] of table) assert.equal(shown(seconds), text);
});

const stroke = (key: string, more: Partial<Stroke> = {}): Stroke => ({
  key,
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  shiftKey: false,
  isComposing: false,
  repeat: false,
  ...more,
});

test("every key does what people are used to", () => {
  const table: [string, string][] = [
    [" ", "play"],
    ["k", "play"],
    ["K", "play"],
    ["j", "back10"],
    ["l", "ahead10"],
    ["ArrowLeft", "back5"],
    ["ArrowRight", "ahead5"],
    ["m", "mute"],
    ["f", "full"],
    ["t", "theatre"],
    ["i", "pip"],
    ["c", "texts"],
    ["0", "tenth0"],
    ["9", "tenth9"],
    [",", "frame-"],
    [".", "frame+"],
    ["<", "slower"],
    [">", "faster"],
    ["?", "help"],
  ];
  for (const [key, does] of table) assert.equal(command(stroke(key), "none", false), does, key);
  for (const [key, does] of [
    ["ArrowUp", "louder"],
    ["ArrowDown", "quieter"],
    ["Home", "start"],
    ["End", "end"],
  ] as const) {
    assert.equal(command(stroke(key), "none", true), does, key);
    assert.equal(command(stroke(key), "none", false), null, `${key} scrolls the page`);
  }
  for (const key of ["b", "d", "x", "Enter", "Escape", "Tab", "F5", "constructor", "Process"]) {
    assert.equal(command(stroke(key), "none", true), null, key);
  }
});

test("keys that belong to something else are left to it", () => {
  const keys = [" ", "k", "ArrowLeft", "ArrowUp", "Home", "5", "?", "<"];
  for (const key of keys) {
    assert.equal(command(stroke(key), "text", true), null, `${key} in a text`);
    for (const held of ["ctrlKey", "metaKey", "altKey", "isComposing"] as const) {
      assert.equal(command(stroke(key, { [held]: true }), "none", true), null, `${held} ${key}`);
    }
  }
  const table: [string, Focus, string | null][] = [
    [" ", "press", null],
    ["k", "press", "play"],
    ["ArrowLeft", "press", "back5"],
    [" ", "range", "play"],
    ["ArrowLeft", "range", null],
    ["ArrowUp", "range", null],
    ["Home", "range", null],
    ["5", "range", "tenth5"],
  ];
  for (const [key, focus, does] of table) assert.equal(command(stroke(key), focus, true), does, `${key} on ${focus}`);
  assert.equal(command(stroke("N", { shiftKey: true }), "none", true), null);
  assert.equal(command(stroke("K", { shiftKey: true }), "none", true), null);
  assert.equal(command(stroke("?", { shiftKey: true }), "none", true), "help");
  assert.equal(command(stroke(">", { shiftKey: true }), "none", true), "faster");
});

test("a held key repeats steps but not switches", () => {
  for (const key of [" ", "k", "m", "f", "t", "i", "?"])
    assert.equal(command(stroke(key, { repeat: true }), "none", true), null, key);
  for (const key of ["j", "l", "ArrowLeft", "ArrowUp", "."])
    assert.notEqual(command(stroke(key, { repeat: true }), "none", true), null, key);
});

function store(start: Record<string, string> = {}): Store & { map: Record<string, string> } {
  const map = { ...start };
  const setItem = (key: string, value: string) => {
    map[key] = value;
  };
  return { map, getItem: (key) => map[key] ?? null, setItem };
}

test("choices come back, and what cannot be one is as at first", () => {
  const first = { volume: 1, muted: false, speed: 1, lines: 0, keys: true, autoplay: true };
  assert.deepEqual(choices(store()), first);
  assert.deepEqual(choices(null), first);
  const kept = store();
  const mine = { volume: 0.35, muted: true, speed: 1.5, lines: 720, keys: false, autoplay: false };
  remember(kept, mine);
  assert.deepEqual(choices(kept), mine);
  for (const bad of [
    "",
    "[]",
    "null",
    "7",
    "{",
    '{"volume":9,"muted":"yes","speed":1e9,"lines":-1,"keys":0}',
    '{"volume":null,"speed":"2","lines":1.5}',
  ]) {
    assert.deepEqual(choices(store({ "virga:player": bad })), first, bad);
  }
  const full: Store = {
    getItem: () => {
      throw new Error("shut");
    },
    setItem: () => {
      throw new Error("full");
    },
  };
  assert.deepEqual(choices(full), first);
  remember(full, mine);
});

test("places are kept per video, and the oldest goes when there are many", () => {
  const kept = store();
  assert.equal(place(kept, "a"), null);
  setPlace(kept, "a", 80.26);
  setPlace(kept, "b", 12);
  assert.equal(place(kept, "a"), 80.3);
  setPlace(kept, "a", null);
  assert.equal(place(kept, "a"), null);
  assert.equal(place(kept, "b"), 12);
  for (let n = 0; n < 200; n += 1) setPlace(kept, `v${n}`, 20 + n);
  assert.equal(place(kept, "b"), null);
  assert.equal(place(kept, "v0"), 20);
  assert.equal(place(kept, "v199"), 219);
  assert.equal(place(store({ "virga:places": '{"a":"12"}' }), "a"), null);
  assert.equal(place(kept, "constructor"), null);
});

const level = (width: number, height: number, bitrate = 1e6) => ({ width, height, bitrate });

test("renditions are known by their shorter side, and by their rate where that is not enough", () => {
  assert.deepEqual(names([level(1280, 720), level(640, 360)]), ["720p", "360p"]);
  assert.deepEqual(names([level(720, 1280), level(360, 640)]), ["720p", "360p"]);
  assert.deepEqual(names([level(1280, 720, 3_400_000), level(1280, 720, 1_200_000), level(0, 240)]), [
    "720p · 3.4 Mb/s",
    "720p · 1.2 Mb/s",
    "240p",
  ]);
  assert.deepEqual(sharpestFirst([level(640, 360), level(1280, 720, 1), level(1280, 720, 2)]), [2, 1, 0]);
});

test("an earlier choice of quality takes what comes nearest without being sharper", () => {
  const ladder = [level(640, 360), level(1280, 720), level(426, 240)];
  assert.equal(pick(ladder, 0), -1);
  assert.equal(pick(ladder, 720), 1);
  assert.equal(pick(ladder, 1080), 1);
  assert.equal(pick(ladder, 480), 0);
  assert.equal(pick(ladder, 144), 2);
  assert.equal(pick([], 720), -1);
});

test("speeds go up and down in steps and stop at the ends", () => {
  assert.equal(step(SPEEDS, 1, true), 1.25);
  assert.equal(step(SPEEDS, 1, false), 0.75);
  assert.equal(step(SPEEDS, 3, true), 3);
  assert.equal(step(SPEEDS, 0.25, false), 0.25);
  assert.equal(step(SPEEDS, 1.1, false), 1);
});

test("a tap hits a side or the middle", () => {
  assert.deepEqual(
    [10, 50, 90].map((x) => side(x, 100)),
    [-1, 0, 1],
  );
});
