/** What a speaker says of itself: paths below `/v1/` of its admin socket. A field that goes, or means something else, raises the number. */
export const INSPECTION_VERSION = 1;

/** The documents that a speaker has. */
export const VIEWS = [
  "about",
  "sessions",
  "session",
  "routes-out",
  "routes-in",
  "layer2",
  "members",
  "plan",
  "moves",
  "journal",
  "messages",
  "several",
] as const;

export type ViewName = (typeof VIEWS)[number];

/** What every document begins with. Times are RFC 3339 in UTC. */
export interface ViewHead {
  readonly view: ViewName;
  readonly version: typeof INSPECTION_VERSION;
  readonly node: string;
  readonly at: string;
}

/** A document that is a list. */
export interface ListView<Item> extends ViewHead {
  readonly items: readonly Item[];
}

/** One line of a list that is watched. */
export interface Change<Item> {
  readonly type: "added" | "modified" | "deleted";
  readonly node: string;
  readonly item: Item;
}

/** A document that is asked for and is none of ours, or of another version. */
export function isViewHead(value: unknown): value is ViewHead {
  return (
    typeof value === "object" &&
    value !== null &&
    "view" in value &&
    VIEWS.some((name) => name === value.view) &&
    "version" in value &&
    value.version === INSPECTION_VERSION &&
    "node" in value &&
    typeof value.node === "string"
  );
}
