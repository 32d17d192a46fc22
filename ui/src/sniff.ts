// What a file is by its first bytes, as the site itself decides (crates/virga-media/src/sniff.rs):
// rubbish is refused before it is sent. `ui/test/first-bytes.txt` holds the two to the same answers.

/** How many first bytes are looked at. */
export const SNIFF_LENGTH = 65_536;

const CONTAINERS = [
  "1a45dfa3",
  "000001ba",
  "000001b3",
  "464c5601",
  "4f676753",
  "3026b2758e66cf11",
  "060e2b34020501010d0102",
  "474946383761",
  "474946383961",
  "444b4946",
  "2e524d46",
];
const IMAGES = ["89504e47", "ffd8ff", "49492a00", "4d4d002a", "38425053", "0000000c4a584c20", "0000000c6a502020"];
const SOUNDS = ["664c6143", "7776706b", "63616666"];
/** Kbit/s of MPEG-1 layers II and III, and of both in MPEG-2. */
const BITS = [
  [32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
  [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];
const PICTURE_BRANDS = ["avif", "heic", "heix", "mif1", "heim", "heis"];
const BOXES = ["ftyp", "moov", "mdat", "free", "skip", "wide", "pnot", "styp", "moof"];

/** The code of the reason for which the site refuses a file that begins so; null where it takes it. */
export function refusedBytes(head: Uint8Array): string | null {
  if (head.length === 0) return "file_empty";
  const begins = (hex: string) =>
    hex.match(/../g)?.every((byte, at) => head[at] === Number.parseInt(byte, 16)) ?? false;
  if (begins("595556344d5045473220") || animated(head, begins) || rawVideo(head)) return null;
  if (IMAGES.some(begins)) return "file_is_image";
  if (isSound(head, begins)) return null;
  const refused = text(head) ?? container(head, begins);
  return (refused === "file_unknown" || refused === "file_is_text") && behindJunk(head) ? null : refused;
}

/** Boxes that follow a film's first one. */
const NEXT = ["moov", "mdat", "free", "skip", "wide", "uuid", "moof", "sidx", "styp", "pdin", "meta"];

/** An MP4 behind other bytes: its first box, and the head of the next one. */
function behindJunk(head: Uint8Array): boolean {
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  const letters = (at: number) => String.fromCharCode(...head.subarray(at, at + 4));
  for (let at = head.indexOf(0x66, 5); at > 0; at = head.indexOf(0x66, at + 1)) {
    if (letters(at) !== "ftyp") continue;
    const size = view.getUint32(at - 4);
    const brand = letters(at + 4);
    const film = /^[ -~]{4}$/.test(brand) && !PICTURE_BRANDS.includes(brand);
    if (size >= 16 && size <= 512 && size % 4 === 0 && film && NEXT.includes(letters(at + size))) return true;
  }
  return false;
}

/** A PNG that says before its first picture that it has several. */
function animated(head: Uint8Array, begins: (hex: string) => boolean): boolean {
  if (!begins("89504e470d0a1a0a")) return false;
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  for (let at = 8; at + 8 <= head.length; at += view.getUint32(at) + 12) {
    const name = String.fromCharCode(...head.subarray(at + 4, at + 8));
    if (name === "acTL") return true;
    if (name === "IDAT") return false;
  }
  return false;
}

const AVC_PROFILES = [44, 66, 77, 83, 86, 88, 100, 110, 118, 122, 128, 144, 244];

/** H.264 or HEVC without a container: parameters first, perhaps behind a delimiter. */
function rawVideo(head: Uint8Array): boolean {
  for (let at = 0; ; ) {
    let zeros = 0;
    while (head[at + zeros] === 0) zeros += 1;
    if (zeros < 2 || zeros > 3 || head[at + zeros] !== 1) return false;
    at += zeros + 1;
    const [one = 0, two = 0, three = 0] = head.subarray(at);
    if (head.length < at + 3) return false;
    if ([0x27, 0x47, 0x67].includes(one) && AVC_PROFILES.includes(two)) return true;
    if (one === 0x40 && two === 1) return (three & 0x0c) === 0x0c;
    if (one === 9 && (two & 0x1f) === 0x10 && three === 0) at += 2;
    else if (one === 0x46 && two === 1 && (three & 0x1f) === 0x10) at += 3;
    else return false;
  }
}

/** A format of sound alone. */
function isSound(head: Uint8Array, begins: (hex: string) => boolean): boolean {
  if (SOUNDS.some(begins)) return true;
  if (begins("494433") && head.length >= 10 && head[3] !== 0xff)
    return !head.subarray(6, 10).some((byte) => byte > 0x7f);
  const letters = (at: number) => String.fromCharCode(...head.subarray(at, at + 4));
  if (["RIFF", "RF64"].includes(letters(0)) && letters(8) === "WAVE") return true;
  if (letters(0) === "FORM" && ["AIFF", "AIFC"].includes(letters(8))) return true;
  const first = frame(head);
  if (!first) return false;
  const next = head.subarray(first.length);
  return next.length < 6 || frame(next)?.aac === first.aac;
}

/** A frame of MPEG audio, layers II and III, or of AAC (ADTS) without a container. */
function frame(head: Uint8Array): { aac: boolean; length: number } | null {
  const [one = 0, two = 0, three = 0, four = 0, five = 0, six = 0] = head;
  if (head.length < 6 || one !== 0xff || (two & 0xe0) !== 0xe0) return null;
  if ((two & 0xf6) === 0xf0) {
    const length = ((four & 3) << 11) | (five << 3) | (six >> 5);
    return ((three >> 2) & 15) < 13 && length > 7 ? { aac: true, length } : null;
  }
  const version = (two >> 3) & 3;
  const layer = (two >> 1) & 3;
  if (version === 1 || (layer !== 1 && layer !== 2)) return null;
  const rate = [44_100, 48_000, 32_000][(three >> 2) & 3];
  const bits = BITS[version === 3 ? 2 - layer : 2]?.[(three >> 4) - 1];
  if (!rate || !bits) return null;
  const samples = version !== 3 && layer === 1 ? 72 : 144;
  const divided = version === 3 ? rate : version === 2 ? rate / 2 : rate / 4;
  return { aac: false, length: Math.floor((samples * bits * 1000) / divided) + ((three >> 1) & 1) };
}

function container(head: Uint8Array, begins: (hex: string) => boolean): string | null {
  const letters = (at: number) => String.fromCharCode(...head.subarray(at, at + 4));
  const size = head.length < 4 ? 2 : new DataView(head.buffer, head.byteOffset).getUint32(0);
  if ((size < 2 || size >= 8) && BOXES.includes(letters(4)) && (letters(4) !== "ftyp" || head.length >= 12)) {
    return letters(4) === "ftyp" && PICTURE_BRANDS.includes(letters(8)) ? "file_is_image" : null;
  }
  if (letters(0) === "RIFF") {
    const kind = letters(8);
    return kind === "AVI " ? null : kind === "WEBP" ? "file_is_image" : "file_unknown";
  }
  return CONTAINERS.some(begins) || transportStream(head) ? null : "file_unknown";
}

/** A sync byte at every packet start, for at least three packets. */
function transportStream(head: Uint8Array): boolean {
  return [
    [188, 0],
    [192, 4],
    [204, 0],
  ].some(([packet = 188, first = 0]) => {
    if (head.length <= first + 2 * packet) return false;
    for (let at = first; at < head.length; at += packet) if (head[at] !== 0x47) return false;
    return true;
  });
}

function text(head: Uint8Array): string | null {
  let from = head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf ? 3 : 0;
  while (from < head.length && [0x20, 9, 10, 12, 13].includes(head[from] ?? 0)) from += 1;
  const sample = head.subarray(from, from + 4096);
  if (sample.length === 0) return "file_is_text";
  const start = String.fromCharCode(...sample.subarray(0, 16)).toLowerCase();
  if (["#extm3u", "#ext-x-", "[playlist]", "<mpd"].some((word) => start.startsWith(word))) return "file_is_playlist";
  if (start.startsWith("ffconcat")) return "file_is_concat";
  if (/^v=0[\r\n]/.test(start)) return "file_is_sdp";
  if (sample.some((byte) => byte < 9 || (byte > 0x0d && byte < 0x1b) || (byte > 0x1b && byte < 0x20) || byte === 0x7f))
    return null;
  let words: string;
  try {
    // A cut through a character at the end of the sample is still text.
    words = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(sample, { stream: true });
  } catch {
    return null;
  }
  if (words === "") return null;
  return words.includes("<MPD") ? "file_is_playlist" : "file_is_text";
}
