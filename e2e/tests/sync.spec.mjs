import { flashes } from "../clips.mjs";
import { expect, signUp, test, untilReady, upload } from "../fixtures.mjs";
import { only, player } from "../player.mjs";
import { soundAfterPicture } from "../sync.mjs";

// The measuring worklet is no script of the site.
test.use({ bypassCSP: true });

async function native(page, id) {
  await page.route("**/e2e-native", (route) =>
    route.fulfill({ contentType: "text/html", body: `<virga-player><video controls width=640 height=480 src="/api/v1/videos/${id}/source"></video></virga-player>` }),
  );
  await page.goto("/e2e-native");
  return soundAfterPicture(page);
}
test("explore", async ({ page }) => {
  await signUp(page);
  const id = await upload(page, await flashes(0));
  const late = await upload(page, await flashes(0.1));
  await untilReady(page, id);
  await untilReady(page, late);
  for (let n = 0; n < 2; n++) {
  console.log("native", await native(page, id));
  console.log("native late", (await native(page, late)).gaps);
  for (const [name, which] of [["on time", id], ["late", late]])
  for (const level of [0, 1]) {
    const r = await only(page, level);
    await page.goto(`/v/${which}`);
    await expect.poll(() => player(page).evaluate((v) => v.readyState)).toBeGreaterThanOrEqual(2);
    console.log(name, level, r.height(), (await soundAfterPicture(page)).gaps);
  }
  }
});
