import type { HealthCheck } from "./health-check.ts";

/** The name of the EndpointSlice that health checks keep for a Service; that of another host has its name in it. */
export function sliceName(service: string, host?: string): string {
  return host === undefined ? `${service}-health` : `${service}-health-${host}`;
}

/** The one endpoint of a checked Service on a host, at the address where it is asked. */
export function healthSlice(
  { namespace, service, probe }: Pick<HealthCheck, "namespace" | "service" | "probe">,
  nodeName: string,
  { ready, name = sliceName(service) }: { readonly ready: boolean; readonly name?: string },
): object {
  const address = probe.type === "exec" ? "127.0.0.1" : probe.address;
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      name,
      namespace,
      labels: { "kubernetes.io/service-name": service, "endpointslice.kubernetes.io/managed-by": "herald-standalone" },
    },
    addressType: address.includes(":") ? "IPv6" : "IPv4",
    ports: probe.type === "exec" ? [] : [{ port: probe.port, protocol: "TCP" }],
    endpoints: [{ addresses: [address], nodeName, conditions: { ready, serving: ready, terminating: false } }],
  };
}
