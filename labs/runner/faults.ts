import type { Lab } from "./lab.ts";
import { monotonic } from "./monotonic.ts";

/** A node that lost its power: its link to the LAN goes dark, its speaker is killed. Returns the moment, on the monotonic clock. */
export async function killNode(lab: Lab, lan: string, node: string): Promise<number> {
  const moment = monotonic();
  // The link first: as long as it is up the kernel forwards, and the others would have noticed sooner.
  await lab.exec(lan, ["ip", "link", "set", node, "down"]);
  await lab.speaker(node).stop("SIGKILL");
  return moment;
}

/** Its power is back. */
export async function reviveNode(lab: Lab, lan: string, node: string): Promise<void> {
  await lab.exec(lan, ["ip", "link", "set", node, "up"]);
  lab.speaker(node).start();
}

/** Takes ports of a node down: at their other ends the carrier is lost, as when a switch or a cable fails. */
export async function portsDown(lab: Lab, node: string, ports: readonly string[]): Promise<void> {
  await setPorts(lab, node, ports, "down");
}

/** Undoes {@link portsDown}. */
export async function portsUp(lab: Lab, node: string, ports: readonly string[]): Promise<void> {
  await setPorts(lab, node, ports, "up");
}

async function setPorts(lab: Lab, node: string, ports: readonly string[], state: "up" | "down"): Promise<void> {
  const lines = ports.map((port) => `link set ${port} ${state}\n`).join("");
  await lab.exec(node, ["ip", "-batch", "-"], lines);
}

/** Cuts the LAN in two: no frame goes between the ports of `side` and the others. */
export async function partition(lab: Lab, lan: string, side: readonly string[]): Promise<number> {
  const ports = side.map((port) => `"${port}"`).join(", ");
  const rules = [
    `iifname { ${ports} } oifname != { ${ports} } drop`,
    `iifname != { ${ports} } oifname { ${ports} } drop`,
  ];
  await onBridge(lab, lan, "partition", rules);
  return monotonic();
}

/** What speakers say to each other is lost on the LAN, everything else goes through. */
export async function blockGossip(lab: Lab, lan: string): Promise<number> {
  await onBridge(lab, lan, "gossip", ["ether type ip udp dport 7946 drop", "ether type ip6 udp dport 7946 drop"]);
  return monotonic();
}

async function onBridge(lab: Lab, lan: string, table: string, rules: readonly string[]): Promise<void> {
  const chain = ["type filter hook forward priority 0; policy accept;", ...rules].map((rule) => `    ${rule}`);
  await lab.exec(
    lan,
    ["nft", "-f", "-"],
    [`table bridge ${table} {`, "  chain through {", ...chain, "  }", "}", ""].join("\n"),
  );
}

/** Undoes {@link partition} or {@link blockGossip}. */
export async function heal(lab: Lab, lan: string, table: "partition" | "gossip"): Promise<number> {
  await lab.exec(lan, ["nft", "delete", "table", "bridge", table]);
  return monotonic();
}

/** A node that hears neither the API nor the other speakers, while its part of the LAN is as before. */
export async function isolate(lab: Lab, node: string): Promise<number> {
  await lab.exec(node, ["nft", "-f", "-"], ISOLATED);
  return monotonic();
}

/** A node that does not reach the API. */
export async function cutApi(lab: Lab, node: string): Promise<number> {
  await lab.exec(node, ["nft", "-f", "-"], WITHOUT_API);
  return monotonic();
}

/** Undoes {@link isolate} or {@link cutApi}. */
export async function reconnect(lab: Lab, node: string): Promise<number> {
  await lab.exec(node, ["nft", "delete", "table", "inet", "isolated"]);
  return monotonic();
}

function isolation(rule: string): string {
  return `table inet isolated {
  chain in { type filter hook input priority filter; policy accept; iifname eth0 drop; ${rule} }
  chain out { type filter hook output priority filter; policy accept; oifname eth0 drop; ${rule} }
}
`;
}

const ISOLATED = isolation("udp dport 7946 drop;");
const WITHOUT_API = isolation("");
