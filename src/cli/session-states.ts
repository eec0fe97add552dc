import { FieldReader, Problems } from "../api/read-object.ts";
import { BGP_SESSION_STATES, NODES } from "../kubernetes/resource.ts";
import { parseIpAddress } from "../net/ip-address.ts";
import { ChangePrinter, type Listing } from "./change-printer.ts";
import { watchCluster } from "./cluster-watch.ts";
import { compareBy } from "./inspect.ts";
import { isWanted, type OutputFlags, print, sayNothingToShow } from "./output.ts";
import type { CliPorts, ExitCode } from "./ports.ts";
import type { ReachFlags } from "./reach.ts";
import { type Column, formatAge } from "./table.ts";
import { userClient } from "./user-client.ts";

/** A session as its BGPSessionState has it: what a SessionItem says, as far as it is there. */
interface StateItem {
  readonly node: string;
  readonly peer: string;
  readonly address?: string | undefined;
  readonly state: string;
  readonly since?: string | undefined;
  readonly prefixesOut?: number | undefined;
  readonly prefixesIn?: number | undefined;
  readonly flaps?: number | undefined;
  readonly bfd?: { readonly state: string } | undefined;
  readonly lastError?: string | undefined;
}

interface StateFlags extends ReachFlags, OutputFlags {
  readonly peer: readonly string[];
  readonly watch: boolean;
}

const LISTING: Listing<StateItem> = {
  columns: [
    { title: "NODE", read: ({ node }) => node },
    { title: "PEER", read: ({ peer }) => peer },
    { title: "ADDRESS", read: ({ address }) => address },
    { title: "STATE", read: ({ state }) => state, tone: ({ state }) => (state === "established" ? "good" : "bad") },
    { title: "SINCE", read: ({ since }) => since && formatAge(since, new Date().toISOString()) },
    { title: "OUT", read: ({ prefixesOut }) => prefixesOut },
    { title: "IN", read: ({ prefixesIn }) => prefixesIn },
    { title: "FLAPS", read: ({ flaps }) => flaps, tone: ({ flaps = 0 }) => (flaps > 0 ? "doubtful" : undefined) },
    { title: "BFD", read: ({ bfd }) => bfd?.state },
    { title: "LAST ERROR", read: ({ lastError }) => lastError },
  ] satisfies readonly Column<StateItem>[],
  keyOf: ({ node, peer }) => `${node}/${peer}`,
  nameOf: ({ node, peer }) => `${node}/${peer}`,
};

const worstFirst = compareBy<StateItem>(
  ({ state }) => Number(state === "established"),
  ({ node }) => node,
  ({ peer }) => peer,
);

/** `herald sessions` by what speakers wrote to the API: one request, or one watch, however many there are. */
export async function showSessionStates(flags: StateFlags, ports: CliPorts): Promise<ExitCode> {
  if (flags.watch) {
    const printer = new ChangePrinter(flags, ports, LISTING);
    const watched = { needed: [BGP_SESSION_STATES], around: [], selectable: NODES };
    await watchCluster(ports, flags, watched, ({ documents, selected }) =>
      printer.print(wanted(flags, documents, selected)),
    );
    return 0;
  }
  const rows = await read(flags);
  sayNothingToShow(ports, flags, rows);
  print(ports, flags, { columns: LISTING.columns, rows, document: { items: rows, silent: [] } });
  return 0;
}

async function read(flags: StateFlags): Promise<readonly StateItem[]> {
  const client = userClient(flags);
  const { namespace, selector: labelSelector } = flags;
  try {
    const { items } = await client.list<unknown>(BGP_SESSION_STATES, { namespace });
    if (labelSelector === undefined) return wanted(flags, items, undefined);
    const nodes = await client.list<{ readonly metadata: { readonly name: string } }>(NODES, { labelSelector });
    return wanted(flags, items, new Set(nodes.items.map(({ metadata }) => metadata.name)));
  } finally {
    client.close();
  }
}

function wanted(
  { node, peer }: StateFlags,
  documents: readonly unknown[],
  selected: ReadonlySet<string> | undefined,
): readonly StateItem[] {
  return documents
    .flatMap((document) => itemOf(document) ?? [])
    .filter((item) => isWanted(node, item.node) && isWanted(peer, item.peer) && selected?.has(item.node) !== false)
    .toSorted(worstFirst);
}

function itemOf(document: unknown): StateItem | undefined {
  const status = FieldReader.of(document, "", new Problems()).object("status");
  const [node, peer, state] = [status?.string("node"), status?.string("bgpPeer"), status?.string("bgpStatus")];
  if (status === undefined || node === undefined || peer === undefined || state === undefined) return undefined;
  const bfd = status.string("bfdStatus");
  const count = (name: string): number | undefined => status.integer(name, { min: 0, max: Number.MAX_SAFE_INTEGER });
  return {
    node,
    peer,
    address: addressText(status.string("peer")),
    state: wordOf(state),
    since: status.string("since"),
    prefixesOut: count("prefixesSent"),
    prefixesIn: count("prefixesReceived"),
    flaps: count("flaps"),
    bfd: bfd === undefined || bfd === "N/A" ? undefined : { state: wordOf(bfd) },
    lastError: status.string("lastError"),
  };
}

/** `OpenSent` is FRR-K8s' word for what speakers call `open-sent`. */
function wordOf(state: string): string {
  return state.replace(/(?<=[a-z])(?=[A-Z])/g, "-").toLowerCase();
}

/** As FRR-K8s writes it, an IPv6 address has dashes. */
function addressText(peer: string | undefined): string | undefined {
  if (peer === undefined) return undefined;
  return parseIpAddress(peer.replaceAll("-", ":"))?.toString() ?? peer;
}
