// Renditions as a viewer reads and chooses them.

import type Hls from "hls.js";

export interface Level {
  width: number;
  height: number;
  bitrate: number;
}

/** The number by which a picture is known: its shorter side, so that upright films count alike. */
export const lines = (level: Level): number => Math.min(level.width || level.height, level.height);

/** `720p` for each; with its rate where two would read the same. */
export function names(levels: readonly Level[]): string[] {
  const plain = levels.map((level) => `${lines(level)}p`);
  return plain.map((name, n) => {
    const alone = plain.indexOf(name) === plain.lastIndexOf(name);
    return alone ? name : `${name} · ${((levels[n]?.bitrate ?? 0) / 1e6).toFixed(1)} Mb/s`;
  });
}

/** The levels' places in their list, the sharpest first. */
export function sharpestFirst(levels: readonly Level[]): number[] {
  return levels
    .map((level, n) => ({ n, lines: lines(level), bitrate: level.bitrate }))
    .sort((a, b) => b.lines - a.lines || b.bitrate - a.bitrate)
    .map(({ n }) => n);
}

/**
 * The level for a choice of earlier: the sharpest one that is no sharper; the least sharp one where
 * all are; -1 (as the line allows) for no choice.
 */
export function pick(levels: readonly Level[], wanted: number): number {
  if (wanted <= 0 || levels.length === 0) return -1;
  const order = sharpestFirst(levels);
  const fits = order.find((n) => lines(levels[n] as Level) <= wanted);
  return fits ?? order.at(-1) ?? -1;
}

/** The next speed in the list, one step up or down from the current one. */
export function step(list: readonly number[], now: number, up: boolean): number {
  const next = up ? list.find((value) => value > now + 0.001) : list.filter((value) => value < now - 0.001).at(-1);
  return next ?? now;
}

/** Plays a rendition from now on, or with -1 whatever the line allows. */
export function choose(hls: Hls, video: HTMLVideoElement, level: number): void {
  if (level < 0) {
    hls.loadLevel = -1;
  } else if (!video.paused) {
    // From the next segment on.
    hls.nextLevel = level;
  } else {
    // While paused, the new picture is wanted at once, and only a seek decodes it.
    const events = (hls.constructor as typeof Hls).Events;
    const shown = (_: string, { frag }: { frag: { type: string; level: number } }) => {
      if (frag.type !== "main" || frag.level !== level) return;
      hls.off(events.FRAG_BUFFERED, shown);
      // biome-ignore lint/correctness/noSelfAssign: setting the place seeks, to the same place too.
      if (video.paused) video.currentTime = video.currentTime;
    };
    hls.on(events.FRAG_BUFFERED, shown);
    hls.currentLevel = level;
  }
}
