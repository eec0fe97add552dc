import type { Command } from "commander";
import type { Resource } from "../kubernetes/resource.ts";
import { ChangePrinter, type Listing } from "./change-printer.ts";
import { AROUND_HERALD, NEEDED } from "./cluster-documents.ts";
import { type ClusterFacts, type ClusterFlags, type ClusterReading, readingOf, withCluster } from "./cluster-facts.ts";
import { watchCluster } from "./cluster-watch.ts";
import { print, sayNothingToShow } from "./output.ts";
import type { CliPorts, ExitCode } from "./ports.ts";

/** Flags of commands that list what the API has, once or again and again. */
export interface ListFlags extends ClusterFlags {
  readonly watch: boolean;
}

/** What such a command shows. */
export interface ClusterListing<Item> extends Listing<Item> {
  /** What `--selector` selects. */
  readonly resource: Resource;
  /** In the order they are shown in, problems first. */
  readonly itemsOf: (facts: ClusterFacts) => readonly Item[];
}

/** Adds `--watch`. */
export function addWatchFlag(command: Command): Command {
  return command.option("-w, --watch", "go on with what changes", false);
}

/** Prints what there is; with `--watch` also each row that changes, until the signal is aborted. */
export async function showCluster<Item>(
  flags: ListFlags,
  ports: CliPorts,
  listing: ClusterListing<Item>,
): Promise<ExitCode> {
  const chosen = ({ facts, selected }: ClusterReading): readonly Item[] =>
    listing.itemsOf(facts).filter((item) => selected?.has(listing.keyOf(item)) !== false);
  if (flags.watch) {
    const printer = new ChangePrinter(flags, ports, listing);
    await watchCluster(ports, flags, { needed: NEEDED, around: AROUND_HERALD, selectable: listing.resource }, (seen) =>
      printer.print(chosen({ ...seen, facts: readingOf(seen.documents, flags.namespace) })),
    );
    return 0;
  }
  const rows = await withCluster(flags, ports, listing.resource, chosen);
  sayNothingToShow(ports, flags, rows);
  if (flags.output === "name") for (const row of rows) ports.stdout(`${listing.nameOf(row)}\n`);
  else print(ports, flags, { columns: listing.columns, rows, document: { items: rows } });
  return 0;
}
