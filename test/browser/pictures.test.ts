import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Fixture } from "../looking-glass/fixture.ts";
import { goTo, look, SCHEMES, startBrowser, startGlass, WHY_NOT } from "./looking.ts";

/** With UPDATE_PICTURES=1 those of the README are made anew. */
const FOLDER = process.env["UPDATE_PICTURES"] === "1" ? "deploy/pictures" : "dist/pictures";

const PICTURES: readonly (readonly [name: string, hash: string, title: RegExp])[] = [
  ["overview", "#/overview", /mended/],
  ["service", "#/services/shop/orphan", /orphan/],
  ["topology", "#/topology", /Topology/],
  ["layer2", "#/layer2?minutes=60", /Layer 2/],
  ["pools", "#/pools/big", /Pools/],
];

describe.skipIf(WHY_NOT !== undefined)(`the pictures of the README ${WHY_NOT ?? ""}`, () => {
  let browser: Browser;
  let fixture: Fixture;
  let larger: Fixture;
  beforeAll(async () => {
    mkdirSync(FOLDER, { recursive: true });
    [browser, fixture, larger] = await Promise.all([startBrowser(), startGlass(), startGlass({ services: 120 })]);
  });
  afterAll(async () => {
    await browser?.close();
    await fixture?.stop();
    await larger?.stop();
  });

  test.each(SCHEMES)("are made, and small: %s", async (scheme) => {
    for (const [name, hash, title] of PICTURES) {
      const of = name === "pools" ? larger : fixture;
      const { page } = await look(browser, of, { scheme, viewport: { width: 1280, height: 800 } });
      // Machines that make pictures have few fonts: this is near to what most desktops have.
      await page.evaluate(() => document.documentElement.style.setProperty("--sans", '"Inter", system-ui, sans-serif'));
      await goTo(page, hash, title);
      const path = join(FOLDER, `${name}-${scheme}.png`);
      await picture(page, path);
      expect(statSync(path).size).toBeLessThan(250_000);
      await page.context().close();
    }
  });
});

async function picture(page: Page, path: string): Promise<void> {
  await page.evaluate(() => document.fonts.ready);
  await page.waitForTimeout(800);
  await page.screenshot({ path, animations: "disabled" });
}
