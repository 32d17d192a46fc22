// How far picture and sound of a flashes clip are apart in this browser.
//
// The picture: the media time of the first white frame, read from the frames that are really shown.
// The sound: an audio worklet notes the audio clock's time of each onset; the same page notes pairs
// of audio clock and media clock all the while, which turn the onset into media time.

import type { Page } from "@playwright/test";
import { player } from "./player.ts";

const WORKLET = `
registerProcessor("onsets", class extends AudioWorkletProcessor {
  constructor() {
    super();
    this.quiet = 0;
  }
  process([input]) {
    const samples = input[0];
    if (!samples) return true;
    for (let n = 0; n < samples.length; n += 1) {
      if (Math.abs(samples[n]) < 0.1) {
        this.quiet += 1;
        continue;
      }
      // A loud sample after a tenth of a second of silence.
      if (this.quiet > sampleRate / 10) this.port.postMessage((currentFrame + n) / sampleRate);
      this.quiet = 0;
    }
    return true;
  }
});`;

const median = (numbers: number[]) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

/**
 * Plays the page's video, again where a busy machine dropped the frames that matter; the seconds by
 * which its sound comes after its picture, and at how many flashes that was measured.
 */
export async function soundAfterPicture(page: Page) {
  await page.mouse.click(5, 300);
  const seen = await player(page).evaluate(async (v: HTMLVideoElement, worklet: string) => {
    v.pause();
    const context = new AudioContext();
    await context.audioWorklet.addModule(`data:text/javascript,${encodeURIComponent(worklet)}`);
    const onsets: number[] = [];
    const ear = new AudioWorkletNode(context, "onsets");
    ear.port.onmessage = (event) => onsets.push(event.data);
    context.createMediaElementSource(v).connect(ear).connect(context.destination);
    await context.resume();

    const pairs: [number, number][] = [];
    const clock = setInterval(() => pairs.push([context.currentTime, v.currentTime]), 10);
    const flashes: { dark: number; white: number }[] = [];
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 8;
    const paint = canvas.getContext("2d", { willReadFrequently: true })!;
    let dark: number | null = null;
    const look: VideoFrameRequestCallback = (_, { mediaTime }) => {
      paint.drawImage(v, 0, 0, 8, 8);
      const white = paint.getImageData(4, 4, 1, 1).data[1] > 128;
      if (white && dark !== null) flashes.push({ dark, white: mediaTime });
      dark = white ? null : mediaTime;
      v.requestVideoFrameCallback(look);
    };
    v.requestVideoFrameCallback(look);
    v.muted = false;
    const exact = () => flashes.filter((flash) => flash.white - flash.dark < 0.05).length;
    for (let round = 0; round < 4 && exact() < 2; round += 1) {
      dark = null;
      const ended = new Promise((resolve) => v.addEventListener("ended", resolve, { once: true }));
      v.currentTime = 0;
      await v.play();
      await ended;
    }
    clearInterval(clock);
    await context.close();
    return { onsets, pairs, flashes };
  }, WORKLET);

  // The frame before must have been seen too, else the first white one may have been missed.
  const shown = seen.flashes.filter(({ dark, white }) => white - dark < 0.05).map(({ white }) => white);
  const gaps = seen.onsets.flatMap((at: number) => {
    const near = seen.pairs.filter(([audio, media]) => Math.abs(audio - at) < 0.4 && media > 0);
    const heard = at + median(near.map(([audio, media]) => media - audio));
    const flash = shown.find((white: number) => Math.abs(heard - white) < 0.4);
    return flash === undefined ? [] : [heard - flash];
  });
  return { gap: median(gaps), count: gaps.length };
}
