// Clips that the tests need, made by ffmpeg once and kept beside the packages.

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { link, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const FOLDER = fileURLToPath(new URL("node_modules/.cache/clips", import.meta.url));

/**
 * Gives what `write` makes its place. Two workers may make the same file at once: the first one
 * stays, because a browser refuses to read a file that changed after it was chosen.
 */
async function keep(path: string, write: (draft: string) => Promise<unknown>) {
  if (existsSync(path)) return path;
  await mkdir(dirname(path), { recursive: true });
  const draft = join(dirname(path), `${process.pid}-${basename(path)}`);
  try {
    await write(draft);
    await link(draft, path).catch((error) => {
      if (error.code !== "EEXIST") throw error;
    });
  } finally {
    await rm(draft, { force: true });
  }
  return path;
}

/** The clip's path: `name` with its extension, made of these ffmpeg arguments. */
async function make(name: string, args: string[]) {
  const key = createHash("sha256").update(args.join("\0")).digest("hex").slice(0, 12);
  return keep(join(FOLDER, key, name), (draft: string) =>
    run("ffmpeg", ["-hide_banner", "-loglevel", "error", "-nostdin", "-y", ...args, draft]),
  );
}

/** How long the ramp of `ramp` and its kin takes from black to white. */
export const SECONDS = 8;

/**
 * A moving picture whose right half grows from black to white over its length, so that a frame
 * tells its own time; with a tone.
 */
function picture(size: string, seconds = SECONDS, rate = 25) {
  const [width, height] = size.split("x").map(Number);
  return [
    "-f",
    "lavfi",
    "-i",
    `testsrc2=s=${size}:r=${rate}:d=${seconds}`,
    "-f",
    "lavfi",
    "-i",
    `color=white:s=${width / 2}x${height}:r=${rate}:d=${seconds},fade=t=in:st=0:d=${seconds}`,
    "-f",
    "lavfi",
    "-i",
    `sine=frequency=440:sample_rate=48000:duration=${seconds}`,
    "-filter_complex",
    `[0:v][1:v]overlay=x=${width / 2}:shortest=1,format=yuv420p[v]`,
    "-map",
    "[v]",
    "-map",
    "2:a",
  ];
}

const H264 = ["-c:v", "libx264", "-preset", "veryfast", "-g", "50", "-keyint_min", "50", "-sc_threshold", "0"];
const AAC = ["-c:a", "aac", "-b:a", "96k", "-ac", "2"];

/** H.264/AAC MP4 with the index at its end, as cameras and editors write it: plays at once. */
export const instant = (name = "Rain on the roof.mp4") =>
  make(name, [...picture("640x360"), ...H264, ...AAC, "-shortest"]);

/** Sound at full scale, 0 LUFS: far louder than films are. */
export const shout = (name = "shout.m4a") =>
  make(name, ["-f", "lavfi", "-i", `aevalsrc=sin(2*PI*997*t)|sin(2*PI*997*t):s=48000:d=${SECONDS}`, ...AAC]);

/** Text as an input of ffmpeg. */
const written = (format: string, text: string) => [
  "-f",
  format,
  "-i",
  `data:text/plain;base64,${Buffer.from(text).toString("base64")}`,
];

/** The same with subtitles in two languages and two chapters. */
export const subtitled = (name = "subtitled.mp4") => {
  const cue = (text: string) => written("srt", `1\n00:00:01,000 --> 00:00:07,000\n${text}\n`);
  const chapter = (from: number, until: number, title: string) =>
    `[CHAPTER]\nTIMEBASE=1/1\nSTART=${from}\nEND=${until}\ntitle=${title}\n`;
  const marks = `;FFMETADATA1\n${chapter(0, 4, "The roof & <b>rain</b>")}${chapter(4, SECONDS, "第二章")}`;
  const moving = picture("640x360");
  const inputs = moving.indexOf("-filter_complex");
  return make(name, [
    ...moving.slice(0, inputs),
    ...cue("Regen <i>auf</i> dem Dach & a < b"),
    ...cue("Rain on the roof"),
    ...written("ffmetadata", marks),
    ...moving.slice(inputs),
    ...["-map", "3", "-map", "4", "-map_metadata", "5", ...H264, ...AAC, "-c:s", "mov_text"],
    ...["-metadata:s:s:0", "language=ger", "-metadata:s:s:1", "language=eng"],
  ]);
};

/** English and Chinese sound, of which the Chinese is silent in its second half. */
export const bilingual = (name = "bilingual.mp4") => {
  const moving = picture("640x360");
  const inputs = moving.indexOf("-filter_complex");
  return make(name, [
    ...moving.slice(0, inputs),
    ...["-f", "lavfi", "-i", `aevalsrc=sin(5529*t)*lt(t\\,${SECONDS / 2}):s=48000:d=${SECONDS}`],
    ...moving.slice(inputs),
    ...["-map", "3:a", ...H264, ...AAC],
    ...["-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=chi"],
  ]);
};

/** The same for a small screen, quick to encode: for tests that only need some video. */
export const tiny = (name = "tiny.mp4") => make(name, [...picture("160x90"), ...H264, ...AAC, "-shortest"]);

/** MPEG-4 Part 2 and MP3 in AVI: no browser plays it, so a rung must be made first. */
export const old = (name = "old camera.avi") =>
  make(name, [...picture("640x480"), "-c:v", "mpeg4", "-q:v", "4", "-g", "50", "-c:a", "libmp3lame", "-shortest"]);

/** The AVI, longer: time enough to watch it while its other rungs are made. */
export const oldAndLong = (name = "long old camera.avi") =>
  make(name, [...picture("640x480", 20), "-c:v", "mpeg4", "-q:v", "4", "-g", "50", "-c:a", "libmp3lame", "-shortest"]);

/** Must be encoded, and lasts long enough to be watched meanwhile: ten seconds nine times. */
export async function film(name = "film on tape.mkv") {
  const once = await make("once.mkv", [
    ...picture("1280x720", 10),
    ...["-c:v", "mpeg2video", "-b:v", "2M", "-g", "25", "-c:a", "mp2", "-shortest"],
  ]);
  return make(name, ["-stream_loop", "8", "-i", once, "-c", "copy"]);
}

/** HEVC, which Debian's Chromium does not decode; long enough that a version for others takes a while. */
export const phone = (name = "phone.mp4") =>
  make(name, [
    ...picture("640x360", 40),
    ...["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error:keyint=50"],
    ...["-tag:v", "hvc1", ...AAC, "-shortest"],
  ]);

/** Plays at once and lasts 40 s: time enough to jump about in; fine enough for a smaller rung to be worth making. */
export const stroll = (name = "A stroll.mp4") =>
  make(name, [...picture("848x480", 40), ...H264, "-crf", "18", ...AAC, "-shortest"]);

/** Plays while it is uploaded: an index at its end, and many parts. */
export const heavy = (name = "heavy.mp4") =>
  make(name, [
    ...["-f", "lavfi", "-i", "testsrc2=s=640x360:r=25:d=40,noise=alls=20:allf=t,format=yuv420p"],
    ...["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=40"],
    ...[...H264, "-preset", "ultrafast", "-b:v", "3M", ...AAC, "-shortest"],
  ]);

/** A tone that grows louder, with nothing to see. */
const tone = ["-f", "lavfi", "-i", `aevalsrc=0.8*t/${SECONDS}*sin(2764*t):s=44100:d=${SECONDS}`];

/** Sound alone that browsers play as it is, without a cover. */
export const podcast = (name = "podcast.m4a") => make(name, [...tone, ...AAC]);

/** Sound alone that must be encoded, with a red square as its cover. */
export const album = (name = "album.mp3") =>
  make(name, [
    ...tone,
    ...["-f", "lavfi", "-i", "color=red:s=600x600:d=1", "-map", "0", "-map", "1", "-frames:v", "1", "-c:v", "mjpeg"],
    ...["-disposition:v", "attached_pic", "-c:a", "libmp3lame"],
  ]);

/** Plays at once, held upright as phones are. */
export const upright = (name = "upright.mp4") => make(name, [...picture("180x320"), ...H264, ...AAC, "-shortest"]);

/** H.264/AAC of 720 lines: plays at once, and gets smaller rungs afterwards. */
export const tall = (name = "tall.mp4") => make(name, [...picture("1280x720"), ...H264, ...AAC, "-shortest"]);

/**
 * White flashes of 0.2 s with a beep, at each whole second from 1 s on. `late` seconds: how much
 * the sound is shifted against the picture, so that a measure can be shown to see it. The noise gives
 * it enough bits a second for a smaller rung to be worth making.
 */
function flashing(late: number) {
  const seconds = 4;
  const gate = "lt(mod(t,1),0.2)*gte(t,0.99)";
  return [
    "-f",
    "lavfi",
    "-i",
    `color=black:s=640x480:r=25:d=${seconds},drawbox=color=white:t=fill:enable='${gate}',noise=alls=7:allf=t`,
    ...(late ? ["-itsoffset", String(late)] : []),
    "-f",
    "lavfi",
    "-i",
    `aevalsrc='0.8*sin(2*PI*1000*t)*${gate}':s=48000:d=${seconds}`,
    "-map",
    "0:v",
    "-map",
    "1:a",
    "-pix_fmt",
    "yuv420p",
  ];
}

/** Flashes and beeps as an instant H.264/AAC MP4. */
export const flashes = (late = 0) => make(`flashes ${late}.mp4`, [...flashing(late), ...H264, ...AAC]);

/** Flashes and beeps as VP8/Opus WebM, none of which is kept: picture and sound are encoded again. */
export const flashesAnew = () =>
  make("flashes.webm", [
    ...flashing(0),
    "-c:v",
    "libvpx",
    "-b:v",
    "1M",
    "-deadline",
    "realtime",
    "-cpu-used",
    "8",
    "-c:a",
    "libopus",
  ]);

/**
 * A small clip followed by a free box that makes it `megabytes` long: a valid file whose parts all
 * differ. `salt` makes another file of the same name and size.
 */
export async function large(megabytes: number, salt = 0, name = "large.mp4") {
  const start = await tiny("start.mp4");
  const head = await readFile(start);
  const free = Buffer.alloc(megabytes * 1_000_000 - head.length);
  free.writeUInt32BE(free.length, 0);
  free.write("free", 4, "latin1");
  for (let at = 8; at + 8 <= free.length; at += 4096) {
    free.writeUInt32BE(at, at);
    free.writeUInt32BE(salt, at + 4);
  }
  const path = join(FOLDER, `large-${megabytes}-${salt}`, name);
  return keep(path, (draft: string) => writeFile(draft, Buffer.concat([head, free])));
}

/** Begins as an MP4 does, so that browsers send it, and holds no film. */
export const broken = (name = "no film.mov") =>
  keep(join(FOLDER, name), (draft: string) =>
    writeFile(draft, `\0\0\0\x10ftypisom\0\0\0\0${"not a film ".repeat(2000)}`),
  );
