// The same pages for browsers that run no scripts.

import { broken, tiny } from "../clips.ts";
import { expect, signIn, signUp, test, untilReady, upload, video } from "../fixtures.ts";

test("without scripts one browses, searches, signs in, watches and comments", async ({ page, visitor }) => {
  const name = await signUp(page);
  const id = await upload(page, await tiny(`plain ${Date.now()}.mp4`));
  await untilReady(page, id);
  const { title } = await video(page, id);

  const plain = await visitor({ javaScriptEnabled: false });
  await plain.goto("/");
  await expect(plain.getByRole("link", { name: title })).toBeVisible();
  await plain.getByLabel("Search videos").fill(title);
  await plain.getByRole("button", { name: "Search" }).click();
  await plain.getByRole("link", { name: title }).click();
  await plain.waitForURL(`**/v/${id}`);

  const src = (await plain.locator('video[controls] source[type="video/mp4"]').getAttribute("src"))!;
  expect(src).toMatch(/fallback\.mp4$/);
  const [answer] = await Promise.all([
    plain.waitForResponse((response) => response.url().endsWith(src)),
    plain.locator("video").press("Space"),
  ]);
  expect([200, 206]).toContain(answer.status());
  expect(answer.headers()["content-type"]).toBe("video/mp4");
  // The driver's own look into the page; the page itself runs nothing.
  await expect.poll(() => plain.locator("video").evaluate((v: HTMLVideoElement) => v.currentTime)).toBeGreaterThan(0.3);
  expect(await plain.locator("video").evaluate((v: HTMLVideoElement) => v.videoWidth)).toBeGreaterThan(0);

  await signIn(plain, name, { next: `/v/${id}` });
  await plain.waitForURL(`**/v/${id}`);
  await plain.getByLabel("Write a comment").fill("Said without a script");
  await plain.getByRole("button", { name: "Post" }).click();
  const rows = plain.locator("li.comment");
  await expect(rows).toHaveText(/Said without a script/);
  await rows.getByRole("link", { name: "Edit" }).click();
  await rows.getByRole("textbox").fill("Said otherwise");
  await rows.getByRole("button", { name: "Save" }).click();
  await expect(rows).toHaveText(/Said otherwise/);
  await rows.getByText("Delete", { exact: true }).click();
  await rows.getByRole("button", { name: "Delete comment" }).click();
  await expect(rows).toHaveCount(0);

  await plain.goto("/upload");
  await plain.getByLabel("Title").fill("Sent by a plain form");
  await plain.getByLabel("Description").fill("With a description");
  await plain.getByRole("button", { name: "Next: choose the file" }).click();
  const file = plain.getByLabel(/The file for .*Sent by a plain form/);
  const draft = new URL(plain.url()).searchParams.get("video")!;
  expect((await video(plain, draft)).visibility).toBe("private");
  await plain.getByRole("button", { name: "Publish when ready" }).click();
  await expect(plain.getByRole("button", { name: "Publish when ready" })).toHaveCount(0);
  expect(await video(plain, draft)).toMatchObject({ visibility: "public", description: "With a description" });
  await file.setInputFiles(await broken());
  await plain.getByRole("button", { name: "Upload", exact: true }).click();
  await plain.waitForURL(/\/v\/\w+$/);
  await expect(plain.getByRole("heading", { name: "Sent by a plain form" })).toBeVisible();
  // Where a form's file was refused, the browser is sent here.
  await plain.goto("/upload?refused=video.has-source");
  await expect(plain.getByRole("alert")).toHaveText(/already has a file/);

  await plain.getByRole("contentinfo").getByRole("button", { name: "Dark" }).click();
  await expect(plain.locator("html")).toHaveAttribute("data-theme", "dark");
  await plain.goto("/my/videos");
  await plain.locator(`li[data-video="${id}"]`).getByRole("button", { name: "Delete" }).click();
  await plain.getByRole("status").getByRole("button", { name: "Undo" }).click();
  await expect(plain.getByText("The video has been restored.")).toBeVisible();
});
