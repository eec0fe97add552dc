import { stringify } from "yaml";

/** What a client must know to reach the server. */
export interface Access {
  readonly url: string;
  readonly caCertificate: string | undefined;
  readonly token: string | undefined;
}

/** A kubeconfig with one cluster, one user and one context, for kubectl and client libraries alike. */
export function formatKubeconfig(access: Access): string {
  const { url, caCertificate, token } = access;
  // @kubernetes/client-node talks plain HTTP only to servers that it is told not to verify.
  const authority = url.startsWith("http:") ? { "insecure-skip-tls-verify": true } : pinned(caCertificate);
  return stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "herald", cluster: { server: url, ...authority } }],
    users: [{ name: "herald", user: token === undefined ? {} : { token } }],
    contexts: [{ name: "herald", context: { cluster: "herald", user: "herald", namespace: "default" } }],
    "current-context": "herald",
  });
}

function pinned(certificate: string | undefined): object {
  if (certificate === undefined) return {};
  return { "certificate-authority-data": Buffer.from(certificate).toString("base64") };
}
