// Bundles the islands, joins the style sheet, copies the pictures: `dist/` with content hashes,
// gzip copies and manifest.json. Fails when a file outgrows its budget.

import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build, transform } from "esbuild";

const root = fileURLToPath(new URL(".", import.meta.url));
const src = join(root, "src");
const dist = join(root, "dist");

// Gzip bytes. Scripts count with everything of ours that they load.
const BUDGET = { "virga.css": 12_288, "base.js": 5_120, "watch.js": 20_480, "hls.js": 194_560 };

await rm(dist, { recursive: true, force: true });
await mkdir(dist);

const scripts = await build({
  entryPoints: ["base", "watch", "upload", "mine", "share"].map((name) => join(src, `${name}.ts`)),
  outdir: dist,
  bundle: true,
  splitting: true,
  format: "esm",
  target: "es2022",
  minify: true,
  legalComments: "none",
  charset: "utf8",
  entryNames: "[name].[hash]",
  chunkNames: "[name].[hash]",
  metafile: true,
  write: false,
  logLevel: "warning",
  absWorkingDir: root,
});

const manifest = {};
const sizes = {};
async function put(file, bytes) {
  const [stem, , ext] = file.split(".");
  const name = `${stem}.${ext}`;
  const packed = gzipSync(bytes, { level: 9 });
  await writeFile(join(dist, file), bytes);
  await writeFile(join(dist, `${file}.gz`), packed);
  if (stem !== "chunk") manifest[name] = file;
  sizes[file] = packed.length;
}

for (const output of scripts.outputFiles) {
  await put(output.path.split(/[\\/]/).pop(), output.contents);
}

const sheets = (await readdir(join(src, "css"))).sort();
const css = (await Promise.all(sheets.map((name) => readFile(join(src, "css", name), "utf8")))).join("");
const { code } = await transform(css, { loader: "css", minify: true, target: "esnext" });
const hash = (bytes) => createHash("sha256").update(bytes).digest("hex").slice(0, 8);
await put(`virga.${hash(code)}.css`, Buffer.from(code));
for (const name of await readdir(join(src, "img"))) {
  const bytes = await readFile(join(src, "img", name));
  await put(name.replace(".", `.${hash(bytes)}.`), bytes);
}
await writeFile(join(dist, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);

// What a script loads of ours, following static imports.
const outputs = Object.fromEntries(
  Object.entries(scripts.metafile.outputs).map(([path, output]) => [path.split("/").pop(), output]),
);
function weight(file, seen = new Set()) {
  if (seen.has(file)) return 0;
  seen.add(file);
  const imports = outputs[file]?.imports ?? [];
  return imports
    .filter((entry) => entry.kind === "import-statement")
    .reduce((sum, entry) => sum + weight(entry.path.split("/").pop(), seen), sizes[file] ?? 0);
}
let over = false;
for (const [name, limit] of Object.entries(BUDGET)) {
  const bytes = weight(manifest[name]);
  const fits = bytes > 0 && bytes <= limit;
  over ||= !fits;
  console.log(`${name.padEnd(10)} ${String(bytes).padStart(7)} B gzip of ${limit}${fits ? "" : "  OVER BUDGET"}`);
}
if (over) process.exit(1);
