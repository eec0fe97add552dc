import type { EventData, GlassEvent, ServiceRow } from "../model.ts";

/** What makes a view load anew: events of these types, or those that pass. */
export type ChangedBy = readonly (keyof EventData)[] | ((event: GlassEvent) => boolean);

/** Between two loads of the same thing, however often it changes, in milliseconds. */
export const LEAST_GAP = 400;
/** What speakers or the API are asked for anew with each load costs them something. */
export const ASKING_GAP = 5_000;

export function isChangedBy(changedBy: ChangedBy, event: GlassEvent): boolean {
  if (event.type === "reset") return true;
  return typeof changedBy === "function" ? changedBy(event) : changedBy.includes(event.type);
}

/** How long to wait with a load: soon after the first change, and that long after the last load. */
export function waitBefore(now: number, loaded: number, gap: number): number {
  return Math.max(LEAST_GAP, loaded + gap - now);
}

/** Whether the event has to do with this Service; `row` is what is known of it. */
export function isAboutService(event: GlassEvent, key: string, row: ServiceRow | undefined): boolean {
  switch (event.type) {
    case "services": {
      const { rows, gone, many } = event.data;
      return many || gone.includes(key) || rows.some(({ namespace, name }) => `${namespace}/${name}` === key);
    }
    case "journal":
      return event.data.lost > 0 || event.data.entries.some(({ move }) => move.service === key);
    case "layer2":
      return event.data.addresses.some((address) => row?.addresses.includes(address) === true);
    case "sessions":
      return [...event.data.rows.map(({ session }) => session), ...event.data.gone].some(
        ({ node, peer }) => row?.bgp.nodes.includes(node) === true && row.bgp.peers.includes(peer),
      );
    case "sources":
      return true;
    case "hello":
    case "overview":
    case "pools":
    case "reset":
      return false;
  }
}
