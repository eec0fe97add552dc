import { randomUUID } from "node:crypto";
import type { KubeObject } from "../object.ts";
import { parseObject } from "../object.ts";
import { badRequest, notFound, type Subject } from "../status.ts";
import type { AuthenticatorPorts } from "./authenticator.ts";
import { readTokenRequest } from "./reviews.ts";
import { type Identity, signToken } from "./tokens.ts";

const ACCOUNTS: Subject = { group: "", kind: "ServiceAccount", plural: "serviceaccounts" };
const PODS: Subject = { group: "", kind: "Pod", plural: "pods" };

/** Answers a TokenRequest for an account. @throws ApiError when the account, or the pod it is to be bound to, is not there */
export function issueToken(
  ports: AuthenticatorPorts,
  of: { readonly namespace: string; readonly name: string },
  asked: KubeObject,
): KubeObject {
  if (asked.kind !== "TokenRequest") throw badRequest(`want a TokenRequest, got ${asked.kind}`);
  const { namespace, name } = of;
  const { audiences, seconds, pod } = readTokenRequest(asked);
  const issuedAt = Math.floor(ports.wallClock().getTime() / 1000);
  const account = identityOf(ports.find("ServiceAccount", namespace, name));
  if (account === undefined) throw notFound(ACCOUNTS, name);
  const bound = pod === undefined ? undefined : identityOf(ports.find("Pod", namespace, pod));
  if (pod !== undefined && bound === undefined) throw notFound(PODS, pod);
  const times = { issuedAt, expiresAt: issuedAt + seconds };
  const token = signToken({ namespace, account, pod: bound, audiences, ...times, id: randomUUID() }, ports.key);
  const expirationTimestamp = `${new Date(times.expiresAt * 1000).toISOString().slice(0, 19)}Z`;
  const metadata = { ...asked.metadata, name, namespace };
  return parseObject({
    ...asked,
    metadata,
    spec: { ...specOf(asked), audiences, expirationSeconds: seconds },
    status: { token, expirationTimestamp },
  });
}

function specOf(asked: KubeObject): object {
  const { spec } = asked;
  return typeof spec === "object" && spec !== null ? spec : {};
}

function identityOf(object: KubeObject | undefined): Identity | undefined {
  const uid = object?.metadata.uid;
  return object === undefined || uid === undefined ? undefined : { name: object.metadata.name, uid };
}
