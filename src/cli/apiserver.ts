import { writeFileSync } from "node:fs";
import { isIP } from "node:net";
import { type Command, Option } from "commander";
import { type ApiServerOptions, createApiServer } from "../apiserver/server.ts";
import { aborted } from "../system/aborted.ts";
import { shippedCrdFolder } from "../system/assets.ts";
import { issueServerCertificate, makeAuthority } from "../system/certificates.ts";
import { systemWallClock } from "../system/clock.ts";
import { LOG_LEVELS, type LogLevel, pinoLog } from "../telemetry/pino-log.ts";
import { parsePort } from "./daemon-options.ts";
import { readManifestFiles } from "./manifest-files.ts";
import type { CliPorts, ExitCode } from "./ports.ts";

interface ApiserverFlags {
  readonly host: string;
  readonly port: number;
  readonly crds?: string;
  readonly kubeconfigOut?: string;
  readonly objects?: string;
  readonly rbac: boolean;
  readonly logLevel: LogLevel;
}

const EXAMPLES = `
Examples:
  herald apiserver --kubeconfig-out /tmp/kubeconfig
  KUBECONFIG=/tmp/kubeconfig kubectl get services -A

Everything is kept in memory and gone when it stops. Without --rbac anyone who reaches the address may do anything:
keep it on loopback or in a network of its own. With it the API is served by TLS, and the kubeconfig carries a token that may do
anything; others need a ServiceAccount's (kubectl create token NAME) and a role.
`;

/** Adds `herald apiserver`. */
export function registerApiserver(program: Command, ports: CliPorts, done: (code: ExitCode) => void): void {
  program
    .command("apiserver")
    .summary("an in-memory Kubernetes API for demos, labs and tests")
    .description(
      "Serves the part of the Kubernetes API that Herald uses, from memory, so that kubectl works against it.",
    )
    .option("--host <ip>", "address to listen on", "127.0.0.1")
    .option("--port <port>", "port to listen on, 0 for any free one", parsePort, 0)
    .option("--crds <dir>", "folder of CustomResourceDefinitions (default: those shipped)")
    .option("--kubeconfig-out <file>", "write a kubeconfig for kubectl there")
    .option("--objects <path>", "file or folder of objects that are there from the beginning, with their status")
    .option("--rbac", "serve TLS, ask for a token, and enforce Roles and ClusterRoles", false)
    .addOption(new Option("--log-level <level>", "how much to log").choices(LOG_LEVELS).default("info"))
    .addHelpText("after", EXAMPLES)
    .action(async (flags: ApiserverFlags) => {
      await runApiserver(flags, ports);
      done(0);
    });
}

async function runApiserver(flags: ApiserverFlags, ports: CliPorts): Promise<void> {
  const log = pinoLog(flags.logLevel, { component: "apiserver" });
  const crds = readManifestFiles([flags.crds ?? shippedCrdFolder()]);
  await using server = createApiServer(
    { wallClock: systemWallClock, log },
    { host: flags.host, port: flags.port, crds, ...(flags.rbac ? await secured(flags.host) : {}) },
  );
  // Before anybody can look: clients find all of them or no server.
  for (const object of flags.objects === undefined ? [] : readManifestFiles([flags.objects]))
    server.store.restore(object);
  await server.start();
  if (flags.kubeconfigOut !== undefined) writeFileSync(flags.kubeconfigOut, server.kubeconfig(), { mode: 0o600 });
  ports.stderr(`api server ready ${server.url}\n`);
  await aborted(ports.signal);
}

/** Clients send tokens by TLS only. What signed the certificate is in the kubeconfig, and its key nowhere. */
export async function secured(host: string): Promise<Pick<ApiServerOptions, "rbac" | "tls">> {
  const now = systemWallClock();
  const authority = await makeAuthority({ now, name: "herald apiserver" });
  const ipAddresses = [...new Set([host, "127.0.0.1", "::1"])].filter((address) => isIP(address) !== 0);
  const { key, certificate } = await issueServerCertificate({ authority, now, dnsNames: ["localhost"], ipAddresses });
  return { rbac: {}, tls: { key, cert: certificate + authority.certificate } };
}
