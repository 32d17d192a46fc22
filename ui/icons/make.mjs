// Draws ../src/img/icons.svg, the sprite of the pages: our own mark (brand.svg) and the icons below
// out of lucide-static; and, with Chromium, the pictures of favicon.svg for home screens. `make icons` runs it after a change here; `--check` says whether it was run.
// The sprite is kept in the repository because lucide-static weighs 67 MB and the pages need 40 of
// its 1700 icons, also where node is missing.
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const NAMES = {
  alert: "triangle-alert",
  back: "chevron-left",
  captions: "captions",
  chapters: "list",
  check: "check",
  close: "x",
  down: "chevron-down",
  feed: "rss",
  films: "film",
  full: "maximize",
  "full-end": "minimize",
  gear: "settings",
  home: "house",
  keyboard: "keyboard",
  leave: "log-out",
  link: "link",
  lock: "lock",
  loop: "repeat",
  onward: "chevron-right",
  pause: "pause",
  pencil: "pencil",
  pip: "picture-in-picture-2",
  play: "play",
  replay: "rotate-ccw",
  search: "search",
  share: "share-2",
  shield: "shield-check",
  sliders: "sliders-horizontal",
  speed: "gauge",
  theatre: "rectangle-horizontal",
  trash: "trash-2",
  undo: "undo-2",
  upload: "upload",
  user: "user",
  volume: "volume-2",
  "volume-low": "volume-1",
  "volume-off": "volume-x",
};
// Shapes that stand on a picture are filled to be seen.
const FILLED = new Set(["pause", "play"]);

const here = (path) => new URL(path, import.meta.url);

async function symbol([name, lucide]) {
  const svg = await readFile(here(`node_modules/lucide-static/icons/${lucide}.svg`), "utf8");
  const shapes = svg.slice(svg.indexOf(">", svg.indexOf("<svg")) + 1, svg.lastIndexOf("</svg>"));
  const fill = FILLED.has(name) ? "currentColor" : "none";
  const look = `fill="${fill}" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round"`;
  return `<symbol id="${name}" viewBox="0 0 24 24" ${look}>${shapes.replace(/\s*\n\s*/g, "").replace(/ \/>/g, "/>")}</symbol>\n`;
}

const { version } = JSON.parse(await readFile(here("node_modules/lucide-static/package.json"), "utf8"));
const symbols = await Promise.all(Object.entries(NAMES).map(symbol));
const sprite = `<svg xmlns="http://www.w3.org/2000/svg">
<!-- Made by ui/icons/make.mjs. All but logo and rain: Lucide ${version}, ISC licence, (c) Lucide Contributors. -->
${await readFile(here("brand.svg"), "utf8")}${symbols.join("")}</svg>
`;

/** Name and side of each picture; one without round corners where the system cuts them itself. */
const PICTURES = [
  ["icon-192", 192, false],
  ["icon-512", 512, false],
  ["maskable", 512, true],
  ["touch", 180, true],
];

/** Draws favicon.svg as PNG files. */
async function pictures() {
  const folder = await mkdtemp(join(tmpdir(), "virga-icons-"));
  try {
    const favicon = await readFile(here("../src/img/favicon.svg"), "utf8");
    for (const [name, side, square] of PICTURES) {
      // What systems cut away is up to a fifth: the mark of a square picture is smaller.
      const shape = square
        ? favicon.replace(/rx="7" /, "").replace("translate(3.2 2.6) scale(.8)", "translate(6.4 5.9) scale(.6)")
        : favicon;
      const page = join(folder, `${name}.html`);
      const svg = shape.replace("<svg ", `<svg width="${side}" height="${side}" style="position:fixed;inset:0" `);
      await writeFile(page, `<!doctype html>${svg}`);
      const out = fileURLToPath(here(`../src/img/${name}.png`));
      const args = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--default-background-color=00000000",
        `--window-size=${side},${side}`,
        `--screenshot=${out}`,
        `file://${page}`,
      ];
      await promisify(execFile)(process.env.VIRGA_CHROMIUM ?? "/usr/bin/chromium", args);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const file = here("../src/img/icons.svg");
if (process.argv.includes("--check")) {
  if ((await readFile(file, "utf8")) !== sprite) {
    console.error("ui/src/img/icons.svg is not what ui/icons/make.mjs draws: run `make icons`");
    process.exit(1);
  }
} else {
  await writeFile(file, sprite);
  await pictures();
  console.log(`${symbols.length} icons of Lucide ${version}, ${sprite.length} bytes`);
}
