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

/** Not when it changed since it was chosen: then browsers read nothing of it. */
export const readable = (body: Blob): Promise<boolean> =>
  body
    .slice(0, 1)
    .arrayBuffer()
    .then(
      () => true,
      () => false,
    );
