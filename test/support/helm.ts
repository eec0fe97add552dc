import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { parseAllDocuments, stringify } from "yaml";

/** The folder of the chart. */
export const CHART = join(import.meta.dirname, "../../deploy/helm/herald");
const CACHED = join(import.meta.dirname, "../../dist/tools/helm");

/** A rendered object, as far as tests look into it. */
export interface Rendered {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

/** Finds helm: $HELM, then PATH, then what `test/tooling/fetch-tools.sh` put into dist/tools. */
export async function findHelm(): Promise<string | undefined> {
  const onPath = (process.env["PATH"] ?? "").split(delimiter).map((folder) => join(folder, "helm"));
  const given = process.env["HELM"];
  for (const candidate of [...(given === undefined ? [] : [given]), ...onPath, CACHED]) {
    const usable = await access(candidate, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (usable) return candidate;
  }
  return undefined;
}

/** Values as `--set` takes them, or as a values.yaml says them. */
export type Settings = readonly string[] | Readonly<Record<string, unknown>>;

const COMMANDS = {
  lint: ["lint"],
  template: ["template", "herald"],
  // What a user reads when it is done; nothing is installed.
  notes: ["install", "herald", "--dry-run=client"],
} as const;

/** Runs helm on the chart; resolves with what it printed, and its exit status. */
export function helm(binary: string, command: keyof typeof COMMANDS, settings: Settings): Promise<HelmResult> {
  const isList = (given: Settings): given is readonly string[] => Array.isArray(given);
  const set = isList(settings) ? settings.flatMap((setting) => ["--set", setting]) : ["--values", "-"];
  const args = [...COMMANDS[command], CHART, "--namespace", "metallb-system", ...set];
  return new Promise((resolve) => {
    const child = execFile(binary, args, { maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      resolve({ failed: error !== null, stdout, stderr });
    });
    child.stdin?.end(isList(settings) ? "" : stringify(settings));
  });
}

export interface HelmResult {
  readonly failed: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** The chart's objects with these values. @throws Error with helm's words when it refuses them */
export async function render(binary: string, settings: Settings): Promise<readonly Rendered[]> {
  const { failed, stdout, stderr } = await helm(binary, "template", settings);
  if (failed) throw new Error(stderr);
  return parseAllDocuments(stdout).flatMap((document) => {
    const object: unknown = document.toJS();
    return isRendered(object) ? [object] : [];
  });
}

function isRendered(object: unknown): object is Rendered {
  return typeof object === "object" && object !== null && "kind" in object && "metadata" in object;
}
