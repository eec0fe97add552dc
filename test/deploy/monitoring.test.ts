import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { CONTROLLER_METRICS } from "../../src/telemetry/catalogue-controller.ts";
import { SHARED_METRICS } from "../../src/telemetry/catalogue-shared.ts";
import { SPEAKER_METRICS } from "../../src/telemetry/catalogue-speaker.ts";
import { PromMetrics } from "../../src/telemetry/prom-metrics.ts";
import { ALERTS, type AlertCase } from "./alert-cases.ts";
import { groupedBy, readsOf } from "./promql.ts";

const DEPLOY = join(import.meta.dirname, "../../deploy");
const RULES = join(DEPLOY, "monitoring/alerts.yaml");
const PROMTOOL = process.env["PROMTOOL"] ?? "promtool";
/** What Prometheus itself puts on every series. */
const TARGET = ["instance", "job", "namespace", "pod", "container", "node", "service", "endpoint", "le"];

interface Rule {
  readonly alert: string;
  readonly expr: string;
}
interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}

const rules: readonly Rule[] = parse(readFileSync(RULES, "utf8")).groups.flatMap(
  ({ rules: group }: { readonly rules: readonly Rule[] }) => group,
);
const panels: readonly Panel[] = JSON.parse(readFileSync(join(DEPLOY, "monitoring/dashboard.json"), "utf8")).panels;
const queries = panels.flatMap(({ title, targets = [] }) =>
  targets.map(({ expr, legendFormat }) => ({ title, legend: legendFormat, expr: concrete(expr) })),
);
/** Names that are registered, with their labels. */
let known = new Map<string, readonly string[]>();

beforeAll(async () => {
  const ours = [SHARED_METRICS, CONTROLLER_METRICS, SPEAKER_METRICS].flatMap((catalogue) => Object.values(catalogue));
  const named = ours.flatMap(({ name, type, labels }): [string, readonly string[]][] =>
    type === "histogram" ? ["_bucket", "_sum", "_count"].map((end) => [name + end, labels]) : [[name, labels]],
  );
  const ofNode = [...(await new PromMetrics().text()).matchAll(/^# TYPE (\w+) /gm)].map(
    ([, name = ""]): [string, readonly string[]] => [name, []],
  );
  known = new Map([...ofNode, ...named]);
});

test("there are alerts and panels to look at", () => {
  expect(rules.length).toBeGreaterThan(15);
  expect(queries.length).toBeGreaterThan(30);
});

describe("what alerts and the dashboard ask for is what the program says", () => {
  test.each([...rules.map(({ alert, expr }) => [alert, expr]), ...queries.map(({ title, expr }) => [title, expr])])(
    "%s",
    (_, expr = "") => {
      const reads = readsOf(expr);
      expect(reads.length).toBeGreaterThan(0);
      for (const { metric, labels } of reads) {
        const own = known.get(metric);
        expect(own, `${metric} is registered`).toBeDefined();
        for (const label of labels) expect([...(own ?? []), ...TARGET], `a label of ${metric}`).toContain(label);
      }
      const all = [...reads.flatMap(({ metric }) => known.get(metric) ?? []), ...TARGET];
      for (const label of groupedBy(expr)) expect(all, `a label in ${expr}`).toContain(label);
    },
  );

  test("a name that nobody registers is noticed", () => {
    const [read] = readsOf('sum by (peer) (rate(metallb_bgp_updates{peer=~"a(b", le="1"}[5m])) or vector(0)');
    expect(read).toEqual({ metric: "metallb_bgp_updates", labels: ["peer", "le"] });
    expect(known.has("metallb_bgp_updates")).toBe(false);
  });
});

describe("the dashboard", () => {
  test("legends name labels that the query leaves", () => {
    for (const { title, legend, expr } of queries) {
      for (const [, label = ""] of legend.matchAll(/\{\{(\w+)\}\}/g)) expect(groupedBy(expr), title).toContain(label);
    }
  });

  test("no panel lies on another, and each has a number of its own", () => {
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, cell) => `${x + (cell % w)},${y + Math.floor(cell / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    for (const { gridPos } of panels) expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
  });
});

const available = await promtool(["--version"]).then(({ failed }) => !failed);
if (!available && process.env["CI"] === "true")
  throw new Error("promtool is needed in CI: Debian's package prometheus");

describe.skipIf(!available)("promtool (skipped where it is not installed)", () => {
  const folder = mkdtempSync(join(tmpdir(), "herald-rules-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  test("takes the rules", async () => {
    const { failed, output } = await promtool(["check", "rules", RULES]);
    expect(failed, output).toBe(false);
    expect(output).toContain(`${rules.length} rules found`);
  });

  test("takes every query of the dashboard", async () => {
    const file = join(folder, "dashboard.yaml");
    const recorded = queries.map(({ expr }, index) => ({ record: `query:${index}`, expr }));
    writeFileSync(file, stringify({ groups: [{ name: "dashboard", rules: recorded }] }));
    const { failed, output } = await promtool(["check", "rules", file]);
    expect(failed, output).toBe(false);
  });

  test("every alert has cases", () => {
    expect([...new Set(ALERTS.map(({ alert }) => alert))].toSorted()).toEqual(
      rules.map(({ alert }) => alert).toSorted(),
    );
    for (const { alert } of rules) {
      const fires = ALERTS.filter((row) => row.alert === alert).map((row) => row.fires);
      expect(new Set(fires), `${alert} fires in one case and not in another`).toEqual(new Set([true, false]));
    }
  });

  test.each(
    ALERTS.map((row): [string, AlertCase] => [`${row.alert} ${row.fires ? "fires" : "is quiet"}: ${row.when}`, row]),
  )("%s", async (_, { alert, fires, series, at, message }) => {
    const file = join(folder, "test.yaml");
    const firing = { expr: `count(ALERTS{alertname="${alert}", alertstate="firing"}) or vector(0)`, eval_time: at };
    const expected = { ...firing, exp_samples: [{ labels: "{}", value: fires ? 1 : 0 }] };
    writeFileSync(
      file,
      stringify({
        rule_files: [RULES],
        evaluation_interval: "30s",
        tests: [
          {
            interval: "30s",
            input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
            promql_expr_test: [expected],
            ...(message === undefined
              ? {}
              : { alert_rule_test: [{ eval_time: at, alertname: alert, exp_alerts: [message] }] }),
          },
        ],
      }),
    );
    const { failed, output } = await promtool(["test", "rules", file]);
    expect(failed, output).toBe(false);
  });
});

/** With Grafana's variables as Grafana would fill them in. */
function concrete(expr: string): string {
  return expr.replaceAll("$__rate_interval", "2m").replaceAll("$instance", ".*");
}

function promtool(args: readonly string[]): Promise<{ readonly failed: boolean; readonly output: string }> {
  return new Promise((resolve) => {
    execFile(PROMTOOL, args, (error, stdout, stderr) => {
      resolve({ failed: error !== null, output: stdout + stderr });
    });
  });
}
