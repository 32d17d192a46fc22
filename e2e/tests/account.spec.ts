// Becoming somebody on the site, and being kept out of somebody else's account.

import { expect, PASSWORD, signIn, signUp, test } from "../fixtures.ts";
import { startSite } from "../site.mjs";

test("the link of the first start makes its visitor administrator, and works once", async ({ visitor, expected }) => {
  const site = await startSite();
  try {
    const page = await visitor({ baseURL: site.url });
    await page.goto("/");
    await expect(page.getByText("This site has no administrator yet")).toBeVisible();
    await expect(page.getByRole("link", { name: "Sign up" })).toHaveCount(0);
    await page.getByRole("link", { name: "Set up this site" }).click();
    await expect(page.getByLabel("One-time code")).toBeVisible();
    await page.goto(site.setupLink);
    await expect(page.getByRole("heading", { name: "Set up this site" })).toBeVisible();
    await page.getByLabel("Username", { exact: true }).fill("ada");
    await page.getByLabel("Password").fill(PASSWORD);
    await page.getByLabel("Site name").fill("Weather films");
    await page.getByLabel("Nobody").check();
    await page.getByRole("button", { name: "Set up" }).click();
    await expect(page.getByRole("banner").getByText("ada")).toBeVisible();
    await expect(page.getByRole("link", { name: "Weather films" })).toBeVisible();
    await page.goto("/settings");
    await expect(page.getByRole("heading", { name: "Settings" })).toBeVisible();

    // Somebody else finds the link in a log: it is worth nothing any more.
    expected.push(/status of 4\d\d/);
    const late = await visitor({ baseURL: site.url });
    await late.goto(site.setupLink);
    await expect(late.getByText("This site is already set up.")).toBeVisible();
    await expect(late.getByRole("button", { name: "Set up" })).toHaveCount(0);
    const form = {
      token: new URL(site.setupLink).searchParams.get("token")!,
      name: "eve",
      password: PASSWORD,
      site_name: "x",
      registration: "open",
    };
    const again = await late.request.post("/setup", { form, headers: { origin: site.url }, maxRedirects: 0 });
    expect(again.status()).toBeGreaterThanOrEqual(400);
    await signIn(late, "eve");
    await expect(late.getByRole("alert")).toHaveText(/Wrong username or password/);
    // And the administrator's choice holds.
    await late.goto("/sign-up");
    await expect(late.getByText("This site does not accept new accounts.")).toBeVisible();
  } finally {
    await site.stop();
  }
});

test("a wrong password is told, keeps the name, and the sixteenth failure must wait", async ({
  page,
  visitor,
  expected,
}) => {
  const name = await signUp(page);
  expected.push(/status of 4(01|03|22|29)/);
  const stranger = await visitor();
  await signIn(stranger, name, { password: "not my password" });
  await expect(stranger.getByRole("alert")).toHaveText(/Wrong username or password/);
  await expect(stranger.getByLabel("Name")).toHaveValue(name);
  await expect(stranger.getByLabel("Password")).toHaveValue("");
  await expect(stranger.getByLabel("Password")).toBeFocused();

  const attempt = async (password: string) => {
    await stranger.getByLabel("Password").fill(password);
    const [answer] = await Promise.all([
      stranger.waitForResponse((r) => r.request().method() === "POST" && r.url().endsWith("/sign-in")),
      stranger.getByRole("main").getByRole("button", { name: "Sign in" }).click(),
    ]);
    await stranger.waitForLoadState();
    return answer;
  };
  for (let failures = 2; failures <= 15; failures += 1) {
    await attempt(`guess ${failures}`);
    await expect(stranger.getByRole("alert")).toHaveText(/Wrong username or password/);
  }
  // The sixteenth may even be right.
  const refused = await attempt(PASSWORD);
  expect(refused.status()).toBe(429);
  expect(Number((await refused.allHeaders())["retry-after"])).toBeGreaterThan(0);
  await expect(stranger.getByRole("alert")).toHaveText(/Too many failed attempts. Try again in \d+ seconds/);
  await expect(stranger.getByLabel("Name")).toHaveValue(name);
});

test("a member signs out and in again, changes the password, and ends all other sessions", async ({
  page,
  visitor,
  expected,
}) => {
  const name = await signUp(page);
  await page.locator("details.menu summary").click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await expect(page.getByRole("banner").getByRole("link", { name: "Sign in" })).toBeVisible();
  await signIn(page, name, { next: "/settings" });
  await page.waitForURL("**/settings");

  const phone = await visitor();
  await signIn(phone, name, { next: "/settings" });
  await phone.waitForURL("**/settings");

  await page.reload();
  const sessions = page.getByRole("region", { name: "Where you are signed in" }).getByRole("listitem");
  await expect(sessions).toHaveCount(2);
  await expect(sessions.first()).toContainText("This device");
  await expect(sessions.first().getByRole("button")).toHaveCount(0);
  await sessions.last().getByRole("button", { name: "Sign out Chrome on Linux" }).click();
  await expect(page.getByRole("status")).toHaveText("That device is signed out.");
  await expect(sessions).toHaveCount(1);
  await phone.goto("/settings");
  await phone.waitForURL("**/sign-in?**");
  await signIn(phone, name, { next: "/settings" });
  await phone.waitForURL("**/settings");

  expected.push(/status of 4(01|03|22)/);
  await page.getByLabel("Current password").fill("something else");
  await page.getByLabel("New password").fill("another walk in the snow");
  await page.getByRole("button", { name: "Change password" }).click();
  await expect(page.getByText("The current password is wrong.")).toBeVisible();
  await page.getByLabel("Current password").fill(PASSWORD);
  await page.getByLabel("New password").fill("another walk in the snow");
  await page.getByRole("button", { name: "Change password" }).click();
  await expect(page.getByRole("status")).toHaveText(/Your password has been changed/);

  await page.getByRole("button", { name: "Sign out everywhere" }).click();
  await expect(page.getByRole("banner").getByRole("link", { name: "Sign in" })).toBeVisible();
  await phone.goto("/");
  await expect(phone.getByRole("banner").getByRole("link", { name: "Sign in" })).toBeVisible();
  await signIn(phone, name, { password: "another walk in the snow", next: "/settings" });
  await phone.waitForURL("**/settings");
});
