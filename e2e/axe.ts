// Accessibility rules on the page as it stands: WCAG 2.2 A and AA and axe's best practices. The
// script goes in by the driver's protocol, so that the page's policy is not relaxed.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type { Page } from "@playwright/test";

const source = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What axe finds, a line each; empty when all is well. */
export async function findings(page: Page) {
  const session = await page.context().newCDPSession(page);
  try {
    const loaded = await session.send("Runtime.evaluate", { expression: `${source}; 0` });
    if (loaded.exceptionDetails) throw new Error(`axe: ${loaded.exceptionDetails.text}`);
    return await page.evaluate(async () => {
      const { violations } = await globalThis.axe.run(document, { resultTypes: ["violations"] });
      return violations.flatMap((rule) =>
        rule.nodes.map((node) => `${rule.id}: ${node.target.join(" ")}: ${rule.help}`),
      );
    });
  } finally {
    await session.detach();
  }
}
