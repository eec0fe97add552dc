import type { KubernetesObject } from "../api/object.ts";
import { isFields } from "../api/read-object.ts";
import { sameBundle } from "./certificate-facts.ts";

/** The Service by which the API server reaches us, and where the conversions are asked for. */
export interface WebhookService {
  readonly namespace: string;
  readonly name: string;
  readonly port: number;
  readonly convertPath: string;
}

/** One operation of a JSON patch (RFC 6902). */
type PatchOperation =
  | { readonly op: "test" | "add"; readonly path: string; readonly value: unknown }
  | { readonly op: "remove"; readonly path: string };

/** How an object says that a webhook is called: through a Service, trusting these authorities. */
interface CallerEntry {
  readonly name: string;
  readonly service: string;
  readonly bundle: string;
}

/** An object that tells the API server to call us, as far as it matters here. */
export interface CallerObject extends KubernetesObject {
  readonly entries: readonly CallerEntry[];
  /** Of a definition: how its versions are converted. */
  readonly conversion: string;
}

/** What has to be done with one of them. */
export interface CallerPlan {
  /** The authorities it tells the API server of now, one for each entry that is ours. */
  readonly told: readonly string[];
  readonly operations: readonly PatchOperation[];
}

/** The webhooks of a ValidatingWebhookConfiguration. */
export function readWebhooks(raw: unknown): CallerObject | undefined {
  const metadata = metadataOf(raw);
  if (metadata === undefined || !isFields(raw)) return undefined;
  const webhooks = Array.isArray(raw["webhooks"]) ? raw["webhooks"] : [];
  const entries = webhooks.map((webhook: unknown) => {
    const fields = isFields(webhook) ? webhook : {};
    return { name: textOf(fields["name"]), ...readClient(fields["clientConfig"]) };
  });
  return { metadata, entries, conversion: "" };
}

/** The conversion of a CustomResourceDefinition. */
export function readConversion(raw: unknown): CallerObject | undefined {
  const metadata = metadataOf(raw);
  if (metadata === undefined || !isFields(raw)) return undefined;
  const spec = isFields(raw["spec"]) ? raw["spec"] : {};
  const conversion = isFields(spec["conversion"]) ? spec["conversion"] : {};
  const webhook = isFields(conversion["webhook"]) ? conversion["webhook"] : {};
  const entry = { name: "conversion", ...readClient(webhook["clientConfig"]) };
  return { metadata, entries: [entry], conversion: textOf(conversion["strategy"]) };
}

/** Puts the bundle where our Service is called; entries of others stay as they are. */
export function planWebhooks(object: CallerObject, bundle: string, service: WebhookService): CallerPlan {
  const ours = object.entries.map((entry, index) => ({ ...entry, index })).filter((entry) => isOurs(entry, service));
  const wrong = ours.filter((entry) => !sameBundle(entry.bundle, bundle));
  return {
    told: ours.map((entry) => entry.bundle),
    operations: wrong.flatMap(({ index, name }): readonly PatchOperation[] => [
      // The list may have moved since it was read.
      { op: "test", path: `/webhooks/${index}/name`, value: name },
      { op: "add", path: `/webhooks/${index}/clientConfig/caBundle`, value: encode(bundle) },
    ]),
  };
}

/** Makes the API server ask us for conversions, unless it asks somebody else. */
export function planConversion(object: CallerObject, bundle: string, service: WebhookService): CallerPlan {
  const [entry = { name: "", service: "", bundle: "" }] = object.entries;
  if (object.conversion === "Webhook" && !isOurs(entry, service)) return { told: [], operations: [] };
  if (object.conversion === "Webhook") {
    const path = "/spec/conversion/webhook/clientConfig";
    const operations: readonly PatchOperation[] = [
      { op: "test", path: `${path}/service/name`, value: service.name },
      { op: "add", path: `${path}/caBundle`, value: encode(bundle) },
    ];
    return { told: [entry.bundle], operations: sameBundle(entry.bundle, bundle) ? [] : operations };
  }
  return { told: [""], operations: [{ op: "add", path: "/spec/conversion", value: conversionOf(service, bundle) }] };
}

function conversionOf({ namespace, name, port, convertPath: path }: WebhookService, bundle: string): object {
  const clientConfig = { service: { namespace, name, port, path }, caBundle: encode(bundle) };
  return { strategy: "Webhook", webhook: { conversionReviewVersions: ["v1"], clientConfig } };
}

function isOurs(entry: CallerEntry, { namespace, name }: WebhookService): boolean {
  return entry.service === `${namespace}/${name}`;
}

function readClient(clientConfig: unknown): { readonly service: string; readonly bundle: string } {
  const fields = isFields(clientConfig) ? clientConfig : {};
  const service = isFields(fields["service"]) ? fields["service"] : {};
  return {
    service: `${textOf(service["namespace"])}/${textOf(service["name"])}`,
    bundle: Buffer.from(textOf(fields["caBundle"]), "base64").toString("utf8"),
  };
}

function metadataOf(raw: unknown): KubernetesObject["metadata"] | undefined {
  if (!isFields(raw) || !isFields(raw["metadata"])) return undefined;
  const { name } = raw["metadata"];
  return typeof name === "string" ? { name } : undefined;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function encode(bundle: string): string {
  return Buffer.from(bundle).toString("base64");
}
