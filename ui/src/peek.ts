// A look into a film from its card: while the mouse rests on it, or the keyboard's focus is on it, the
// cover moves once through pictures of the film. Once, as what moves for longer would need a way to stop it.

import { paint, Storyboard, type Tile, taste } from "./storyboard";

const PICTURES = 8;
const EACH_MS = 600;

/** Each storyboard is read once for the page. */
const boards = new Map<string, Promise<Storyboard>>();

function board(address: string): Promise<Storyboard> {
  const known = boards.get(address);
  if (known !== undefined) return known;
  const loaded = Storyboard.load(address);
  boards.set(address, loaded);
  loaded.catch(() => boards.delete(address));
  return loaded;
}

/** Shows the pictures on a cover until they are over or `signal` ends it. */
export async function peek(cover: HTMLElement, signal: AbortSignal): Promise<void> {
  const canvas = document.createElement("canvas");
  canvas.className = "peek";
  canvas.setAttribute("aria-hidden", "true");
  signal.addEventListener("abort", () => canvas.remove());
  try {
    const all = await board(cover.dataset.storyboard ?? "");
    for (const tile of taste(all.tiles, PICTURES)) {
      await turn(all, tile, canvas, signal);
      if (signal.aborted) return;
      // Over the cover, and under its length.
      const below = cover.querySelector("picture") ?? cover.querySelector(".icon");
      if (!canvas.isConnected) below?.after(canvas);
      await new Promise((resolve) => setTimeout(resolve, EACH_MS));
    }
  } catch {
    // The cover alone is shown.
  }
  canvas.remove();
}

async function turn(all: Storyboard, tile: Tile, canvas: HTMLCanvasElement, signal: AbortSignal): Promise<void> {
  const sheet = await all.sheet(tile);
  if (signal.aborted) return;
  paint(canvas, sheet, tile);
  canvas.dataset.from = String(tile.from);
}
