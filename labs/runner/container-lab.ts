import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { LabConfigError } from "./errors.ts";
import { at, isObject } from "./json.ts";

/** A lab that network namespaces cannot be: it brings its own way to run, and its own exit codes. */
export type ContainerLab = (options: { readonly keep: boolean }) => Promise<number>;

/** The file in such a lab's folder. */
export function containerLabFile(folder: string, name: string): string {
  return join(folder, name, "run.ts");
}

/** How the lab is run with containers; undefined for one that runs on network namespaces. */
export async function containerLab(folder: string, name: string): Promise<ContainerLab | undefined> {
  const file = containerLabFile(folder, name);
  if (!existsSync(file)) return undefined;
  const module: unknown = await import(pathToFileURL(file).href);
  const run = isObject(module) ? at({ ...module }, "runWithContainers") : undefined;
  if (typeof run !== "function")
    throw new LabConfigError(file, { problems: ["exports no function runWithContainers"] });
  return async (options) => Number(await run(options));
}
