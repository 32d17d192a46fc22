// The watch that every test stands under: it must be able to hear.

import { expect, test } from "../fixtures.ts";

test("an error in the console, an exception and a breach of the policy are all heard", async ({ page, complaints }) => {
  await page.goto("/");
  expect(complaints).toEqual([]);
  await page.evaluate(() => {
    console.error("planted error");
    setTimeout(() => {
      throw new Error("planted exception");
    });
    const style = document.createElement("style");
    style.textContent = "p { color: red }";
    document.head.append(style);
  });
  for (const planted of [/planted error/, /planted exception/, /policy: style-src/]) {
    await expect
      .poll(() => complaints.some((text: string) => planted.test(text)), { message: String(planted) })
      .toBe(true);
  }
  complaints.length = 0;
});
