// The file that is sent: how it is known again, how it is cut into parts, whether it can still be read.

import type { FileLike } from "./world";

/** The beginning of a text, at most so many characters, and none cut in two. */
export function cut(text: string, most: number): string {
  const whole =
    "Segmenter" in Intl ? Array.from(new Intl.Segmenter().segment(text), ({ segment }) => segment) : [...text];
  let kept = "";
  let count = 0;
  for (const piece of whole) {
    count += [...piece].length;
    if (count > most) break;
    kept += piece;
  }
  return kept;
}

/** How the same file is known again: at most 128 characters. */
export function fingerprint(file: FileLike): string {
  return cut(`${file.size}-${file.lastModified}-${file.name}`, 128);
}

const MIB = 1024 * 1024;

/**
 * The part size that the page would like: what a reload or a broken line costs stays below a
 * two-hundredth of a large file. A small file goes whole.
 */
export function wantedPart(size: number): number | undefined {
  return size > 8 * MIB ? Math.max(MIB, Math.ceil(size / 256)) : undefined;
}

/** How much of a file's end holds its index at most, and as a share of the file: as the server has it. */
const INDEX = 8 * MIB;
const SHARE = 64;
/** A file of fewer parts is there before anybody could watch it arrive. */
export const FEWEST = 5;

/**
 * The numbers of a file's parts in the order in which they are sent: the beginning and the end first, by
 * which the server knows the file and can show it while the rest comes.
 */
export function inOrder(size: number, part: number): number[] {
  const count = Math.ceil(size / part);
  const index = Math.min(INDEX, Math.floor(size / SHARE));
  const end = count < FEWEST ? count + 1 : Math.min(count, Math.max(2, Math.floor((size - index) / part) + 1));
  const all = Array.from({ length: count }, (_, at) => at + 1);
  return [...all.slice(0, 1), ...all.slice(end - 1), ...all.slice(1, end - 1)];
}

/** Not when it changed since it was chosen: then browsers read nothing of it. */
export const readable = (body: Blob): Promise<boolean> =>
  body
    .slice(0, 1)
    .arrayBuffer()
    .then(
      () => true,
      () => false,
    );
