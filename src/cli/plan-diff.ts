import type { NodeRow, PlanReport } from "./plan-report.ts";

/** What applying something changes: lines of `-` for what goes and `+` for what comes. */
export function diffPlans(before: PlanReport, after: PlanReport): readonly string[] {
  const [old, young] = [linesOf(before), linesOf(after)];
  const gone = [...old].filter((line) => !young.has(line)).map((line) => `- ${line}`);
  const come = [...young].filter((line) => !old.has(line)).map((line) => `+ ${line}`);
  return [...gone, ...come].toSorted((a, b) => compare(a.slice(2), b.slice(2)) || compare(b, a));
}

function linesOf({ services, nodes, invalid }: PlanReport): ReadonlySet<string> {
  const lines = new Set<string>();
  for (const { namespace, name, ips, pool, reason } of services) {
    const has = ips.length === 0 ? `no address: ${reason}` : `${ips.join(",")} of ${pool}`;
    lines.add(`Service ${namespace}/${name}: ${has}`);
  }
  for (const node of nodes) for (const line of nodeLines(node)) lines.add(line);
  for (const { kind, name, message } of invalid) lines.add(`${kind} ${name} is left out: ${message}`);
  return lines;
}

function nodeLines({ name, bgp, layer2 }: NodeRow): readonly string[] {
  const routes = bgp.map(({ services: _, ...route }) => {
    const { peer, prefix, localPref, communities, largeCommunities, med, asPathPrepend, linkBandwidth } = route;
    const attributes = {
      localPref,
      communities: [...communities, ...largeCommunities].join(","),
      med,
      asPathPrepend,
      linkBandwidth,
    };
    const set = Object.entries(attributes).filter(([, value]) => value !== undefined && value !== null && value !== "");
    const words = set.map(([key, value]) => ` ${key} ${value}`).join("");
    return `Node ${name}: route ${prefix} to ${peer}${words}`;
  });
  const answers = layer2.map(
    ({ ip, interfaces }) => `Node ${name}: answers for ${ip} on ${interfaces.join(",") || "all interfaces"}`,
  );
  return [...routes, ...answers];
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
