import type { HealthCheck } from "./health-check.ts";

/** The name of the EndpointSlice that health checks keep for a Service. */
export function sliceName(service: string): string {
  return `${service}-health`;
}

/** The one endpoint of a checked Service: this host, at the address where it is asked. */
export function healthSlice(
  { namespace, service, probe }: Pick<HealthCheck, "namespace" | "service" | "probe">,
  nodeName: string,
  ready: boolean,
): object {
  const address = probe.type === "exec" ? "127.0.0.1" : probe.address;
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      name: sliceName(service),
      namespace,
      labels: { "kubernetes.io/service-name": service, "endpointslice.kubernetes.io/managed-by": "herald-standalone" },
    },
    addressType: address.includes(":") ? "IPv6" : "IPv4",
    ports: probe.type === "exec" ? [] : [{ port: probe.port, protocol: "TCP" }],
    endpoints: [{ addresses: [address], nodeName, conditions: { ready, serving: ready, terminating: false } }],
  };
}
