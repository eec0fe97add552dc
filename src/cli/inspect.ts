import type { Command } from "commander";
import type { ListView } from "../inspection/view.ts";
import { addOutputFlags, type OutputFlags, print, sayNothingToShow } from "./output.ts";
import type { CliPorts, ExitCode } from "./ports.ts";
import { addReachFlags, askOptions, needSpeakers, type ReachFlags, reportSilent } from "./reach.ts";
import type { Column } from "./table.ts";
import { type Answers, askAll, type Silent } from "./transport.ts";

/** What commands take that ask speakers and print. */
export interface InspectFlags extends ReachFlags, OutputFlags {}

/** An item, and when its node said it. */
export interface Row<Item> {
  readonly item: Item;
  readonly at: string;
}

/** What a command that lists shows. */
export interface Listing<Item, View extends ListView<Item>> {
  readonly path: string;
  readonly columns: readonly Column<Row<Item>>[];
  /** Problems first, then by name. */
  readonly compare: (a: Item, b: Item) => number;
  /** Leaves items out that were not asked for. */
  readonly wants?: (item: Item) => boolean;
  /** What the document says beside its items. */
  readonly about?: (views: readonly View[]) => object;
  /** What else the user can do about those that do not answer. */
  readonly hint?: (silent: readonly Silent[]) => string | undefined;
}

/** Adds what they take. */
export function addInspectFlags(command: Command): Command {
  return addOutputFlags(addReachFlags(command));
}

/** Asks the speakers that the flags name. @throws CodedError where not even the pods can be listed */
async function askSpeakers<View extends ListView<unknown>>(
  flags: ReachFlags,
  ports: Pick<CliPorts, "signal">,
  path: string,
): Promise<Answers<View>> {
  const reached = await needSpeakers(flags, ports);
  const { views, silent } = await askAll<View>(reached.lines, path, askOptions(flags, ports));
  return { views, silent: [...reached.silent, ...silent] };
}

/** Asks, sorts and prints; 1 when a speaker did not answer. */
export async function showList<Item, View extends ListView<Item>>(
  flags: InspectFlags,
  ports: CliPorts,
  listing: Listing<Item, View>,
): Promise<ExitCode> {
  const { views, silent } = await askSpeakers<View>(flags, ports, listing.path);
  const rows = views.flatMap(({ items, at }) => items.map((item) => ({ item, at })));
  const shown = rows.filter(({ item }) => listing.wants?.(item) !== false);
  const sorted = shown.toSorted((a, b) => listing.compare(a.item, b.item));
  const items = sorted.map(({ item }) => item);
  if (silent.length === 0) sayNothingToShow(ports, flags, sorted);
  print(ports, flags, {
    columns: listing.columns,
    rows: sorted,
    document: { ...listing.about?.(views), items, silent },
  });
  const code = reportSilent(ports, { silent });
  const hint = listing.hint?.(silent);
  if (hint !== undefined) ports.stderr(`${hint}\n`);
  return code;
}

/** By several texts, the first that differs decides. */
export function compareBy<Item>(...reads: readonly ((item: Item) => string | number)[]): (a: Item, b: Item) => number {
  return (a, b) => {
    for (const read of reads) {
      const [left, right] = [read(a), read(b)];
      if (left !== right) return left < right ? -1 : 1;
    }
    return 0;
  };
}

/** A path with values to filter by. */
export function withQuery(path: string, values: Readonly<Record<string, readonly string[]>>): string {
  const query = new URLSearchParams();
  for (const [name, all] of Object.entries(values)) for (const one of all) query.append(name, one);
  return query.size === 0 ? path : `${path}?${query.toString()}`;
}
