import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { adoptionScene, type Scene } from "../../src/adoption/report.ts";

const FOLDER = join(import.meta.dirname, "../fixtures/adopt");

/** An object of a dump, open for tests to change. */
export interface Dumped {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string>; annotations?: Record<string, string> };
  // biome-ignore lint/suspicious/noExplicitAny: tests reach into objects of any kind
  [field: string]: any;
}

/** The objects of a dump, each time anew. */
export function dump(name: "native" | "helm-frr-k8s"): Dumped[] {
  const list: { items: Dumped[] } = parse(readFileSync(join(FOLDER, `${name}.yaml`), "utf8"));
  return list.items;
}

export function find(objects: readonly Dumped[], kind: string, name: string): Dumped {
  const object = objects.find((one) => one.kind === kind && one.metadata.name === name);
  if (object === undefined) throw new Error(`the dump has no ${kind} ${name}`);
  return object;
}

/** What `herald adopt` makes of these objects. */
export function look(objects: readonly Dumped[], loadBalancerClass?: string): Scene {
  return adoptionScene([{ apiVersion: "v1", kind: "List", items: objects }], {
    namespace: undefined,
    loadBalancerClass,
  });
}

/** `name severity object` of every finding. */
export function findingsOf({ report }: Scene): readonly string[] {
  return report.findings.map(({ name, severity, object }) => `${severity} ${name} ${object}`.trim());
}
