export type Scheme = "system" | "light" | "dark";

const KEY = "herald-theme";
const ORDER: readonly Scheme[] = ["system", "light", "dark"];

/** Light, dark, or as the system says; remembered. */
export class Theme {
  readonly #root: HTMLElement;
  readonly #storage: Storage;
  readonly #watchers = new Set<() => void>();

  constructor(root: HTMLElement, storage: Storage) {
    this.#root = root;
    this.#storage = storage;
    this.#apply(ORDER.find((scheme) => scheme === storage.getItem(KEY)) ?? "system");
  }

  get scheme(): Scheme {
    return ORDER.find((scheme) => scheme === this.#root.dataset["theme"]) ?? "system";
  }

  /** The next one of the three. */
  next(): Scheme {
    const scheme = ORDER[(ORDER.indexOf(this.scheme) + 1) % ORDER.length] ?? "system";
    this.#storage.setItem(KEY, scheme);
    this.#apply(scheme);
    return scheme;
  }

  watch(watcher: () => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  #apply(scheme: Scheme): void {
    if (scheme === "system") delete this.#root.dataset["theme"];
    else this.#root.dataset["theme"] = scheme;
    for (const watcher of this.#watchers) watcher();
  }
}
