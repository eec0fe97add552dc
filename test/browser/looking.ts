import { existsSync } from "node:fs";
import axe from "axe-core";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { readPageFiles } from "../../src/looking-glass/page-files.ts";
import { shippedUiFolder } from "../../src/system/assets.ts";
import { Fixture, type FixtureOptions } from "../looking-glass/fixture.ts";

const EXECUTABLE = process.env["CHROMIUM"] ?? "/usr/bin/chromium";

/** Why these tests cannot run here; in CI they have to. */
export const WHY_NOT: string | undefined = whyNot();

if (WHY_NOT !== undefined && process.env["CI"] === "true") throw new Error(`CI must run these tests: ${WHY_NOT}`);

function whyNot(): string | undefined {
  if (!existsSync(EXECUTABLE)) return `no ${EXECUTABLE}: apt-get install chromium, or name one in CHROMIUM`;
  if (shippedUiFolder() === undefined) return "the pages are not built: npm run build";
  return undefined;
}

export const SCHEMES = ["light", "dark"] as const;
export type Scheme = (typeof SCHEMES)[number];

const DESKTOP = { width: 1440, height: 900 };
export const PHONE = { width: 390, height: 844 };

/** Every page, and the words of its title. */
export const PAGES: readonly (readonly [name: string, hash: string, title: RegExp])[] = [
  ["overview", "#/overview", /mended/],
  ["services", "#/services", /^Services$/],
  ["service", "#/services/shop/orphan", /shop\/orphan/],
  ["service that is well", "#/services/shop/cart", /shop\/cart/],
  ["sessions", "#/sessions", /^BGP sessions$/],
  ["session that is down", "#/sessions/node3/tor2", /node3 → tor2/],
  ["session that is up", "#/sessions/node1/tor1", /node1 → tor1/],
  ["topology", "#/topology", /^Topology$/],
  ["topology of a node", "#/topology?node=node3", /^Topology$/],
  ["routes", "#/routes", /^Routes$/],
  ["routes from peers", "#/routes?direction=in", /^Routes$/],
  ["pools", "#/pools", /^Pools$/],
  ["pool", "#/pools/lan", /^Pools$/],
  ["layer 2", "#/layer2", /^Layer 2$/],
  ["journal", "#/journal", /^Journal$/],
];

/** A looking glass over a made-up cluster, with the pages that were built. */
export async function startGlass(options: FixtureOptions = {}): Promise<Fixture> {
  const folder = shippedUiFolder();
  return await new Fixture({ ...options, pages: folder === undefined ? [] : readPageFiles(folder) }).start();
}

export async function startBrowser(): Promise<Browser> {
  return await chromium.launch({ executablePath: EXECUTABLE, args: ["--no-sandbox", "--disable-gpu"] });
}

/** What went wrong in a page, as far as the browser says it. */
export interface Look {
  readonly page: Page;
  /** Errors of scripts, and what the console calls an error. */
  readonly errors: readonly string[];
  /** What the policy of the page forbade. */
  readonly violations: readonly string[];
  /** Requests to others than the server of the page. */
  readonly strangers: readonly string[];
}

/** Opens the looking glass as its user does, with the URL that was printed. */
export async function look(
  browser: Browser,
  fixture: Fixture,
  how: { readonly scheme?: Scheme; readonly viewport?: { readonly width: number; readonly height: number } } = {},
): Promise<Look> {
  const context = await browser.newContext({
    colorScheme: how.scheme ?? "light",
    viewport: how.viewport ?? DESKTOP,
    locale: "en-GB",
  });
  await context.addInitScript({ content: axe.source });
  const seen = await watch(context, fixture.origin);
  const page = await context.newPage();
  page.on("pageerror", ({ message }) => seen.errors.push(message));
  page.on("console", (message) => {
    if (message.type() === "error") seen.errors.push(message.text());
  });
  await page.goto(fixture.url);
  await page.locator("[data-connection=live]").waitFor();
  return { page, ...seen };
}

async function watch(context: BrowserContext, origin: string) {
  const seen = { errors: [] as string[], violations: [] as string[], strangers: [] as string[] };
  await context.exposeFunction("heraldViolation", (text: string) => seen.violations.push(text));
  await context.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) => {
      const tell: unknown = Reflect.get(globalThis, "heraldViolation");
      if (typeof tell === "function") tell(`${event.violatedDirective}: ${event.blockedURI} ${event.sourceFile}`);
    });
  });
  context.on("request", (request) => {
    if (!request.url().startsWith(`${origin}/`)) seen.strangers.push(request.url());
  });
  return seen;
}

/** Goes to a page as its links do, and waits until it is there. */
export async function goTo(page: Page, hash: string, title: RegExp): Promise<void> {
  await page.evaluate((to) => {
    window.location.hash = to;
  }, hash);
  await page.locator("h1", { hasText: title }).waitFor();
  await page.locator("[aria-busy=true]").waitFor({ state: "detached" });
}

/** What axe finds that keeps somebody out. */
export async function barriers(page: Page): Promise<readonly string[]> {
  const found: unknown = await page.evaluate(async () => {
    const axe: unknown = Reflect.get(globalThis, "axe");
    if (typeof axe !== "object" || axe === null || !("run" in axe) || typeof axe.run !== "function") return "no axe";
    return await axe.run(document, { resultTypes: ["violations"] });
  });
  if (typeof found !== "object" || found === null || !("violations" in found)) return [`axe said ${found}`];
  const violations: unknown = found.violations;
  if (!Array.isArray(violations)) return ["axe said nothing"];
  return violations.filter(isSerious).map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(nodeOf).join("; ")}`);
}

interface Violation {
  readonly id: string;
  readonly help: string;
  readonly impact: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
}

function isSerious(violation: Violation): boolean {
  return violation.impact === "serious" || violation.impact === "critical";
}

function nodeOf({ html, failureSummary }: Violation["nodes"][number]): string {
  return `${html.slice(0, 160)} ${failureSummary ?? ""}`;
}
