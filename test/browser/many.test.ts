import type { Browser, CDPSession, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Fixture } from "../looking-glass/fixture.ts";
import { goTo, look, startBrowser, startGlass, WHY_NOT } from "./looking.ts";

/** Frames and tasks while something happened, in milliseconds. */
interface Smoothness {
  readonly frames: number;
  /** What the page's main thread worked for a frame, whatever else the machine had to do. */
  readonly work: number;
  readonly median: number;
  readonly p95: number;
  readonly longest: number;
  readonly longTasks: number;
  readonly longestTask: number;
}

describe.skipIf(WHY_NOT !== undefined)(`10,000 Services and 100 nodes ${WHY_NOT ?? ""}`, () => {
  let browser: Browser;
  let fixture: Fixture;
  beforeAll(async () => {
    [browser, fixture] = await Promise.all([startBrowser(), startGlass({ services: 10_000, nodes: 100 })]);
  });
  afterAll(async () => {
    await browser?.close();
    await fixture?.stop();
  });

  test("the list scrolls from end to end with no more rows in the page than on a screen and around it", async () => {
    const { page, errors } = await look(browser, fixture);
    await goTo(page, "#/services", /^Services$/);
    await page.locator(".table-services [data-row]").first().waitFor();
    const count = () => page.locator(".table-services").getAttribute("aria-rowcount");
    await expect.poll(count, { timeout: 30_000 }).toBe("10015");
    const still = await scrolled(page);
    report("scrolling 10,000 Services", still);
    fixture.churn(200);
    const busy = await scrolled(page);
    fixture.churn(0);
    report("the same, with 200 changes a second", busy);
    for (const { rows } of [still, busy]) {
      expect(rows).toBeGreaterThan(20);
      expect(rows).toBeLessThan(80);
    }
    await page.evaluate(() => window.scrollTo(0, document.documentElement.scrollHeight));
    await page.locator('.table-services [data-index="10013"]').waitFor();
    expect(errors).toEqual([]);
    await page.context().close();
  }, 240_000);

  test("what is looked for among 10,000 is found", async () => {
    const { page } = await look(browser, fixture);
    await goTo(page, "#/services", /^Services$/);
    const begun = Date.now();
    await page.getByRole("searchbox", { name: /Name, address or problem/ }).fill("service09876");
    await page.locator('[data-row$="/service09876"]').waitFor();
    await expect.poll(() => page.locator(".table-services [data-row]").count()).toBe(1);
    process.stdout.write(`found among 10,000: ${Date.now() - begun} ms after the last letter\n`);
    await page.context().close();
  });

  test("the picture of 100 nodes has every node once, and lines only where they say something", async () => {
    const { page } = await look(browser, fixture);
    await goTo(page, "#/topology", /Topology/);
    await expect.poll(() => page.locator(".thing-node").count()).toBe(100);
    const lines = await page.locator(".edge-session").count();
    expect(lines).toBeLessThan(60);
    await page.locator(".thing-node").nth(41).hover();
    await expect.poll(() => page.locator(".edge-session:not(.edge-far)").count()).toBe(2);
    await page.context().close();
  });

  test("the journal keeps its page small while 500 moves a second come", async () => {
    const { page } = await look(browser, fixture);
    await goTo(page, "#/journal", /Journal/);
    const timer = setInterval(() => {
      for (let i = 0; i < 25; i++) fixture.cluster.move("node001", { type: "draining", reason: "many" });
    }, 50);
    const figures = await measured(page, async () => await page.waitForTimeout(3000));
    clearInterval(timer);
    report("a journal with 500 moves a second", figures);
    expect(await page.locator(".table-journal [data-row]").count()).toBeLessThan(80);
    await page.context().close();
  });
});

/** From the top to the bottom and back, in strides of a third of a screen for each frame. */
async function scrolled(page: Page): Promise<Smoothness & { readonly rows: number }> {
  let rows = 0;
  const figures = await measured(page, async () => {
    rows = await page.evaluate(async () => {
      let most = 0;
      for (const direction of [1, -1])
        for (let step = 0; step < 60; step++) {
          window.scrollBy(0, direction * 300);
          await new Promise((resolve) => requestAnimationFrame(resolve));
          most = Math.max(most, document.querySelectorAll(".table-services .table-body > *").length);
        }
      return most;
    });
  });
  return { ...figures, rows };
}

async function measured(page: Page, act: () => Promise<unknown>): Promise<Smoothness> {
  await page.evaluate(() => {
    const seen = { frames: [] as number[], tasks: [] as number[], stop: false };
    Reflect.set(globalThis, "heraldSeen", seen);
    new PerformanceObserver((list) => seen.tasks.push(...list.getEntries().map(({ duration }) => duration))).observe({
      type: "longtask",
    });
    let last = performance.now();
    const frame = (now: number): void => {
      seen.frames.push(now - last);
      last = now;
      if (!seen.stop) requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  const before = await workOf(session);
  await act();
  const work = (await workOf(session)) - before;
  await session.detach();
  const { frames, tasks } = await page.evaluate(() => {
    const seen: unknown = Reflect.get(globalThis, "heraldSeen");
    Reflect.set(Object(seen), "stop", true);
    return seen as { readonly frames: number[]; readonly tasks: number[] };
  });
  const sorted = frames.slice(1).toSorted((a, b) => a - b);
  const at = (share: number): number => Math.round((sorted[Math.floor(sorted.length * share)] ?? 0) * 10) / 10;
  return {
    frames: sorted.length,
    work: Math.round((work / Math.max(1, sorted.length)) * 10) / 10,
    median: at(0.5),
    p95: at(0.95),
    longest: at(0.9999),
    longTasks: tasks.length,
    longestTask: Math.round(Math.max(0, ...tasks)),
  };
}

/** Milliseconds that the page's main thread was on a processor. */
async function workOf(session: CDPSession): Promise<number> {
  const { metrics } = await session.send("Performance.getMetrics");
  return (metrics.find(({ name }) => name === "TaskDuration")?.value ?? 0) * 1000;
}

function report(what: string, { frames, work, median, p95, longest, longTasks, longestTask }: Smoothness): void {
  const tasks = longTasks === 0 ? "no long task" : `${longTasks} long tasks, the longest ${longestTask} ms`;
  process.stdout.write(
    `${what}: ${frames} frames, ${work} ms of work each, median ${median} ms, p95 ${p95} ms, longest ${longest} ms; ${tasks}\n`,
  );
}
