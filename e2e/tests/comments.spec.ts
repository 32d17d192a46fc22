// What is said under a video.

import type { Page } from "@playwright/test";
import { tiny } from "../clips.ts";
import { expect, signUp, test, upload } from "../fixtures.ts";

const MARKUP = `<b>bold</b> <img src=x onerror="alert(1)"> {{ 7 * 7 }} & "quotes" <script>alert(1)</script>`;
// Turns the rest of its line round where it is not kept to itself.
const TURNED = "\u202Eright to left \u05E9\u05DC\u05D5\u05DD";

test("a comment is posted, edited and deleted, and everyone sees it as text", async ({ page, visitor, expected }) => {
  await signUp(page);
  const id = await upload(page, await tiny());
  const guest = await visitor();
  const guestName = await signUp(guest, { next: `/v/${id}` });
  const rows = (who: Page) => who.locator("li.comment:visible");
  const post = async (who: Page, text: string) => {
    await who.getByLabel("Write a comment").fill(text);
    await who.getByRole("button", { name: "Post" }).click();
    await expect(rows(who).first().locator('[data-f="text"]')).toHaveText(text);
    await expect(who.getByLabel("Write a comment")).toHaveValue("");
  };
  await post(guest, MARKUP);
  await post(guest, TURNED);
  await expect(guest.locator('[data-part="count"]')).toHaveText("2");

  // As the server writes it, and as another one reads it.
  for (const reader of [guest, page]) {
    await reader.goto(`/v/${id}`);
    await expect(rows(reader)).toHaveCount(2);
    await expect(rows(reader).nth(1).locator('[data-f="text"]')).toHaveText(MARKUP);
    await expect(rows(reader).locator("b, img, script")).toHaveCount(0);
    await expect(rows(reader).nth(0).locator('[data-f="text"]')).toHaveText(TURNED);
    await expect(rows(reader).nth(0).locator('[data-f="text"] bdi')).toHaveCount(1);
    await expect(rows(reader).nth(0).locator(".who a")).toHaveText(guestName);
  }

  // The author edits; the video's owner may only delete.
  await expect(rows(page).nth(1).getByText("Edit", { exact: true })).toHaveCount(0);
  const mine = rows(guest).nth(1);
  await mine.getByText("Edit", { exact: true }).click();
  await expect(mine.getByRole("textbox")).toHaveValue(MARKUP);
  await mine.getByRole("textbox").fill("Second thoughts\non two lines");
  await mine.getByRole("button", { name: "Save" }).click();
  await expect(mine.locator('[data-f="text"]')).toHaveText("Second thoughts on two lines");
  await expect(mine.locator(".who")).toContainText("edited");

  // Nothing is deleted without a question, and the keys go on at the next comment.
  await rows(page).nth(0).getByText("Delete", { exact: true }).click();
  await expect(rows(page).nth(0).getByText("Delete this comment? This cannot be undone.")).toBeVisible();
  await expect(rows(page)).toHaveCount(2);
  await rows(page).nth(0).getByRole("button", { name: "Delete comment" }).click();
  await expect(rows(page)).toHaveCount(1);
  await expect(rows(page).nth(0)).toBeFocused();
  await guest.reload();
  await expect(rows(guest)).toHaveCount(1);
  await expect(rows(guest).locator('[data-f="text"]')).toHaveText("Second thoughts on two lines");
  await rows(guest).getByText("Delete", { exact: true }).click();
  await rows(guest).getByRole("button", { name: "Delete comment" }).click();
  await expect(rows(guest)).toHaveCount(0);
  await expect(guest.getByRole("heading", { name: "Comments" })).toBeFocused();

  // Sent by Ctrl and Enter; who is signed out meanwhile keeps the words and is led to sign in and back.
  const box = guest.getByLabel("Write a comment");
  await box.fill("By the keys");
  await box.press("Control+Enter");
  await expect(rows(guest)).toHaveCount(1);
  await expect(box).toHaveValue("");
  await rows(guest).getByText("Delete", { exact: true }).click();
  await rows(guest).getByRole("button", { name: "Delete comment" }).click();
  await expect(rows(guest)).toHaveCount(0);
  expected.push(/status of 401/);
  await guest.context().clearCookies();
  await box.fill("Too late");
  await box.press("Control+Enter");
  const refused = guest.getByRole("alert").filter({ hasText: "Sign in first." });
  await expect(refused.getByRole("link", { name: "Sign in" })).toHaveAttribute(
    "href",
    `/sign-in?next=${encodeURIComponent(`/v/${id}`)}`,
  );
  await expect(box).toHaveValue("Too late");
  await page.reload();
  await expect(rows(page)).toHaveCount(0);

  // Someone without an account is shown the way in, and back.
  const stranger = await visitor();
  await stranger.goto(`/v/${id}`);
  await stranger.getByRole("link", { name: "Sign in to comment" }).click();
  await expect(stranger).toHaveURL(new RegExp(`/sign-in\\?next=.*${id}`));
});
