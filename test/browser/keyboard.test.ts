import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Fixture } from "../looking-glass/fixture.ts";
import { goTo, look, startBrowser, startGlass, WHY_NOT } from "./looking.ts";

describe.skipIf(WHY_NOT !== undefined)(`all of it with the keyboard ${WHY_NOT ?? ""}`, () => {
  let browser: Browser;
  let fixture: Fixture;
  let page: Page;
  beforeAll(async () => {
    [browser, fixture] = await Promise.all([startBrowser(), startGlass()]);
    ({ page } = await look(browser, fixture));
  });
  afterAll(async () => {
    await browser?.close();
    await fixture?.stop();
  });

  test.each([
    ["s", /^Services$/],
    ["b", /^BGP sessions$/],
    ["t", /^Topology$/],
    ["r", /^Routes$/],
    ["p", /^Pools$/],
    ["l", /^Layer 2$/],
    ["j", /^Journal$/],
    ["o", /mended/],
  ])("g %s goes to its page, and the focus to its title", async (key, title) => {
    await page.keyboard.press("g");
    await page.keyboard.press(key);
    await page.locator("h1", { hasText: title }).waitFor();
    await expect.poll(() => page.evaluate(() => document.activeElement?.tagName)).toMatch(/^(H1|MAIN)$/);
  });

  test("the first Tab offers to skip to the content, and every stop after it is seen", async () => {
    await page.reload();
    await page.locator("[data-connection=live]").waitFor();
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => document.activeElement?.textContent)).toContain("Skip to the content");
    for (let stop = 0; stop < 25; stop++) {
      await page.keyboard.press("Tab");
      const seen = await page.evaluate(() => {
        const here = document.activeElement;
        if (here === null || here === document.body) return true;
        const { outlineStyle, outlineWidth } = getComputedStyle(here);
        return outlineStyle !== "none" && outlineWidth !== "0px";
      });
      expect(seen).toBe(true);
    }
  });

  test("/ finds a Service by its address, Enter opens it, Escape closes the search", async () => {
    await page.keyboard.press("/");
    const field = page.getByRole("combobox", { name: "Search" });
    await field.waitFor();
    await field.fill("192.0.2.12");
    await page.locator(".search-hit", { hasText: "shop/orphan" }).waitFor();
    await page.keyboard.press("Enter");
    await page.locator("h1", { hasText: "shop/orphan" }).waitFor();
    await page.keyboard.press("/");
    await field.waitFor();
    await page.keyboard.press("Escape");
    await field.waitFor({ state: "detached" });
  });

  test("j and k walk over rows, Enter opens one", async () => {
    await goTo(page, "#/services", /^Services$/);
    await page.locator(".table-services [data-row]").first().waitFor();
    const at = () => page.evaluate(() => document.activeElement?.closest("[data-index]")?.getAttribute("data-index"));
    for (const [key, expected] of [
      ["j", "0"],
      ["j", "1"],
      ["j", "2"],
      ["k", "1"],
    ] as const) {
      await page.keyboard.press(key);
      expect(await at()).toBe(expected);
    }
    const name = await page.evaluate(() => document.activeElement?.textContent);
    await page.keyboard.press("Enter");
    await page.locator("h1", { hasText: name ?? "none" }).waitFor();
  });

  test("? shows the keys; keys do nothing where somebody writes", async () => {
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keys" }).waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog", { name: "Keys" }).waitFor({ state: "detached" });
    await goTo(page, "#/services", /^Services$/);
    await page.getByRole("searchbox").focus();
    await page.keyboard.type("g?");
    expect(await page.getByRole("dialog").count()).toBe(0);
    await goTo(page, "#/services", /^Services$/);
  });

  test("the cells of a pool are walked with the arrows", async () => {
    await goTo(page, "#/pools/lan", /^Pools$/);
    const cells = page.getByRole("listbox", { name: "Addresses" });
    await cells.focus();
    await page.keyboard.press("Home");
    for (let step = 0; step < 9; step++) await page.keyboard.press("ArrowRight");
    expect(await page.locator(".heat-cell[aria-selected=true]").getAttribute("aria-label")).toBe(
      "198.51.100.10: shop/cart",
    );
    await page.keyboard.press("Enter");
    await page.locator("h1", { hasText: "shop/cart" }).waitFor();
  });
});
