import { eventText, isForPeople, type OutputFlags, styleOf } from "./output.ts";
import type { CliPorts } from "./ports.ts";
import { type Column, TableStream } from "./table.ts";

/** What is listed. */
export interface Listing<Item> {
  readonly columns: readonly Column<Item>[];
  /** Who an item is: `namespace/name`, or `name`. */
  readonly keyOf: (item: Item) => string;
  /** What `-o name` prints. */
  readonly nameOf: (item: Item) => string;
}

/** Prints what differs from what was printed before: all of it at first. */
export class ChangePrinter<Item> {
  readonly #flags: OutputFlags;
  readonly #stdout: CliPorts["stdout"];
  readonly #listing: Listing<Item>;
  readonly #table: TableStream<Item>;
  #known: ReadonlyMap<string, { readonly item: Item; readonly text: string }> = new Map();

  constructor(flags: OutputFlags, ports: Pick<CliPorts, "stdout" | "env" | "terminal">, listing: Listing<Item>) {
    this.#flags = flags;
    this.#stdout = ports.stdout;
    this.#listing = listing;
    this.#table = new TableStream(listing.columns, styleOf(flags, ports));
  }

  print(items: readonly Item[]): void {
    const before = this.#known;
    const now = new Map(items.map((item) => [this.#listing.keyOf(item), { item, text: JSON.stringify(item) }]));
    this.#known = now;
    const gone = [...before].filter(([key]) => !now.has(key)).map(([, { item }]) => item);
    const fresh = [...now].filter(([key, { text }]) => before.get(key)?.text !== text);
    if (isForPeople(this.#flags)) {
      this.#stdout(this.#table.gone(gone) + this.#table.next(fresh.map(([, { item }]) => item)));
      return;
    }
    for (const item of gone) this.#tell("deleted", item);
    for (const [key, { item }] of fresh) this.#tell(before.has(key) ? "modified" : "added", item);
  }

  #tell(type: "added" | "modified" | "deleted", item: Item): void {
    const { output } = this.#flags;
    this.#stdout(output === "name" ? `${this.#listing.nameOf(item)}\n` : eventText({ type, item }, this.#flags));
  }
}
