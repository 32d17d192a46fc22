// Which key does what, and where a key belongs to something else than the player.

export type Command =
  | "play"
  | "back10"
  | "ahead10"
  | "back5"
  | "ahead5"
  | "louder"
  | "quieter"
  | "mute"
  | "full"
  | "theatre"
  | "pip"
  | "texts"
  | "start"
  | "end"
  | "frame-"
  | "frame+"
  | "slower"
  | "faster"
  | "help"
  | `tenth${number}`;

/** Of a keyboard event, what decides. */
export interface Stroke {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
  shiftKey: boolean;
  isComposing: boolean;
  repeat: boolean;
}

/**
 * What has the focus: a place to write in, something that Space or Enter presses, something that
 * arrows move, or nothing of the kind.
 */
export type Focus = "text" | "press" | "range" | "none";

const LETTERS: Record<string, Command> = {
  k: "play",
  j: "back10",
  l: "ahead10",
  m: "mute",
  f: "full",
  t: "theatre",
  i: "pip",
  c: "texts",
  ",": "frame-",
  ".": "frame+",
  "<": "slower",
  ">": "faster",
  "?": "help",
};
const NAMED: Record<string, Command> = { " ": "play", ArrowLeft: "back5", ArrowRight: "ahead5" };
// These scroll the page; the player takes them only while it has the focus or the whole screen.
const INSIDE: Record<string, Command> = { ArrowUp: "louder", ArrowDown: "quieter", Home: "start", End: "end" };

const ONCE = new Set<Command>(["play", "mute", "full", "theatre", "pip", "texts", "help"]);

/** What a key means; null when it is not the player's. */
export function command(stroke: Stroke, focus: Focus, inside: boolean): Command | null {
  const { key } = stroke;
  if (stroke.isComposing || stroke.ctrlKey || stroke.metaKey || stroke.altKey || focus === "text") return null;
  const found = look(key.length === 1 ? key.toLowerCase() : key, focus, inside);
  if (!found) return null;
  // Shift belongs to the signs that need it and to nothing else.
  if (stroke.shiftKey && !"<>?".includes(key)) return null;
  return stroke.repeat && ONCE.has(found) ? null : found;
}

function look(key: string, focus: Focus, inside: boolean): Command | null {
  if (/^[0-9]$/.test(key)) return `tenth${Number(key)}`;
  if (Object.hasOwn(LETTERS, key)) return LETTERS[key] ?? null;
  if (key === " ") return focus === "press" ? null : "play";
  if (focus === "range") return null;
  if (Object.hasOwn(NAMED, key)) return NAMED[key] ?? null;
  return inside && Object.hasOwn(INSIDE, key) ? (INSIDE[key] ?? null) : null;
}

/** What kind of place an element is. */
export function focusOf(element: Element | null): Focus {
  if (!element) return "none";
  if (element.matches("textarea, select, [contenteditable]:not([contenteditable=false])")) return "text";
  if (element instanceof HTMLInputElement) {
    if (element.type === "range" || element.type === "radio") return "range";
    return ["button", "submit", "reset", "checkbox", "file", "color", "image"].includes(element.type)
      ? "press"
      : "text";
  }
  if (element.matches("[role=slider], [role=tab], [role=radio], [role=listbox]")) return "range";
  return element.matches("button, a[href], summary, [role=button], [role^=menuitem]") ? "press" : "none";
}
