import type { MetricDefinition } from "../../src/telemetry/metrics.ts";

const HEAD = `# Metrics

What \`/metrics\` of a controller and of a speaker says. Written from the code's own list (\`src/telemetry/catalogue-*.ts\`); a test
fails when the two differ, and \`UPDATE_GOLDEN=1\` writes it anew. Names that begin with \`metallb_\` are MetalLB's, so that its
dashboards and alerts go on; some of them end in \`_total\` and are gauges, as there.

A label whose value would be empty is left out: \`vrf\` of a peer that is in none. \`peer\` is \`ip:port\` for BGP and \`ip\` for BFD.
Series of a peer, a pool or an address are there for as long as it is. Of pools and Services only the leading controller speaks.
`;

/** All metrics of one daemon as a table of Markdown. */
function table(definitions: readonly MetricDefinition<string>[]): string {
  const rows = definitions.map(({ name, type, labels, help }) => {
    const named = labels.map((label) => `\`${label}\``).join(", ");
    return `| \`${name}\` | ${type} | ${named} | ${help.replaceAll("|", "\\|")} |`;
  });
  return ["| metric | type | labels | meaning |", "| --- | --- | --- | --- |", ...rows].join("\n");
}

/** The whole document. */
export function metricsDocument(
  sections: readonly { readonly title: string; readonly definitions: readonly MetricDefinition<string>[] }[],
  nodes: readonly string[],
): string {
  const parts = sections.map(({ title, definitions }) => `## ${title}\n\n${table(definitions)}\n`);
  const own = `## Node's own\n\nOf both daemons, as prom-client gives them: ${nodes.map((name) => `\`${name}\``).join(", ")}.\n`;
  return [HEAD, ...parts, own].join("\n");
}
