// First bytes: the page answers as the site does (the same rows are tested in virga-media).

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { refusedBytes } from "../src/sniff";

const rows = readFileSync("test/first-bytes.txt", "utf8")
  .split("\n")
  .filter((line) => line && !line.startsWith("#"));

test("the page knows a file by its first bytes as the site does", () => {
  assert.ok(rows.length > 50);
  for (const row of rows) {
    const [code = "", hex = ""] = row.split(" ");
    assert.equal(refusedBytes(Buffer.from(hex, "hex")) ?? "-", code, hex.slice(0, 60));
  }
  assert.equal(refusedBytes(new Uint8Array()), "file_empty");
});
