import type { Service } from "../api/core.ts";

/** From the service ranges that Kubernetes sets up by default: only their family decides anything. */
const STAND_IN: ReadonlyMap<string, string> = new Map([
  ["IPv4", "10.96.0.1"],
  ["IPv6", "fd00:10:96::1"],
]);

/**
 * A Service as the API server would hand it on: one written by hand has no cluster addresses yet, and without them nobody knows
 * which families it has. A Service that an API server has seen is left as it is.
 */
export function withClusterIps(service: Service): Service {
  const { spec, metadata } = service;
  const given = spec.clusterIP !== undefined || spec.clusterIPs !== undefined;
  if (spec.type !== "LoadBalancer" || given || metadata.uid !== undefined) return service;
  const clusterIPs = familiesOf(service).flatMap((family) => STAND_IN.get(family) ?? []);
  return { ...service, spec: { ...spec, clusterIPs } };
}

/** PreferDualStack alone is taken for a wish on a cluster that can grant it. */
function familiesOf({ spec: { ipFamilies = [], ipFamilyPolicy } }: Service): readonly string[] {
  const dual = ipFamilyPolicy === "RequireDualStack" || ipFamilyPolicy === "PreferDualStack";
  const [first = "IPv4"] = ipFamilies;
  if (!dual) return ipFamilies.length === 0 ? [first] : ipFamilies;
  return [first, first === "IPv4" ? "IPv6" : "IPv4"];
}
