// What stays from one visit to the next, in this browser: how one likes to watch, and the place
// reached in each video. A browser that stores nothing changes nothing else.

export interface Choices {
  /** 0 to 1. */
  volume: number;
  muted: boolean;
  speed: number;
  /** Lines of the chosen picture; 0: as the line allows. */
  lines: number;
  /** Keys without a modifier steer the player. */
  keys: boolean;
  /** A video that was clicked on plays when its page is there. */
  autoplay: boolean;
}

/** The part of `Storage` that is used. */
export type Store = Pick<Storage, "getItem" | "setItem">;

export const SPEEDS = [0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.5, 3];

const CHOICES = "virga:player";
const PLACES = "virga:places";
const WISH = "virga:wish";
/** A page that takes longer to come was given up, and is opened by another way now. */
const WISH_MS = 60_000;
/** Videos whose place is remembered; the one longest not watched goes first. */
const MANY = 200;

/** The browser's storage, or null where it is shut. */
export function storage(): Store | null {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}

export function read(store: Store | null, key: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(store?.getItem(key) ?? "{}");
    return value && typeof value === "object" && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

export function write(store: Store | null, key: string, value: unknown): void {
  try {
    store?.setItem(key, JSON.stringify(value));
  } catch {
    // Full or shut: then it is for this visit only.
  }
}

/** The choices of earlier visits; whatever cannot be one is as at first. */
export function choices(store: Store | null): Choices {
  const { volume, muted, speed, lines, keys, autoplay } = read(store, CHOICES);
  return {
    volume: typeof volume === "number" && volume >= 0 && volume <= 1 ? volume : 1,
    muted: muted === true,
    speed: typeof speed === "number" && SPEEDS.includes(speed) ? speed : 1,
    lines: typeof lines === "number" && Number.isInteger(lines) && lines > 0 ? lines : 0,
    keys: keys !== false,
    autoplay: autoplay !== false,
  };
}

export function remember(store: Store | null, kept: Choices): void {
  write(store, CHOICES, kept);
}

/** Notes that someone clicked on a video to see it. */
export function wish(store: Store | null, id: string, now: number): void {
  write(store, WISH, { id, at: now });
}

/** Whether this page was opened by such a click; it counts once. */
export function wished(store: Store | null, id: string, now: number): boolean {
  const found = read(store, WISH);
  if (found.id !== id) return false;
  write(store, WISH, {});
  return typeof found.at === "number" && Math.abs(now - found.at) < WISH_MS;
}

/** The place reached in a video, in seconds. */
export function place(store: Store | null, id: string): number | null {
  const places = read(store, PLACES);
  const at = Object.hasOwn(places, id) ? places[id] : null;
  return typeof at === "number" && at > 0 ? at : null;
}

/** Notes the place reached; null forgets it. */
export function setPlace(store: Store | null, id: string, at: number | null): void {
  const places = Object.entries(read(store, PLACES)).filter(([other]) => other !== id);
  if (at !== null) places.push([id, Math.round(at * 10) / 10]);
  write(store, PLACES, Object.fromEntries(places.slice(-MANY)));
}
