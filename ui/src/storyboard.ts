// Storyboards: WebVTT whose cues name parts of pictures (`#xywh=`), read and painted. The cues are read
// once, and a sheet when a tile of it is first asked for.

/** A picture of one stretch of the film. */
export interface Tile {
  /** Seconds at which it begins to hold. */
  from: number;
  sheet: string;
  x: number;
  y: number;
  width: number;
  height: number;
}

const CUE = /^(?:(\d+):)?(\d\d):(\d\d\.\d{3}) --> .*\n(\S+)#xywh=(\d+),(\d+),(\d+),(\d+)$/gm;

/** The tiles of a storyboard's text; their sheets are named relative to `base`. */
export function tiles(text: string, base: string): Tile[] {
  return Array.from(text.matchAll(CUE), ([, hours, minutes, seconds, name, ...place]) => {
    const [x = 0, y = 0, width = 0, height = 0] = place.map(Number);
    const from = Number(hours ?? 0) * 3600 + Number(minutes) * 60 + Number(seconds);
    return { from, sheet: new URL(name ?? "", base).href, x, y, width, height };
  });
}

/** The tile that holds at `seconds`. */
export function tileAt(all: Tile[], seconds: number): Tile | undefined {
  let found = all[0];
  for (const tile of all) if (tile.from <= seconds) found = tile;
  return found;
}

/** `count` tiles from all over the film, in its order, from as few sheets as three. */
export function taste(all: Tile[], count: number): Tile[] {
  const sheets = [...new Set(all.map((tile) => tile.sheet))];
  const some = new Set([0.17, 0.5, 0.83].map((share) => sheets[Math.floor(share * sheets.length)]));
  const from = all.filter((tile) => some.has(tile.sheet));
  const wanted = Math.min(count, from.length);
  const step = (n: number) => Math.floor((n * wanted) / from.length);
  return from.filter((_, n) => step(n) !== step(n - 1));
}

/** A storyboard from its address. */
export class Storyboard {
  readonly tiles: Tile[];
  readonly #sheets = new Map<string, Promise<HTMLImageElement>>();

  constructor(all: Tile[]) {
    this.tiles = all;
  }

  static async load(address: string): Promise<Storyboard> {
    const answer = await fetch(address);
    if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
    return new Storyboard(tiles(await answer.text(), answer.url));
  }

  /** The sheet of a tile, loaded. */
  sheet(tile: Tile): Promise<HTMLImageElement> {
    const known = this.#sheets.get(tile.sheet);
    if (known !== undefined) return known;
    const image = new Image();
    image.src = tile.sheet;
    const loaded = image.decode().then(() => image);
    this.#sheets.set(tile.sheet, loaded);
    // The next one who asks tries again.
    loaded.catch(() => this.#sheets.delete(tile.sheet));
    return loaded;
  }
}

/** Paints a tile onto a canvas, which takes its size. */
export function paint(canvas: HTMLCanvasElement, sheet: HTMLImageElement, tile: Tile): void {
  if (canvas.width !== tile.width) canvas.width = tile.width;
  if (canvas.height !== tile.height) canvas.height = tile.height;
  const { x, y, width, height } = tile;
  canvas.getContext("2d")?.drawImage(sheet, x, y, width, height, 0, 0, width, height);
}
