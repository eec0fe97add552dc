import type { RequestOptions } from "node:https";
import { request } from "node:https";
import { SystemError } from "../../wire/errors.ts";
import { asObject, asString, isObject } from "../json.ts";

/** Where a Service can be reached: there is no kube-proxy here. */
export type ServiceTable = ReadonlyMap<string, { readonly host: string; readonly port: number }>;

/** A webhook was called and there is no usable answer. */
export class WebhookFailed extends SystemError {
  readonly code = "ERR_APISERVER_WEBHOOK";
}

interface Destination {
  readonly url: string;
  readonly options: RequestOptions;
}

/** Posts a review to a webhook and gives what it answered. @throws WebhookFailed */
export async function callWebhook(
  services: ServiceTable,
  clientConfig: unknown,
  review: object,
  timeoutSeconds: number,
): Promise<unknown> {
  const destination = resolve(services, asObject(clientConfig), timeoutSeconds);
  const text = await post(destination, JSON.stringify(review), timeoutSeconds);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new WebhookFailed("the answer is not JSON", { cause });
  }
}

function resolve(services: ServiceTable, clientConfig: Record<string, unknown>, timeoutSeconds: number): Destination {
  const query = `timeout=${timeoutSeconds}s`;
  const trust = trustOf(clientConfig);
  const url = asString(clientConfig["url"]);
  if (url !== undefined) return { url: `${url}?${query}`, options: trust };
  const { service } = clientConfig;
  if (!isObject(service)) throw new WebhookFailed("clientConfig names neither a url nor a service");
  const [namespace, name] = [asString(service["namespace"]) ?? "", asString(service["name"]) ?? ""];
  const found = services.get(`${namespace}/${name}`);
  if (found === undefined) throw new WebhookFailed(`no endpoints available for service "${name}"`);
  const servername = `${name}.${namespace}.svc`;
  const path = asString(service["path"]) ?? "/";
  const host = `${servername}:${Number(service["port"] ?? 443)}`;
  return {
    url: `https://${host}${path}?${query}`,
    options: { ...trust, hostname: found.host, port: found.port, servername, headers: { host } },
  };
}

function trustOf(clientConfig: Record<string, unknown>): RequestOptions {
  const bundle = asString(clientConfig["caBundle"]) ?? "";
  return bundle === "" ? {} : { ca: Buffer.from(bundle, "base64") };
}

function post({ url, options }: Destination, body: string, timeoutSeconds: number): Promise<string> {
  return new Promise((done, reject) => {
    const shown = url.replace(/:443(?=\/)/, ":443");
    const failed = (why: string, cause?: Error): void =>
      reject(new WebhookFailed(`Post "${shown}": ${why}`, cause === undefined ? {} : { cause }));
    const headers = {
      ...options.headers,
      "content-type": "application/json",
      "content-length": Buffer.byteLength(body),
    };
    const signal = AbortSignal.timeout(timeoutSeconds * 1000);
    const call = request(url, { ...options, headers, method: "POST", agent: false, signal }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", (cause) => failed(cause.message, cause));
      response.on("end", () => {
        const text = Buffer.concat(chunks).toString("utf8");
        if (response.statusCode === 200) done(text);
        else failed(`status ${response.statusCode}: ${text.slice(0, 200)}`);
      });
    });
    call.on("error", (cause) => failed(signal.aborted ? "context deadline exceeded" : cause.message, cause));
    call.end(body);
  });
}
