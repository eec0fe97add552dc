import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { type Command, Option } from "commander";
import { KubernetesClient } from "../kubernetes/client.ts";
import { clientConfigFromKubeconfig } from "../kubernetes/kubeconfig.ts";
import { systemClock } from "../system/clock.ts";
import { pinoLog } from "../telemetry/pino-log.ts";

/** How commands of people reach the API: with their own rights, as kubectl does. */
export interface ApiFlags {
  readonly kubeconfig?: string;
  readonly namespace: string;
}

const STDERR = 2;

/** Adds `--kubeconfig` and `--namespace`. */
export function addApiFlags(command: Command): Command {
  return command
    .addOption(
      new Option(
        "--kubeconfig <file>",
        "how to reach the API (default: ~/.kube/config, in a pod its service account)",
      ).env("KUBECONFIG"),
    )
    .addOption(
      new Option("-n, --namespace <name>", "namespace of Herald and of the metallb.io objects")
        .env("METALLB_NAMESPACE")
        .default("metallb-system"),
    );
}

/** The file that kubectl would take; undefined in a pod without one. */
export function userKubeconfig({ kubeconfig }: Pick<ApiFlags, "kubeconfig">): string | undefined {
  if (kubeconfig !== undefined && kubeconfig !== "") return kubeconfig;
  const usual = join(homedir(), ".kube", "config");
  return existsSync(usual) ? usual : undefined;
}

/** A client with the user's rights; whoever takes it closes it. @throws {NoKubeconfig} */
export function userClient(flags: Pick<ApiFlags, "kubeconfig">): KubernetesClient {
  const log = pinoLog("error", { component: "cli" }, STDERR);
  return new KubernetesClient({ log, clock: systemClock }, clientConfigFromKubeconfig(userKubeconfig(flags)));
}
