import { stringify } from "yaml";
import type { AdoptionReport } from "../adoption/report.ts";
import type { Step } from "../adoption/steps.ts";
import { escapeControls } from "../api/raw-object.ts";
import { textTable } from "./table.ts";

export const ADOPT_FORMATS = ["table", "json", "yaml"] as const;
export type AdoptFormat = (typeof ADOPT_FORMATS)[number];

/** The report as text; `bold` makes a line stand out where there is a terminal. */
export function renderAdoption(report: AdoptionReport, format: AdoptFormat, bold: (text: string) => string): string {
  switch (format) {
    case "json":
      return `${JSON.stringify(report, undefined, 2)}\n`;
    case "yaml":
      return stringify(report);
    case "table":
      return renderTables(report, bold);
  }
}

function renderTables(report: AdoptionReport, bold: (text: string) => string): string {
  const { installations, findings, addresses, announcers, steps, back } = report;
  const found = installations.map((one) => [
    one.product,
    one.namespace,
    one.version,
    one.mode,
    one.controller,
    one.speakers,
    one.helmRelease ?? "",
    one.loadBalancerClass,
  ]);
  const columns = ["PRODUCT", "NAMESPACE", "VERSION", "BGP", "CONTROLLER", "SPEAKERS", "HELM RELEASE", "CLASS"];
  const said = findings.map(({ severity, name, object, message }) => [
    severity === "error" ? "ERROR" : severity,
    name,
    object,
    escapeControls(message),
  ]);
  const moved = addresses.filter(({ result }) => result !== "stays" && result !== "none");
  return [
    section("FOUND", columns, found),
    boldErrors(section("FINDINGS", ["SEVERITY", "NAME", "OBJECT", "MESSAGE"], said), bold),
    `\nADDRESSES (${addresses.length}): ${count(addresses)}\n`,
    moved.length === 0
      ? ""
      : textTable(
          ["SERVICE", "NOW", "UNDER HERALD", "RESULT", "REASON"],
          moved.map(({ service, before, after, result, reason }) => [
            service,
            before.join(","),
            after.join(","),
            result,
            escapeControls(reason),
          ]),
        ),
    `\nANNOUNCED (${announcers.length}): ${count(announcers)}\n`,
    ...renderSteps("STEPS", steps),
    ...renderSteps("AND BACK", back),
  ].join("");
}

function section(title: string, columns: readonly string[], rows: readonly (readonly string[])[]): string {
  return rows.length === 0 ? `\n${title}: none\n` : `\n${title} (${rows.length})\n${textTable(columns, rows)}`;
}

function boldErrors(text: string, bold: (line: string) => string): string {
  return text.replace(/^ {2}ERROR .*$/gm, bold);
}

/** `3 stays, 1 moves`. */
function count(rows: readonly { readonly result: string }[]): string {
  const counts = new Map<string, number>();
  for (const { result } of rows) counts.set(result, (counts.get(result) ?? 0) + 1);
  return [...counts].map(([result, number]) => `${number} ${result}`).join(", ") || "none";
}

function renderSteps(title: string, steps: readonly Step[]): readonly string[] {
  if (steps.length === 0) return [];
  return [
    `\n${title}\n`,
    ...steps.flatMap(({ title: what, commands, note }, i) => [
      `  ${i + 1}. ${what}\n`,
      ...commands.map((command) => `       ${command}\n`),
      note === "" ? "" : `     ${note}\n`,
    ]),
  ];
}
