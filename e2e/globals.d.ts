// What the tests put into a page, and what of the pages, of axe and of Chromium they read there.

interface Window {
  __e2eViolation(text: string): void;
  /** How far each shift went, when, and what moved. */
  __e2eShifts: [number, number, ...unknown[]][];
  /** Of the page that Uppy is in. */
  send(files: File[], token: string): Promise<{ videos: string[]; failed: string[] }>;
}
declare var axe: typeof import("axe-core");

/** Of the Layout Instability API. */
interface LayoutShift extends PerformanceEntry {
  hadRecentInput: boolean;
  value: number;
  sources: { node: Node | null; previousRect: DOMRectReadOnly; currentRect: DOMRectReadOnly }[];
}
interface HTMLVideoElement {
  webkitAudioDecodedByteCount: number;
}
