import { escapeControls } from "../api/raw-object.ts";
import { healthSlice } from "../standalone/health-slice.ts";
import { nodeObject } from "../standalone/node-object.ts";
import { folderJudge, type StandaloneOptions, type StandalonePorts } from "../standalone/standalone.ts";
import { readManifestFolder } from "./manifest-files.ts";
import { type PlanFormat, renderPlan } from "./plan-render.ts";
import { planDocuments } from "./plan-report.ts";
import type { CliPorts, ExitCode } from "./ports.ts";

interface OnceOptions extends Pick<StandaloneOptions, "host" | "kinds"> {
  readonly manifests: string;
  readonly output: PlanFormat;
  readonly lbClass: string;
}

/** Says what is wrong with a folder, or what this host would announce with every health check passing. */
export function planOnce(
  ports: Pick<CliPorts, "stdout" | "stderr"> & Pick<StandalonePorts, "wallClock" | "log">,
  options: OnceOptions,
): ExitCode {
  const { host, manifests, output, lbClass } = options;
  const { content, faults } = folderJudge(ports, options)(readManifestFolder(manifests));
  if (content === undefined) {
    for (const fault of faults) ports.stderr(`${escapeControls(fault)}\n`);
    return 2;
  }
  const given = content.objects.find(({ kind }) => kind === "Node");
  const documents = [
    ...content.objects.filter(({ kind }) => kind !== "Node" && kind !== "HealthCheck").map(({ raw }) => raw),
    nodeObject(host, given?.raw),
    ...onePerService(content.checks).map((check) => healthSlice(check, host.nodeName, { ready: true })),
  ];
  const report = planDocuments([documents], {
    namespace: host.namespace,
    loadBalancerClass: lbClass === "" ? undefined : lbClass,
    ignoreExcludeLb: false,
    nodes: [],
  });
  for (const note of [...content.notes, ...report.notes]) ports.stderr(`note: ${escapeControls(note)}\n`);
  for (const piece of renderPlan(report, output)) ports.stdout(piece);
  return report.invalid.length === 0 ? 0 : 2;
}

function onePerService<T extends { readonly namespace: string; readonly service: string }>(
  checks: readonly T[],
): readonly T[] {
  return [...new Map(checks.map((check) => [`${check.namespace}/${check.service}`, check])).values()];
}
