import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Fixture } from "../looking-glass/fixture.ts";
import { goTo, look, startBrowser, startGlass, WHY_NOT } from "./looking.ts";

describe.skipIf(WHY_NOT !== undefined)(`what changes is seen without a reload ${WHY_NOT ?? ""}`, () => {
  let browser: Browser;
  let fixture: Fixture;
  beforeAll(async () => {
    [browser, fixture] = await Promise.all([startBrowser(), startGlass()]);
  });
  afterAll(async () => {
    await browser?.close();
    await fixture?.stop();
  });

  test("a session that is lost and comes back: in the list, in its page and in the picture", async () => {
    const list = await look(browser, fixture);
    const picture = await look(browser, fixture);
    await goTo(list.page, "#/sessions", /sessions/);
    await goTo(picture.page, "#/topology", /Topology/);
    const row = list.page.locator('[data-row="node1 tor1"]');
    await row.getByText("established").waitFor();
    fixture.cluster.sessionDown("node1", "tor1", "the hold time expired");
    await row.getByText("the hold time expired").waitFor();
    await picture.page.locator(".edge-session.edge-bad").nth(1).waitFor({ state: "attached" });
    fixture.cluster.sessionUp("node1", "tor1");
    await row.getByText("established").waitFor();
    await expect.poll(() => picture.page.locator(".edge-session.edge-bad").count()).toBe(1);
    await list.page.context().close();
    await picture.page.context().close();
  });

  test("a Service that comes and goes", async () => {
    const { page } = await look(browser, fixture);
    await goTo(page, "#/services", /Services/);
    const row = page.locator('[data-row="shop/new"]');
    fixture.cluster.putService({
      namespace: "shop",
      name: "new",
      ip: "192.0.2.77",
      pool: "main",
      bgp: fixture.cluster.nodes,
      endpoints: fixture.cluster.nodes,
    });
    await row.waitFor();
    fixture.cluster.removeService("shop/new");
    await row.waitFor({ state: "detached" });
    await page.context().close();
  });

  test("the problem of a Service that is mended goes from the overview, and its explanation turns", async () => {
    const overview = await look(browser, fixture);
    const explained = await look(browser, fixture);
    const problem = overview.page.locator(".problem", { hasText: "Service shop/orphan" });
    await problem.waitFor();
    await goTo(explained.page, "#/services/shop/orphan", /orphan/);
    await explained.page.locator(".change-bad").waitFor();
    const service = fixture.cluster.service("shop/orphan");
    if (service === undefined) throw new Error("no such Service");
    const three = fixture.cluster.nodes;
    fixture.cluster.putService({ ...service, endpoints: three, bgp: three });
    await problem.waitFor({ state: "detached" });
    await explained.page.locator(".change-bad").waitFor({ state: "detached" });
    fixture.cluster.putService(service);
    await problem.waitFor();
    await overview.page.context().close();
    await explained.page.context().close();
  });

  test("an address that moves to another node", async () => {
    const { page } = await look(browser, fixture);
    await goTo(page, "#/layer2", /Layer 2/);
    const owner = page.locator('[data-row="198.51.100.10"] .cell-owner');
    fixture.cluster.moveAddress("shop/cart", "node1");
    await owner.getByText("node1").waitFor();
    fixture.cluster.moveAddress("shop/cart", "node3");
    await owner.getByText("node3").waitFor();
    await page.context().close();
  });

  test("the journal goes on, waits while it is paused, and has everything afterwards", async () => {
    const { page } = await look(browser, fixture);
    await goTo(page, "#/journal", /Journal/);
    const first = page.locator('.table-journal [data-index="0"]');
    fixture.cluster.move("node1", { type: "draining", reason: "one" });
    await first.getByText("one").waitFor();
    await page.keyboard.press("p");
    await page.getByRole("button", { name: "Resume" }).waitFor();
    fixture.cluster.move("node1", { type: "draining", reason: "two" });
    await page.getByRole("button", { name: "1 new" }).waitFor();
    expect(await first.textContent()).toContain("one");
    await page.getByRole("button", { name: "Resume" }).click();
    await first.getByText("two").waitFor();
    await page.context().close();
  });

  test("a node that does not answer is said, and hides nothing of the others", async () => {
    const { page } = await look(browser, fixture);
    await goTo(page, "#/sessions", /sessions/);
    fixture.cluster.speaker("node2").setSilent("its node is gone");
    await page.locator(".notice-unknown", { hasText: "node2" }).waitFor();
    await page.locator('[data-row="node1 tor1"]').getByText("established").waitFor();
    fixture.cluster.speaker("node2").setSilent(undefined);
    await page.locator(".notice-unknown").waitFor({ state: "detached" });
    await page.context().close();
  });

  test("a lost connection is seen at once, and what was missed is there when it is back", async () => {
    const { page } = await look(browser, fixture);
    await goTo(page, "#/sessions", /sessions/);
    await fixture.stopServer();
    await page.locator("[data-connection=lost]").waitFor();
    await page.getByText("The connection to herald ui is lost").waitFor();
    fixture.cluster.sessionDown("node2", "tor2", "while nobody looked");
    await fixture.startServer();
    await page.locator("[data-connection=live]").waitFor();
    await page.locator('[data-row="node2 tor2"]').getByText("while nobody looked").waitFor();
    expect(await page.getByText("The connection to herald ui is lost").count()).toBe(0);
    fixture.cluster.sessionUp("node2", "tor2");
    await page.locator('[data-row="node2 tor2"]').getByText("established").waitFor();
    await page.context().close();
  });
});
