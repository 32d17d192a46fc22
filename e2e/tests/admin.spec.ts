// An administrator's day, by hand and without scripts.

import { expect, PASSWORD, signIn, signUp, test } from "../fixtures.ts";

for (const javaScriptEnabled of [true, false]) {
  test(`accounts are found, blocked, let in and given a new password ${javaScriptEnabled ? "with" : "without"} scripts`, async ({
    page,
    visitor,
    expected,
  }) => {
    expected.push(/status of 40[13]/);
    const name = await signUp(page);
    const admin = await visitor({ javaScriptEnabled });
    await signIn(admin, "admin");
    await admin.locator("details.menu summary").click();
    await admin.getByRole("link", { name: "Administration" }).click();
    await admin.getByRole("searchbox", { name: "Find an account" }).fill(name);
    await admin.getByRole("main").getByRole("button", { name: "Search" }).click();
    const row = admin.locator("li.arow");
    await expect(row).toHaveCount(1);
    await row.getByRole("link", { name: `Block ${name}` }).click();
    await expect(admin.getByRole("heading", { level: 1 })).toContainText(name);
    await admin.getByRole("button", { name: "Block this account" }).click();
    await expect(row.getByText("Blocked", { exact: true })).toBeVisible();

    // Its session ended at once, and signing in says why.
    await page.goto("/settings");
    await expect(page).toHaveURL(/\/sign-in/);
    await signIn(page, name);
    await expect(page.getByRole("alert")).toContainText("This account is blocked");

    await row.getByRole("link", { name: `Unblock ${name}` }).click();
    await admin.getByRole("button", { name: "Unblock this account" }).click();
    await expect(admin.getByText("The account can sign in again.")).toBeVisible();
    await row.getByRole("link", { name: `Reset password ${name}` }).click();
    await admin.getByRole("button", { name: "Reset password" }).click();
    const password = await admin.getByRole("textbox", { name: "New password" }).inputValue();
    expect(password).not.toBe(PASSWORD);
    await signIn(page, name, { password });
    await expect(page.locator("details.menu")).toBeVisible();

    await page.goto("/admin");
    await expect(page.getByText("Only administrators may see this.")).toBeVisible();
  });
}
