declare const HERALD_VERSION: string | undefined;

/** The version the bundle was built as; `dev` when run from source. */
export function version(): string {
  return typeof HERALD_VERSION === "undefined" ? "dev" : HERALD_VERSION;
}
