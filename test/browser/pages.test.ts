import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Fixture } from "../looking-glass/fixture.ts";
import { barriers, goTo, look, PAGES, PHONE, SCHEMES, startBrowser, startGlass, WHY_NOT } from "./looking.ts";

describe.skipIf(WHY_NOT !== undefined)(`the pages in a browser ${WHY_NOT ?? ""}`, () => {
  let browser: Browser;
  let fixture: Fixture;
  beforeAll(async () => {
    [browser, fixture] = await Promise.all([startBrowser(), startGlass()]);
  });
  afterAll(async () => {
    await browser?.close();
    await fixture?.stop();
  });

  test.each(SCHEMES)("every page is there, is open to all and breaks no rule of its own: %s", async (scheme) => {
    const { page, errors, violations, strangers } = await look(browser, fixture, { scheme });
    const found: string[] = [];
    for (const [name, hash, title] of PAGES) {
      await goTo(page, hash, title);
      await page.waitForTimeout(250);
      found.push(...(await barriers(page)).map((barrier) => `${name}: ${barrier}`));
    }
    expect(found).toEqual([]);
    expect({ errors, violations, strangers }).toEqual({ errors: [], violations: [], strangers: [] });
    await page.context().close();
  });

  test("on a phone no page is wider than the screen, and all are open to all", async () => {
    const { page } = await look(browser, fixture, { viewport: PHONE });
    const found: string[] = [];
    for (const [name, hash, title] of PAGES) {
      await goTo(page, hash, title);
      await page.waitForTimeout(250);
      const width = await page.evaluate(() => document.documentElement.scrollWidth);
      if (width > PHONE.width) found.push(`${name} is ${width} wide`);
      found.push(...(await barriers(page)).map((barrier) => `${name}: ${barrier}`));
    }
    expect(found).toEqual([]);
    await page.context().close();
  });

  test("the token is gone from the address bar, and without one the page says how to come in", async () => {
    const { page } = await look(browser, fixture);
    expect(page.url()).toBe(`${fixture.origin}/#/overview`);
    const stranger = await browser.newContext();
    const other = await stranger.newPage();
    await other.goto(`${fixture.origin}/`);
    await other.getByRole("heading", { name: "This page has no access" }).waitFor();
    await stranger.close();
    await page.context().close();
  });

  test("the overview has the problems first, with object, field and remedy, and each leads to its page", async () => {
    const { page } = await look(browser, fixture);
    const problem = page.locator(".problem", { hasText: "Service shop/orphan" });
    await expect.poll(() => problem.locator(".field").textContent()).toBe("spec.selector");
    expect(await problem.locator(".remedy").count()).toBe(1);
    await problem.locator(".problem-title a").click();
    await page.locator("h1", { hasText: "shop/orphan" }).waitFor();
    expect(await page.locator(".change-what").textContent()).toMatch(/spec\.selector/);
    await page.context().close();
  });

  test("a Service is explained link by link, with the marks of the commands", async () => {
    const { page } = await look(browser, fixture);
    await goTo(page, "#/services/shop/orphan", /orphan/);
    const links = page.locator(".tree-root > .branch > .finding");
    const said = await links.evaluateAll((all) =>
      all.map((one) => [
        one.querySelector(".finding-step")?.textContent,
        one.querySelector(".mark")?.getAttribute("aria-label"),
      ]),
    );
    expect(said).toContainEqual(["class", "holds"]);
    expect(said).toContainEqual(["address", "holds"]);
    expect(said).toContainEqual(["endpoints", "does not hold"]);
    await page.context().close();
  });

  test("filters are in the address bar, and choose on the server", async () => {
    const { page } = await look(browser, fixture);
    await goTo(page, "#/services", /^Services$/);
    await page.getByRole("searchbox", { name: /Name, address or problem/ }).fill("cart");
    await expect.poll(() => page.locator(".table-services [data-row]").count()).toBe(1);
    expect(page.url()).toContain("#/services?q=cart");
    await goTo(page, "#/routes?node=node2&peer=tor1", /^Routes$/);
    const sessions = page.locator(".table-routes-out .cell-session a");
    await expect.poll(() => sessions.count()).toBeGreaterThan(0);
    expect(new Set(await sessions.allTextContents())).toEqual(new Set(["node2 → tor1"]));
    await page.context().close();
  });

  test("light and dark can be chosen, and are remembered", async () => {
    const { page } = await look(browser, fixture, { scheme: "light" });
    const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    const light = await ground();
    await page.keyboard.press("d");
    await page.keyboard.press("d");
    await expect.poll(ground).not.toBe(light);
    await page.reload();
    await page.locator("[data-connection=live]").waitFor();
    expect(await ground()).not.toBe(light);
    await page.context().close();
  });
});
