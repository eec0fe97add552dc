import { randomUUID } from "node:crypto";
import { TransientError } from "../../wire/errors.ts";
import type { Api } from "../api.ts";
import { asArray, asObject, asString, type JsonObject } from "../json.ts";
import { type KubeObject, parseObject, withMeta } from "../object.ts";
import type { ResourceType } from "../resource.ts";
import { ApiError, webhookError } from "../status.ts";
import { callWebhook, type ServiceTable, WebhookFailed } from "./webhook-call.ts";

/** An object must be converted before the request can go on; thrown through the synchronous verbs, caught by {@link WebhookConversion.settle}. */
export class ConversionNeeded extends TransientError {
  readonly code = "ERR_APISERVER_CONVERSION_NEEDED";
  readonly object: KubeObject;
  readonly apiVersion: string;

  constructor(object: KubeObject, apiVersion: string) {
    super(`${object.kind} ${object.metadata.name} is not known in ${apiVersion} yet`);
    this.object = object;
    this.apiVersion = apiVersion;
  }
}

export interface ConversionPorts {
  readonly api: Api;
  readonly services: ServiceTable;
}

const KEPT = 20_000;
const BATCH = 500;
const MOST_ROUNDS = 1000;
const TIMEOUT_SECONDS = 30;

/**
 * Conversion of custom objects by their webhooks. The verbs are synchronous, and so is `convert`: what it does not know it throws for,
 * `settle` asks the webhook and lets the verb begin again. Nothing of a verb has happened when it converts.
 */
export class WebhookConversion {
  readonly #ports: ConversionPorts;
  readonly #known = new Map<string, KubeObject>();

  constructor(ports: ConversionPorts) {
    this.#ports = ports;
  }

  /** Whether a kind is converted by a webhook. */
  applies(type: ResourceType): boolean {
    return type.custom && this.#clientOf(type.group, type.kind) !== undefined;
  }

  /** The object in another version; undefined when no webhook converts its kind. @throws ConversionNeeded */
  convert(object: KubeObject, apiVersion: string): KubeObject | undefined {
    if (this.#clientOf(groupOf(object), object.kind) === undefined) return undefined;
    const known = this.#known.get(keyOf(object, apiVersion));
    if (known === undefined) throw new ConversionNeeded(object, apiVersion);
    const { labels, annotations } = known.metadata;
    return withMeta({ ...known, metadata: object.metadata }, { labels, annotations });
  }

  /** Runs a synchronous step until it has all the conversions that it needs. @throws ApiError when the webhook fails */
  async settle<T>(step: () => T): Promise<T> {
    for (let round = 0; round < MOST_ROUNDS; round++) {
      try {
        return step();
      } catch (error) {
        if (!(error instanceof ConversionNeeded)) throw error;
        await this.#fetch(error);
      }
    }
    throw new ApiError(500, "InternalError", "conversions do not come to an end");
  }

  /** Asks for one object and, since a list needs them all, for others of its kind along with it. */
  async #fetch({ object, apiVersion }: ConversionNeeded): Promise<void> {
    const batch = [object, ...this.#unknown(object, apiVersion)].slice(0, BATCH);
    const [version, kind] = [object.apiVersion, object.kind];
    try {
      const converted = await this.#ask(batch, apiVersion);
      for (const [i, one] of batch.entries()) this.#remember(keyOf(one, apiVersion), parseObject(converted[i]));
    } catch (cause) {
      if (!(cause instanceof WebhookFailed)) throw cause;
      throw webhookError(`conversion webhook for ${version}, Kind=${kind} failed: ${cause.message}`, cause);
    }
  }

  #unknown(object: KubeObject, apiVersion: string): readonly KubeObject[] {
    const type = this.#ports.api.registry.findKind(apiVersion, object.kind)?.type;
    if (type === undefined) return [];
    const stored = this.#ports.api
      .collection(type)
      .list()
      .map((entry) => entry.object);
    return stored.filter(
      (other) =>
        other !== object && other.apiVersion === object.apiVersion && !this.#known.has(keyOf(other, apiVersion)),
    );
  }

  async #ask(objects: readonly KubeObject[], desiredAPIVersion: string): Promise<readonly unknown[]> {
    const [first] = objects;
    const client = first === undefined ? undefined : this.#clientOf(groupOf(first), first.kind);
    const uid = randomUUID();
    const review = {
      kind: "ConversionReview",
      apiVersion: "apiextensions.k8s.io/v1",
      request: { uid, desiredAPIVersion, objects },
    };
    const answer = asObject(await callWebhook(this.#ports.services, client, review, TIMEOUT_SECONDS));
    const response = asObject(answer["response"]);
    const result = asObject(response["result"]);
    if (response["uid"] !== uid) throw new WebhookFailed("expected a response with the request's uid");
    if (result["status"] !== "Success") throw new WebhookFailed(asString(result["message"]) ?? "no success");
    const converted = asArray(response["convertedObjects"]);
    const isRight = (object: unknown): boolean => asObject(object)["apiVersion"] === desiredAPIVersion;
    if (converted.length !== objects.length || !converted.every(isRight))
      throw new WebhookFailed(`expected ${objects.length} objects of ${desiredAPIVersion}`);
    return converted;
  }

  #remember(key: string, object: KubeObject): void {
    this.#known.set(key, object);
    const [oldest] = this.#known.keys();
    if (this.#known.size > KEPT && oldest !== undefined) this.#known.delete(oldest);
  }

  #clientOf(group: string, kind: string): JsonObject | undefined {
    const { api } = this.#ports;
    const definitions = api.registry.find("apiextensions.k8s.io/v1", "customresourcedefinitions")?.type;
    if (definitions === undefined) return undefined;
    for (const { object } of api.collection(definitions).list()) {
      const spec = asObject(object["spec"]);
      if (spec["group"] !== group || asObject(spec["names"])["kind"] !== kind) continue;
      const conversion = asObject(spec["conversion"]);
      return conversion["strategy"] === "Webhook"
        ? asObject(asObject(conversion["webhook"])["clientConfig"])
        : undefined;
    }
    return undefined;
  }
}

function groupOf({ apiVersion }: KubeObject): string {
  return apiVersion.split("/").at(0) ?? "";
}

/** What a conversion depends on: of the metadata, a webhook may change labels and annotations only. */
function keyOf({ metadata, ...rest }: KubeObject, apiVersion: string): string {
  const { name, namespace, labels, annotations } = metadata;
  return JSON.stringify([apiVersion, name, namespace, labels, annotations, rest]);
}
