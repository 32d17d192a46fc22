// Small pieces that every island uses: finding parts, texts from the server, numbers as read.

/** The part of an island, by its `data-part`. */
export function part<T extends HTMLElement = HTMLElement>(root: ParentNode, name: string): T | null {
  return root.querySelector<T>(`[data-part="${name}"]`);
}

/** A slot of a row or card, by its `data-f`. */
export function slot<T extends HTMLElement = HTMLElement>(root: ParentNode, name: string): T | null {
  return root.querySelector<T>(`[data-f="${name}"]`);
}

/** Shows or hides without touching anything else. */
export function show(element: HTMLElement | null, visible: boolean): void {
  if (element) element.hidden = !visible;
}

export type Texts = (key: string, values?: Record<string, string>) => string;

/** The texts in `data-strings`; `{name}` is filled in. */
export function texts(element: HTMLElement): Texts {
  let map: Record<string, string> = {};
  try {
    map = JSON.parse(element.dataset.strings ?? "{}");
  } catch {
    // A page of another version: keys show instead of texts.
  }
  return (key, values = {}) => (map[key] ?? key).replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole);
}

/** The words for a refusal: by its code, else the server's English on an English page. */
export function refusal(t: Texts, error: unknown, otherwise: string): string {
  const { code = "", status = 0, message = "" } = (error ?? {}) as { code?: string; status?: number; message?: string };
  const key = `problem-${code.replaceAll(".", "-")}`;
  const words = t(key);
  if (words !== key) return words;
  return status > 0 && message && document.documentElement.lang === "en" ? message : t(otherwise);
}

/** Why a video failed: by the reason's code, else the server's English, which holds the figures. */
export function reason(t: Texts, event: { failure?: string | null; failure_code?: string | null }): string {
  const key = `reason-${event.failure_code ?? "internal"}`;
  const words = t(key);
  return words === key ? (event.failure ?? "") : words;
}

/** `1.2 GB`, as the server writes it. */
export function bytes(count: number): string {
  let unit = 0;
  let scaled = count;
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  while (scaled >= 1000 && unit < units.length - 1) {
    scaled /= 1000;
    unit += 1;
  }
  const digits = unit > 0 && scaled < 100 ? Math.floor(scaled * 10) / 10 : Math.floor(scaled);
  return `${digits} ${units[unit]}`;
}

/** `1:02:03`. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const two = (n: number) => String(n).padStart(2, "0");
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** `3 hours ago` in the page's language. */
export function ago(iso: string, now = Date.now()): string {
  const seconds = Math.max(0, (now - Date.parse(iso)) / 1000);
  const format = new Intl.RelativeTimeFormat(document.documentElement.lang || "en", { numeric: "auto" });
  const steps: [number, Intl.RelativeTimeFormatUnit][] = [
    [31_536_000, "year"],
    [2_592_000, "month"],
    [86_400, "day"],
    [3600, "hour"],
    [60, "minute"],
  ];
  const step = steps.find(([length]) => seconds >= length);
  const words = step ? format.format(-Math.floor(seconds / step[0]), step[1]) : format.format(0, "second");
  // Between a figure and Chinese a space, as everywhere on the pages.
  return words.replace(/(\d)(?=\p{Script=Han})/u, "$1 ");
}
