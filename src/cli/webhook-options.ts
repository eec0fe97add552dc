import { type Command, Option } from "commander";
import type { CertificateSource, WebhookOptions } from "../webhook/webhook.ts";
import { parseBoolean, parsePort } from "./daemon-options.ts";

/** What the webhooks take, with MetalLB's names where it has them. */
export interface WebhookFlags {
  readonly webhookMode: "enabled" | "disabled" | "onlywebhook";
  readonly webhookPort: number;
  readonly webhookAddress: string;
  readonly certServiceName: string;
  readonly webhookSecret: string;
  readonly webhookConfiguration: string;
  readonly disableCertRotation: boolean;
  readonly certDir?: string;
}

/** Taken so that MetalLB's manifests start: reviews are served by HTTP/1.1, which every API server speaks. */
export const UNUSED_WEBHOOK_FLAGS = ["--webhook-http2 [bool]"];

/** What `herald controller --help` says of webhooks. */
export const WEBHOOK_EXAMPLES = `
Webhooks: with --webhook-mode enabled, every replica (leader or not) answers the API server's questions at
--webhook-port: may this pool, peer or advertisement be, beside all others? and what is this BGPPeer in the other version?
The certificate makes and renews itself in the Secret --webhook-secret, and what signed it is written, and written again when
somebody takes it away, into the ValidatingWebhookConfiguration --webhook-configuration and the definition bgppeers.metallb.io.
/readyz waits until a call would be answered.

  herald controller --webhook-mode enabled                     in a pod behind the Service metallb-webhook-service
  herald controller --webhook-mode onlywebhook                 nothing but that: no addresses are handed out
  herald controller --webhook-mode enabled --cert-dir /certs   tls.crt and tls.key of a mounted Secret, read anew when they change;
                                                               whoever renews them also tells the API server (cert-manager)
  herald controller --webhook-mode enabled --disable-cert-rotation   --webhook-secret is read, and never written
`;

/** Adds the flags. */
export function addWebhookOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--webhook-mode <mode>", "answer the API server's webhooks: also, not, or nothing else")
        .choices(["enabled", "disabled", "onlywebhook"])
        .default("disabled"),
    )
    .option("--webhook-port <port>", "port of the webhooks", parsePort, 9443)
    .option("--webhook-address <ip>", "address of the webhooks", "0.0.0.0")
    .option("--cert-service-name <name>", "Service through which they are called", "metallb-webhook-service")
    .option("--webhook-secret <name>", "Secret with their certificate", "metallb-webhook-cert")
    .option(
      "--webhook-configuration <name>",
      "ValidatingWebhookConfiguration that names them",
      "metallb-webhook-configuration",
    )
    .addOption(
      new Option(
        "--disable-cert-rotation [bool]",
        "leave the Secret, and what the API server is told, to somebody else",
      )
        .preset("true")
        .argParser(parseBoolean)
        .default(false),
    )
    .option("--cert-dir <dir>", "folder with tls.crt and tls.key, instead of the Secret");
}

/** The webhooks' part of the flags. */
export function webhookOptions(flags: WebhookFlags, namespace: string): Omit<WebhookOptions, "tls"> {
  return {
    namespace,
    port: flags.webhookPort,
    address: flags.webhookAddress,
    serviceName: flags.certServiceName,
    secretName: flags.webhookSecret,
    configurationName: flags.webhookConfiguration,
    certificates: certificateSource(flags),
  };
}

function certificateSource({ certDir, disableCertRotation }: WebhookFlags): CertificateSource {
  if (certDir !== undefined && certDir !== "") return { folder: certDir };
  return disableCertRotation ? "foreign-secret" : "kept-secret";
}
