// Places in a video as addresses tell them, and which of them is worth coming back to.

/** Below this many seconds there is nothing to come back to. */
const FROM = 10;
/** Past this share of the video it counts as seen. */
const SEEN = 0.95;

/** Seconds of `90`, `90.5`, `90s`, `1m30s`, `1h2m3s`, `1:30`, `1:30.5` or `1:02:03`; null of anything else. */
export function parseTime(text: string): number | null {
  const words = text.trim().toLowerCase();
  const plain = /^(\d{1,9}(?:\.\d{1,6})?)s?$/.exec(words);
  if (plain) return Number(plain[1]);
  const units = /^(?:(\d{1,4})h)?(?:(\d{1,6})m)?(?:(\d{1,9}(?:\.\d{1,6})?)s?)?$/.exec(words);
  if (units && words) return Number(units[1] ?? 0) * 3600 + Number(units[2] ?? 0) * 60 + Number(units[3] ?? 0);
  const colons = /^(?:(\d{1,4}):)?(\d{1,3}):(\d{1,2}(?:\.\d{1,6})?)$/.exec(words);
  if (colons) return Number(colons[1] ?? 0) * 3600 + Number(colons[2]) * 60 + Number(colons[3]);
  return null;
}

/** The place that an address asks for: `?t=`, the start of a clip, else `#t=`; null when it asks for none. */
export function asked(search: string, hash: string): number | null {
  const all = new URLSearchParams(search);
  const query = all.get("t") ?? all.get("from");
  // A media fragment may also name an end: `#t=90,120`.
  const fragment = new URLSearchParams(hash.replace(/^#/, "")).get("t")?.split(",")[0];
  const at = query === null ? null : parseTime(query);
  // A clip without a start begins with the video.
  return at ?? (fragment === undefined ? null : parseTime(fragment)) ?? (all.has("to") ? 0 : null);
}

/** Where playing may start: a place past the end becomes the last second. */
export function clamped(at: number, duration: number): number {
  if (!(at > 0)) return 0;
  return Number.isFinite(duration) && duration > 0 ? Math.min(at, Math.max(0, duration - 1)) : at;
}

/** What becomes of the place that one leaves: too early says nothing, past the end is forgotten. */
export function leaving(at: number, duration: number): "keep" | "forget" | "nothing" {
  if (!(at >= FROM)) return "nothing";
  return duration > 0 && at > duration * SEEN ? "forget" : "keep";
}

/** The position to resume from, or null to start at the beginning. */
export function resuming(saved: number | null, duration: number): number | null {
  return saved !== null && leaving(saved, duration) === "keep" ? saved : null;
}

/** As `0:12`: the second that runs, not the nearest one. */
export function shown(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds + 0.001)) || 0;
  const two = (n: number) => String(n).padStart(2, "0");
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}
