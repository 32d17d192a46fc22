// Pointers on the picture: a click plays or pauses, two fill the screen. The first tap of a finger
// plays; later ones show or hide the controls, and two at a side jump ten seconds.

import type { Acts } from "./acts";

const DOUBLE_MS = 300;
const JUMP = 10;

/** What the gestures ask of the controls. */
export interface Shown {
  /** Whether the controls are in sight. */
  visible(): boolean;
  /** Whether it has played before. */
  started(): boolean;
  show(): void;
  hide(): void;
  /** Whether this press was meant for something else. */
  taken(event: Event): boolean;
}

/** Which third of the picture a tap hits: -1 left, 0 middle, 1 right. */
export function side(x: number, width: number): -1 | 0 | 1 {
  if (x < width / 3) return -1;
  return x > (width * 2) / 3 ? 1 : 0;
}

export function gestures(area: HTMLElement, acts: Acts, shown: Shown): void {
  let touch = false;
  let taken = false;
  let wasVisible = false;
  let last = { at: -Infinity, side: 0 };

  area.addEventListener("pointerdown", (event) => {
    touch = event.pointerType !== "mouse";
    taken = shown.taken(event);
    wasVisible = shown.visible();
  });
  area.addEventListener("click", (event) => {
    if (taken) return;
    if (!touch || !shown.started()) return acts.toggle();
    const box = area.getBoundingClientRect();
    const where = side(event.clientX - box.left, box.width);
    const double = event.timeStamp - last.at < DOUBLE_MS && where === last.side && where !== 0;
    last = { at: event.timeStamp, side: where };
    if (double) {
      acts.by(where * JUMP);
      shown.hide();
    } else if (wasVisible && !acts.video.paused) {
      shown.hide();
    } else {
      shown.show();
    }
  });
  area.addEventListener("dblclick", () => {
    if (!touch && !taken) acts.screen.full();
  });
}
