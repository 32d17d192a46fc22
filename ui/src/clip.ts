// A stretch of a video as addresses name it: `?from=…&to=…`. Loaded only where there is one, or where
// someone makes one.

import { parseTime, shown } from "./player/time";

/** Seconds; `to` comes after `from` and before the video's end. */
export interface Stretch {
  from: number;
  to: number;
}

/** The stretch that an address asks for, of a video of `total` seconds (0: not known); null where it has no end. */
export function stretch(search: string, total: number): Stretch | null {
  const all = new URLSearchParams(search);
  const from = parseTime(all.get("from") ?? "") ?? 0;
  const to = parseTime(all.get("to") ?? "");
  if (to === null || to <= from || (total > 0 && to >= total)) return null;
  return { from, to };
}

/** As `1:23.5`, in steps of a hundredth. */
export function exact(seconds: number): string {
  const hundredths = Math.round(seconds * 100);
  const rest = hundredths % 100;
  const fraction = rest > 0 ? `.${String(rest).padStart(2, "0")}`.replace(/0$/, "") : "";
  return shown(Math.floor(hundredths / 100)) + fraction;
}

/** What follows the address of a page; `to` is null for the video's end. */
export function query(from: number, to: number | null): string {
  const seconds = (at: number) => String(Math.round(at * 1000) / 1000);
  return `?from=${seconds(from)}${to === null ? "" : `&to=${seconds(to)}`}`;
}
