import { existsSync } from "node:fs";
import { join } from "node:path";
import { SystemError } from "../wire/errors.ts";

/** The program was moved away from the files it ships with. */
class AssetsMissing extends SystemError {
  readonly code = "ERR_SYSTEM_ASSETS_MISSING";
}

/** The folder of the shipped CRDs: beside `dist/` in a package, two folders up when run from source. */
export function shippedCrdFolder(): string {
  const candidates = ["../crds", "../../crds"].map((path) => join(import.meta.dirname, path));
  const found = candidates.find((path) => existsSync(path));
  if (found === undefined)
    throw new AssetsMissing(`no crds folder beside the program: looked for ${candidates.join(", ")}`);
  return found;
}

/** The folder of the looking glass's pages, as the build makes it; undefined where nothing was built. */
export function shippedUiFolder(): string | undefined {
  const candidates = ["ui", "../../dist/ui"].map((path) => join(import.meta.dirname, path));
  return candidates.find((path) => existsSync(join(path, "index.html")));
}
