import { stringify } from "yaml";
import type { NodeRow, PlanReport, RefusalRow, ServiceRow } from "./plan-report.ts";
import { textTable } from "./table.ts";

export const PLAN_FORMATS = ["table", "json", "yaml"] as const;
export type PlanFormat = (typeof PLAN_FORMATS)[number];

/** The report as text, in pieces: a node at a time, so that large plans pass through. */
export function renderPlan(report: PlanReport, format: PlanFormat): Iterable<string> {
  switch (format) {
    case "json":
      return renderJson(report);
    case "yaml":
      return [stringify({ services: report.services, nodes: [...report.nodes], invalid: report.invalid })];
    case "table":
      return renderTable(report);
  }
}

/** One row on each line: one document for programs, and still good to grep. */
function* renderJson({ services, nodes, invalid }: PlanReport): Generator<string> {
  yield `{\n"services": ${jsonRows(services)},\n"nodes": [`;
  let separator = "\n";
  for (const { name, bgp, layer2, refusals } of nodes) {
    const lists = `"bgp": ${jsonRows(bgp)},\n"layer2": ${jsonRows(layer2)},\n"refusals": ${jsonRows(refusals)}`;
    yield `${separator}{"name": ${JSON.stringify(name)},\n${lists}}`;
    separator = ",\n";
  }
  yield `],\n"invalid": ${jsonRows(invalid)}\n}\n`;
}

function jsonRows(rows: readonly unknown[]): string {
  return rows.length === 0 ? "[]" : `[\n  ${rows.map((row) => JSON.stringify(row)).join(",\n  ")}\n]`;
}

function* renderTable(report: PlanReport): Generator<string> {
  const { services, nodes, invalid, messages } = report;
  yield heading("SERVICES", services.length);
  yield textTable(
    ["SERVICE", "IPS", "POOL", "REASON"],
    services.map((row) => serviceCells(row, messages)),
  );
  for (const node of nodes) yield renderNode(node);
  if (invalid.length === 0) return;
  yield heading("INVALID, LEFT OUT", invalid.length);
  yield textTable(
    ["KIND", "NAME", "MESSAGE"],
    invalid.map(({ kind, name, message }) => [kind, name, message]),
  );
}

function serviceCells({ namespace, name, ips, pool, reason }: ServiceRow, messages: PlanReport["messages"]): string[] {
  const key = `${namespace}/${name}`;
  const message = messages.get(key) ?? "";
  return [key, ips.join(",") || "<pending>", pool ?? "", message === "" ? reason : `${reason}: ${message}`];
}

/** Shown where a route has them. */
const EXTRA_COLUMNS: readonly (readonly [title: string, read: (row: NodeRow["bgp"][number]) => number | undefined])[] =
  [
    ["MED", (row) => row.med],
    ["PREPEND", (row) => row.asPathPrepend],
    ["BANDWIDTH", (row) => row.linkBandwidth],
  ];

function renderNode({ name, bgp, layer2, refusals }: NodeRow): string {
  const extras = EXTRA_COLUMNS.filter(([, read]) => bgp.some((row) => read(row) !== undefined));
  const routes = bgp.map((row) => {
    const { peer, prefix, localPref, communities, largeCommunities, services } = row;
    const all = [...communities, ...largeCommunities];
    const more = extras.map(([, read]) => read(row)?.toString() ?? "");
    return [peer, prefix, localPref?.toString() ?? "", ...more, all.join(","), services.join(",")];
  });
  const columns = ["PEER", "PREFIX", "LOCALPREF", ...extras.map(([title]) => title), "COMMUNITIES", "SERVICES"];
  const answers = layer2.map(({ ip, interfaces, service }) => [ip, interfaces.join(",") || "all", service]);
  const refused = groupRefusals(refusals);
  return [
    `\nNODE ${name}\n`,
    ...section("BGP", columns, routes),
    ...section("LAYER 2", ["IP", "INTERFACES", "SERVICE"], answers),
    ...section("NOT ANNOUNCED", ["SERVICE", "IPS", "PROTOCOLS", "REASON", "MESSAGE"], refused),
    bgp.length + layer2.length + refusals.length === 0 ? "  nothing\n" : "",
  ].join("");
}

function section(title: string, columns: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  return rows.length === 0 ? [] : [heading(title, rows.length), textTable(columns, rows)];
}

function heading(title: string, count: number): string {
  return `\n${title} (${count})\n`;
}

/** Addresses and protocols with one reason are one line for a reader. */
function groupRefusals(refusals: readonly RefusalRow[]): readonly (readonly string[])[] {
  const groups = new Map<string, RefusalRow[]>();
  for (const refusal of refusals) {
    const key = JSON.stringify([refusal.service, refusal.reason, refusal.message]);
    const group = groups.get(key) ?? [];
    group.push(refusal);
    groups.set(key, group);
  }
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const distinct = (values: readonly (string | null)[]): string =>
      [...new Set(values.map((v) => v ?? "<none>"))].join(",");
    const ips = distinct(group.map((row) => row.ip));
    return [[first.service, ips, distinct(group.map((row) => row.protocol)), first.reason, first.message]];
  });
}
