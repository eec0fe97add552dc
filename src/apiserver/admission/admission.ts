import { randomUUID } from "node:crypto";
import { errorFields, type Log } from "../../telemetry/log.ts";
import type { Api } from "../api.ts";
import type { User } from "../auth/user.ts";
import { objectKey } from "../collection.ts";
import { asArray, asObject, asString, asStrings, isObject } from "../json.ts";
import type { KubeObject } from "../object.ts";
import { ruleEnvironment } from "../schema/cel-library.ts";
import { ApiError, type Cause, webhookError } from "../status.ts";
import type { Target } from "../write.ts";
import type { WebhookConversion } from "./conversion.ts";
import { type AdmissionOperation, type Hook, hooksOf, selectsLabels, versionFor } from "./hook.ts";
import { callWebhook, type ServiceTable, WebhookFailed } from "./webhook-call.ts";

/** A write that waits for the webhooks. */
export interface PendingWrite {
  readonly operation: AdmissionOperation;
  readonly target: Target;
  readonly name: string;
  /** In a version: the object as it would be, and as it is. */
  readonly object: ((apiVersion: string) => KubeObject) | undefined;
  readonly oldObject: ((apiVersion: string) => KubeObject) | undefined;
  readonly user: User;
  readonly dryRun: boolean;
  readonly warnings: string[];
}

export interface AdmissionPorts {
  readonly api: Api;
  readonly log: Log;
  readonly services: ServiceTable;
  readonly conversion: WebhookConversion;
}

interface Call {
  readonly hook: Hook;
  readonly apiVersion: string;
}

const CONFIGURATIONS = { group: "admissionregistration.k8s.io/v1", plural: "validatingwebhookconfigurations" };

/** Asks the webhooks of the ValidatingWebhookConfigurations about writes. */
export class Admission {
  readonly #ports: AdmissionPorts;

  constructor(ports: AdmissionPorts) {
    this.#ports = ports;
  }

  /** Whether any webhook has a rule for it: most writes need not wait. */
  concerns(target: Target, operation: AdmissionOperation): boolean {
    return this.#calls(target, operation).length > 0;
  }

  /** Asks all webhooks that the write concerns. @throws ApiError when one refuses, or fails and must not. */
  async review(write: PendingWrite): Promise<void> {
    const calls = await this.#ports.conversion.settle(() =>
      this.#calls(write.target, write.operation)
        .filter(({ hook, apiVersion }) => this.#selects(hook, write, apiVersion))
        .map((call) => ({ ...call, request: requestOf(write, call.apiVersion) })),
    );
    await Promise.all(calls.map((call) => this.#ask(call, write)));
  }

  #calls(target: Target, operation: AdmissionOperation): readonly Call[] {
    // They must stay changeable, whatever they say.
    if (target.type.group === "admissionregistration.k8s.io") return [];
    const { api } = this.#ports;
    const type = api.registry.find(CONFIGURATIONS.group, CONFIGURATIONS.plural)?.type;
    if (type === undefined) return [];
    const hooks = api
      .collection(type)
      .list()
      .flatMap((entry) => hooksOf(entry.object));
    return hooks.flatMap((hook) => {
      const apiVersion = versionFor(hook, target, operation);
      return apiVersion === undefined ? [] : [{ hook, apiVersion }];
    });
  }

  #selects(hook: Hook, { target, object, oldObject }: PendingWrite, apiVersion: string): boolean {
    const one = (object ?? oldObject)?.(apiVersion).metadata.labels ?? {};
    const other = (oldObject ?? object)?.(apiVersion).metadata.labels ?? {};
    if (!selectsLabels(hook.objectSelector, one) && !selectsLabels(hook.objectSelector, other)) return false;
    if (!target.type.namespaced) return true;
    return selectsLabels(hook.namespaceSelector, this.#namespaceLabels(target.namespace));
  }

  #namespaceLabels(name: string): Readonly<Record<string, string>> {
    const { api } = this.#ports;
    const type = api.registry.find("v1", "namespaces")?.type;
    const entry = type === undefined ? undefined : api.collection(type).get(objectKey("", name));
    return entry?.object.metadata.labels ?? {};
  }

  async #ask({ hook, request }: Call & { readonly request: AdmissionRequest }, write: PendingWrite): Promise<void> {
    if (write.dryRun && !hook.isDryRunSafe) {
      throw new ApiError(400, "BadRequest", `admission webhook "${hook.name}" does not support dry run`);
    }
    if (!meetsConditions(hook, request)) return;
    const review = { kind: "AdmissionReview", apiVersion: "admission.k8s.io/v1", request };
    try {
      const answer = await callWebhook(this.#ports.services, hook.clientConfig, review, hook.timeoutSeconds);
      takeAnswer(hook, answer, { uid: request.uid, warnings: write.warnings });
    } catch (error) {
      if (!(error instanceof WebhookFailed)) throw error;
      this.#ports.log.warn("admission webhook failed", { webhook: hook.name, ...errorFields(error) });
      if (hook.ignoresFailure) return;
      const what = `Internal error occurred: failed calling webhook "${hook.name}": failed to call webhook`;
      throw webhookError(`${what}: ${error.message}`, error);
    }
  }
}

type AdmissionRequest = ReturnType<typeof requestOf>;

function requestOf({ operation, target, name, object, oldObject, user, dryRun }: PendingWrite, apiVersion: string) {
  const { type, version, namespace, subresource } = target;
  const kindIn = (spoken: string) => ({ group: type.group, version: spoken.split("/").at(-1), kind: type.kind });
  const resourceIn = (spoken: string) => ({
    group: type.group,
    version: spoken.split("/").at(-1),
    resource: type.plural,
  });
  return {
    uid: randomUUID(),
    kind: kindIn(apiVersion),
    resource: resourceIn(apiVersion),
    requestKind: kindIn(version.apiVersion),
    requestResource: resourceIn(version.apiVersion),
    ...(subresource === "" ? {} : { subResource: subresource, requestSubResource: subresource }),
    name,
    ...(type.namespaced ? { namespace } : {}),
    operation,
    userInfo: { username: user.name, groups: user.groups },
    object: object?.(apiVersion) ?? null,
    oldObject: oldObject?.(apiVersion) ?? null,
    dryRun,
  };
}

function meetsConditions({ conditions }: Hook, request: AdmissionRequest): boolean {
  const environment = ruleEnvironment();
  for (const name of ["object", "oldObject", "request"]) environment.registerVariable(name, "dyn");
  const { object, oldObject } = request;
  return conditions.every(({ expression }) => environment.parse(expression)({ object, oldObject, request }) === true);
}

function takeAnswer(hook: Hook, answer: unknown, { uid, warnings }: { uid: string; warnings: string[] }): void {
  const { response } = asObject(answer);
  if (!isObject(response) || response["uid"] !== uid)
    throw new WebhookFailed("expected a response with the request's uid");
  warnings.push(...asStrings(response["warnings"]));
  if (response["allowed"] === true) return;
  const status = asObject(response["status"]);
  const message = asString(status["message"]) ?? asString(status["reason"]);
  const text = `admission webhook "${hook.name}" denied the request${message === undefined ? " without explanation" : `: ${message}`}`;
  const code = Number(status["code"] ?? 0);
  const reason = asString(status["reason"]) ?? "";
  const details = asObject(status["details"]);
  const causes = asArray(details["causes"]).map(causeOf);
  throw new ApiError(Math.max(code, 400), reason, text, { ...details, causes });
}

function causeOf(cause: unknown): Cause {
  const { reason, field, message } = asObject(cause);
  return { reason: asString(reason) ?? "", field: asString(field) ?? "", message: asString(message) ?? "" };
}
