import { readFileSync } from "node:fs";
import { Agent, type IncomingMessage, request } from "node:http";
import { parse, parseAllDocuments } from "yaml";
import { CommandError, LabConfigError } from "./errors.ts";
import { at, isObject, type JsonObject, listOf, parseJson, textOf } from "./json.ts";

interface Resource {
  readonly prefix: string;
  readonly plural: string;
  readonly namespaced: boolean;
}

const CORE = "/api/v1";
const METALLB = "/apis/metallb.io/v1beta1";

const RESOURCES = {
  Namespace: { prefix: CORE, plural: "namespaces", namespaced: false },
  Node: { prefix: CORE, plural: "nodes", namespaced: false },
  Secret: { prefix: CORE, plural: "secrets", namespaced: true },
  Service: { prefix: CORE, plural: "services", namespaced: true },
  Pod: { prefix: CORE, plural: "pods", namespaced: true },
  Event: { prefix: CORE, plural: "events", namespaced: true },
  Deployment: { prefix: "/apis/apps/v1", plural: "deployments", namespaced: true },
  ValidatingWebhookConfiguration: {
    prefix: "/apis/admissionregistration.k8s.io/v1",
    plural: "validatingwebhookconfigurations",
    namespaced: false,
  },
  EndpointSlice: { prefix: "/apis/discovery.k8s.io/v1", plural: "endpointslices", namespaced: true },
  IPAddressPool: { prefix: METALLB, plural: "ipaddresspools", namespaced: true },
  BGPPeer: { prefix: "/apis/metallb.io/v1beta2", plural: "bgppeers", namespaced: true },
  BGPAdvertisement: { prefix: METALLB, plural: "bgpadvertisements", namespaced: true },
  L2Advertisement: { prefix: METALLB, plural: "l2advertisements", namespaced: true },
  Community: { prefix: METALLB, plural: "communities", namespaced: true },
  BFDProfile: { prefix: METALLB, plural: "bfdprofiles", namespaced: true },
  ServiceL2Status: { prefix: METALLB, plural: "servicel2statuses", namespaced: true },
} as const satisfies Record<string, Resource>;

/** The kinds a lab writes and reads. */
export type LabKind = keyof typeof RESOURCES;

const KINDS = Object.keys(RESOURCES).filter(isLabKind);

function isLabKind(kind: string): kind is LabKind {
  return Object.hasOwn(RESOURCES, kind);
}

/** Which object: `namespace` stays out for kinds that have none. */
export interface ObjectRef {
  readonly kind: LabKind;
  readonly namespace?: string;
  readonly name: string;
}

/** The URL path of a kind, or of one object of it. */
export function pathOf(ref: { readonly kind: LabKind; readonly namespace?: string; readonly name?: string }): string {
  const { prefix, plural, namespaced } = RESOURCES[ref.kind];
  const scope = namespaced && ref.namespace !== undefined ? `/namespaces/${encodeURIComponent(ref.namespace)}` : "";
  return `${prefix}${scope}/${plural}${ref.name === undefined ? "" : `/${encodeURIComponent(ref.name)}`}`;
}

/** The objects of one or more YAML documents. @throws LabConfigError naming the file and each object it cannot place. */
export function parseManifests(text: string, file: string): readonly (JsonObject & { readonly kind: LabKind })[] {
  const documents = parseAllDocuments(text, { prettyErrors: false });
  const problems = documents.flatMap((document) => document.errors.map((error) => error.message));
  const objects = documents.flatMap((document, i) => {
    const object: unknown = document.toJS({ maxAliasCount: 50 });
    if (object === null || object === undefined) return [];
    const kind = textOf(at(object, "kind"));
    if (isObject(object) && isLabKind(kind) && textOf(at(object, "metadata", "name")) !== "")
      return [{ ...object, kind }];
    problems.push(`document ${i + 1}: no kind that labs know (${kind || "none given"}), or no name`);
    return [];
  });
  if (problems.length > 0) throw new LabConfigError(file, { problems });
  return objects;
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** The Kubernetes API of a lab, reached through the relay's Unix socket. */
export class KubeApi {
  readonly #socketPath: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 8 });

  /** @throws LabConfigError when the kubeconfig is for a server that speaks TLS: the relay carries plain HTTP. */
  constructor(socketPath: string, kubeconfig: string) {
    const config: unknown = parse(readFileSync(kubeconfig, "utf8"));
    const server = textOf(at(listOf(at(config, "clusters"))[0], "cluster", "server"));
    if (!server.startsWith("http://"))
      throw new LabConfigError(kubeconfig, { problems: [`clusters[0].cluster.server: want http, not ${server}`] });
    const token = textOf(at(listOf(at(config, "users"))[0], "user", "token"));
    this.#socketPath = socketPath;
    this.#headers = { host: new URL(server).host, ...(token === "" ? {} : { authorization: `Bearer ${token}` }) };
  }

  async get(ref: ObjectRef): Promise<unknown> {
    return await this.#json("GET", pathOf(ref));
  }

  /** All objects of a kind, in every namespace. */
  async list(kind: LabKind): Promise<readonly unknown[]> {
    return listOf(at(await this.#json("GET", pathOf({ kind })), "items"));
  }

  /** All objects of the kinds that labs know, whole, so that another server can begin with them. */
  async everything(): Promise<readonly JsonObject[]> {
    const all: JsonObject[] = [];
    for (const kind of KINDS) {
      // Items of a list of a built-in kind do not say of what kind they are.
      const apiVersion = RESOURCES[kind].prefix.replace(/^\/apis?\//, "");
      all.push(...(await this.list(kind)).filter(isObject).map((object) => ({ ...object, apiVersion, kind })));
    }
    return all;
  }

  /** Creates an object, or merges it into the one that is there. */
  async apply(object: JsonObject & { readonly kind: LabKind }): Promise<void> {
    const namespace = textOf(at(object, "metadata", "namespace")) || "default";
    const ref: ObjectRef = { kind: object.kind, namespace, name: textOf(at(object, "metadata", "name")) };
    const created = await this.#send("POST", pathOf({ kind: ref.kind, namespace }), object);
    if (created.status === 409) await this.patch(ref, object);
    else this.#expectOk("POST", pathOf(ref), created);
  }

  /** Merge patch (RFC 7386). */
  async patch(ref: ObjectRef, patch: JsonObject): Promise<void> {
    await this.#json("PATCH", pathOf(ref), patch);
  }

  async patchStatus(ref: ObjectRef, status: JsonObject): Promise<void> {
    await this.#json("PATCH", `${pathOf(ref)}/status`, { status });
  }

  async delete(ref: ObjectRef): Promise<void> {
    await this.#json("DELETE", pathOf(ref));
  }

  /** Rings at every change of a kind, until the server ends the watch or `signal` fires. What changed is for `list` to say. */
  async watch(kind: LabKind, ring: () => void, signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const options = {
        socketPath: this.#socketPath,
        path: `${pathOf({ kind })}?watch=true`,
        headers: this.#headers,
        signal,
      };
      const ended = request(options, (response) => {
        response
          .on("data", ring)
          .on("close", resolve)
          .on("error", () => resolve());
      });
      ended.on("error", () => resolve());
      ended.end();
    });
  }

  close(): void {
    this.#agent.destroy();
  }

  async #json(method: string, path: string, body?: JsonObject): Promise<unknown> {
    const answer = await this.#send(method, path, body);
    this.#expectOk(method, path, answer);
    return parseJson(answer.body);
  }

  #expectOk(method: string, path: string, { status, body }: Answer): void {
    if (status < 300) return;
    throw new CommandError(`${method} ${path}: HTTP ${status}: ${body.slice(0, 500)}`);
  }

  #send(method: string, path: string, body?: JsonObject): Promise<Answer> {
    const type = method === "PATCH" ? "application/merge-patch+json" : "application/json";
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers = {
      ...this.#headers,
      accept: "application/json",
      ...(text === undefined ? {} : { "content-type": type }),
    };
    return new Promise((resolve, reject) => {
      const failed = (error: Error): void =>
        reject(new CommandError(`${method} ${path}: ${error.message}`, { cause: error }));
      const options = { socketPath: this.#socketPath, method, path, headers, agent: this.#agent, timeout: 10_000 };
      const sent = request(options, (response) => {
        collect(response).then(resolve, failed);
      });
      sent.on("timeout", () => sent.destroy(new Error("no answer within 10 s"))).on("error", failed);
      sent.end(text);
    });
  }
}

async function collect(response: IncomingMessage): Promise<Answer> {
  response.setEncoding("utf8");
  let body = "";
  for await (const chunk of response) body += String(chunk);
  return { status: response.statusCode ?? 0, body };
}
