// hls.js and its settings. Before the first play it loads one segment, and none where the browser
// saves data: nobody may ever press play, and somebody pays for the bytes.

import type Hls from "hls.js";
import type { HlsConfig } from "hls.js";
import type { Addresses } from "./addresses";

/** Requested at once, so that it arrives while the page is still being read. */
export const engine = import("hls.js").then((module) => module.default);

/** Seconds loaded ahead, at least and at most. Left to itself the engine loads ten minutes. */
const AHEAD = { maxBufferLength: 20, maxMaxBufferLength: 40 };
/** The same before the first play: less than a segment lasts, so that one is enough. */
const AHEAD_UNPLAYED = { maxBufferLength: 0.5, maxMaxBufferLength: 0.5 };
/** Bits a second to begin with, where the browser does not report less. */
const ESTIMATE = 3_000_000;

/** What the browser reports of the connection; not every browser does. */
interface Connection {
  saveData?: boolean;
  downlink?: number;
}
const connection = (): Connection => (navigator as { connection?: Connection }).connection ?? {};

/** The viewer asked the browser to save data. */
export const savesData = (): boolean => connection().saveData === true;

/**
 * Until the first play: when a segment of each track is on its way, the engine asks for no other. Its
 * limits alone do not hold for sound, of which it takes a second one before it has played the first.
 */
export class Restraint {
  readonly #hls: Hls;
  readonly #asked = new Set<string>();
  readonly #there = new Set<string>();
  #over = false;

  constructor(Engine: typeof Hls, hls: Hls, video: HTMLVideoElement) {
    this.#hls = hls;
    const { Events } = Engine;
    hls.on(Events.FRAG_LOADING, (_, { frag }) => {
      if (this.#over || typeof frag.sn !== "number") return;
      this.#asked.add(frag.type);
      if (this.#all(this.#asked)) hls.pauseBuffering();
    });
    // The loaded segment is next to the position: the next segment contains it.
    hls.on(Events.FRAG_BUFFERED, (_, { frag }) => {
      this.#there.add(frag.type);
      if (!this.#over && this.#all(this.#there) && !holds(video)) this.more();
    });
    // The requested segment will not arrive.
    for (const event of [Events.ERROR, Events.FRAG_LOAD_EMERGENCY_ABORTED, Events.LEVEL_SWITCHING] as const) {
      hls.on(event, () => this.more());
    }
  }

  #all(types: Set<string>): boolean {
    return types.has("main") && (this.#hls.audioTracks.length === 0 || types.has("audio"));
  }

  /** Something else than the first segments is wanted: another place, another quality. */
  more(): void {
    this.#asked.clear();
    this.#there.clear();
    this.#hls.resumeBuffering();
  }

  /** It plays: from now on the engine loads ahead. */
  end(): void {
    this.#over = true;
    Object.assign(this.#hls.config, AHEAD);
    this.more();
  }
}

/** Seconds after a place that a browser wants before it shows the picture there. */
const LEAD = 0.5;

/** Whether the current position can be shown: it and a little after it are buffered. */
export function holds({ buffered, currentTime, duration }: HTMLVideoElement): boolean {
  // Nothing follows the end.
  const until = Math.min(currentTime + LEAD, Math.max(currentTime, duration - LEAD));
  for (let n = 0; n < buffered.length; n += 1) {
    if (buffered.start(n) <= currentTime && until < buffered.end(n)) return true;
  }
  return false;
}

/** Opens a request at the address that is valid now; the engine adds its range afterwards. */
function swapper(addresses: Addresses) {
  return (xhr: XMLHttpRequest, url: string): void | Promise<void> => {
    const fresh = addresses.swap(url);
    const open = (at: string) => {
      if (at !== url) xhr.open("GET", at, true);
    };
    return typeof fresh === "string" ? open(fresh) : fresh.then(open);
  };
}

/** `at` below 0: from the beginning. `load`: without being asked. */
export function settings(
  addresses: Addresses,
  how: { at: number; played: boolean; load: boolean },
): Partial<HlsConfig> {
  const { downlink } = connection();
  return {
    enableWorker: false,
    // The page's own <track> elements show subtitles, also where the engine does not play.
    subtitleTrackController: undefined,
    subtitleStreamController: undefined,
    capLevelToPlayerSize: true,
    ...(how.played ? AHEAD : AHEAD_UNPLAYED),
    backBufferLength: 30,
    // It would load a segment only to measure the connection.
    testBandwidth: false,
    abrEwmaDefaultEstimate: downlink ? Math.min(ESTIMATE, downlink * 1e6) : ESTIMATE,
    autoStartLoad: how.load,
    startPosition: how.at,
    xhrSetup: swapper(addresses),
  };
}
