// The picture of the film above the pointer on the seek bar. Nothing is loaded until someone points at the
// bar, and nothing is shown where there is no storyboard.

import { paint, Storyboard, type Tile, tileAt } from "../storyboard";
import { el } from "./build";
import type { Source } from "./source";

/** After a failure, and while a film is made that may get a storyboard, it is asked for no sooner than this. */
const AGAIN_MS = 20_000;
/** A picture is not larger than this, pixels of the page. */
const WIDEST = 160;

export class Preview {
  readonly root = el("canvas", { class: "pl-tile", hidden: "" });
  readonly #source: Source;
  /** The page's film was still being worked on. */
  readonly #unfinished: boolean;
  /** Something that is shown has another size now. */
  readonly #resized: () => void;
  #board: Storyboard | null = null;
  #loading = false;
  #failed = false;
  #asked = -Infinity;
  #wanted: Tile | undefined;
  #at = 0;

  constructor(source: Source, unfinished: boolean, resized: () => void) {
    this.#source = source;
    this.#unfinished = unfinished;
    this.#resized = resized;
  }

  /** Shows the picture of `seconds`, at most `room` pixels high. */
  show(seconds: number, room: number): void {
    this.#at = seconds;
    if (!this.#board) {
      void this.#load(room);
      return;
    }
    void this.#turn(this.#board, room);
  }

  async #turn(board: Storyboard, room: number): Promise<void> {
    const tile = tileAt(board.tiles, this.#at);
    this.#wanted = tile;
    if (!tile) return;
    try {
      const sheet = await board.sheet(tile);
      // The pointer may be elsewhere by now.
      if (this.#wanted !== tile) return;
      paint(this.root, sheet, tile);
      const scale = Math.min(1, WIDEST / tile.width, Math.max(0, room) / tile.height);
      this.root.style.width = `${Math.floor(tile.width * scale)}px`;
      this.root.dataset.from = String(tile.from);
      this.root.hidden = false;
      this.#resized();
    } catch {
      // Its address may have ended: the next try asks for a new one.
      this.#board = null;
      this.#failed = true;
      this.root.hidden = true;
      this.#resized();
    }
  }

  async #load(room: number): Promise<void> {
    const known = this.#source.playback?.storyboard;
    if (this.#loading || performance.now() - this.#asked < AGAIN_MS) return;
    if (!known && !this.#unfinished) return;
    this.#loading = true;
    this.#asked = performance.now();
    try {
      const address = known && !this.#failed ? known : (await this.#source.fetch()).storyboard;
      if (!address) return;
      const board = await Storyboard.load(address);
      this.#board = board;
      this.#failed = false;
      await this.#turn(board, room);
    } catch {
      this.#failed = true;
    } finally {
      this.#loading = false;
    }
  }
}
