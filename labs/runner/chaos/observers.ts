import { join } from "node:path";
import { allDone } from "../command.ts";
import { at, parseJson, textOf } from "../json.ts";
import type { Lab } from "../lab.ts";
import type { Heard } from "../lan-rounds.ts";
import { askFor, startListener } from "../lan-tap.ts";
import { monotonic } from "../monotonic.ts";
import { pause } from "../poll.ts";
import type { Vip } from "../service-address.ts";
import type { Moment, Requests } from "./moments.ts";

/** Milliseconds between two looks at a router's routes. */
const LOOKS = 400;

export type Tell = (moment: Moment) => void;

/** A client that asks all the time. */
export interface ClientGoal {
  readonly node: string;
  readonly vips: readonly Vip[];
  /** Requests to each address, a second. */
  readonly perSecond: number;
}

/** Starts `clients.mjs` on a node: what became of its requests is told second by second. */
export function startClient(lab: Lab, { node, vips, perSecond }: ClientGoal, tell: Tell): void {
  const script = join(import.meta.dirname, "clients.mjs");
  const argv = [process.execPath, script, String(perSecond), ...vips.map(({ url }) => url)];
  const onLine = (line: string): void => {
    const counted = parseRequests(line);
    const vip = vips.find(({ url }) => url === counted.url);
    if (vip !== undefined) tell({ type: "requests", client: node, address: vip.address, ...counted });
  };
  lab.start({ node, name: "clients", argv, onLine });
}

/** Reads a line of `clients.mjs`. */
export function parseRequests(
  line: string,
): Omit<Requests, "client" | "address"> & { readonly at: number; readonly url: string } {
  const value = parseJson(line);
  const number = (key: string): number => Number(at(value, key));
  return {
    at: number("at"),
    url: textOf(at(value, "url")),
    sent: number("sent"),
    lost: number("lost"),
    again: number("again"),
    late: at(value, "late") === true,
  };
}

/** Asks all the time who has each address: who answered one question is told when the next one is asked. */
export async function watchLan(lab: Lab, node: string, vips: readonly Vip[], tell: Tell): Promise<void> {
  const rounds = new OpenRounds((ip, time, macs) => {
    const nodes = [...macs].map((mac) => lab.nodeOfMac(mac)).toSorted();
    tell({ type: "answered", at: time, address: ip, nodes });
  });
  const listener = await startListener(lab, { node, port: "eth1" }, (heard) => rounds.hear(heard));
  for (const { address } of vips) askFor(listener, address);
}

/** Questions that are open, and who has answered them so far. */
export class OpenRounds {
  readonly #open = new Map<string, { readonly at: number; readonly macs: Set<string> }>();
  readonly #over: (ip: string, at: number, macs: ReadonlySet<string>) => void;

  constructor(over: (ip: string, at: number, macs: ReadonlySet<string>) => void) {
    this.#over = over;
  }

  hear({ kind, ip, mac, at: time }: Heard): void {
    const open = this.#open.get(ip);
    if (kind === "answer") open?.macs.add(mac);
    if (kind !== "asked") return;
    this.#open.set(ip, { at: time, macs: new Set() });
    if (open !== undefined) this.#over(ip, open.at, open.macs);
  }
}

/** Looks at the kernels of routers again and again, until `signal` fires. */
export async function watchRoutes(
  lab: Lab,
  { routers, vips }: { readonly routers: readonly string[]; readonly vips: readonly Vip[] },
  tell: Tell,
  signal: AbortSignal,
): Promise<void> {
  const look = async (router: string, { address, prefix }: Vip): Promise<void> => {
    const nodes = await lab.kernelNextHops(router, prefix);
    tell({ type: "routed", at: monotonic(), router, address, nodes });
  };
  while (!signal.aborted) {
    await allDone(routers.flatMap((router) => vips.map((vip) => look(router, vip))));
    await pause(LOOKS);
  }
}
