import { describe, expect, test } from "vitest";
import type { ServiceSpec } from "../../src/api/core.ts";
import { withClusterIps } from "../../src/cli/plan-defaults.ts";

const V4 = "10.96.0.1";
const V6 = "fd00:10:96::1";
const service = (spec: ServiceSpec, uid?: string) => ({
  metadata: { name: "web", namespace: "default", ...(uid === undefined ? {} : { uid }) },
  spec,
});

describe("withClusterIps() does for a hand-written Service what the API server does", () => {
  test.each<[string, ServiceSpec, readonly string[] | undefined]>([
    ["nothing said: IPv4", { type: "LoadBalancer" }, [V4]],
    ["IPv6 asked for", { type: "LoadBalancer", ipFamilies: ["IPv6"] }, [V6]],
    ["dual stack required", { type: "LoadBalancer", ipFamilyPolicy: "RequireDualStack" }, [V4, V6]],
    ["dual stack preferred", { type: "LoadBalancer", ipFamilyPolicy: "PreferDualStack" }, [V4, V6]],
    [
      "IPv6 first",
      { type: "LoadBalancer", ipFamilyPolicy: "RequireDualStack", ipFamilies: ["IPv6", "IPv4"] },
      [V6, V4],
    ],
    [
      "IPv6 first, the other left out",
      { type: "LoadBalancer", ipFamilyPolicy: "PreferDualStack", ipFamilies: ["IPv6"] },
      [V6, V4],
    ],
    ["families that nobody knows", { type: "LoadBalancer", ipFamilies: ["constructor", "__proto__", "ipv4"] }, []],
    ["headless stays headless", { type: "LoadBalancer", clusterIP: "None" }, undefined],
    ["addresses that are there stay", { type: "LoadBalancer", clusterIPs: ["fd00::9"] }, ["fd00::9"]],
    ["not a load balancer", { type: "ClusterIP" }, undefined],
  ])("%s", (_name, spec, clusterIPs) => {
    expect(withClusterIps(service(spec)).spec.clusterIPs).toEqual(clusterIPs);
  });

  test("a Service that an API server has seen is left as it is (rule 3.3, step 5)", () => {
    const seen = service({ type: "LoadBalancer" }, "3b1c");
    expect(withClusterIps(seen)).toBe(seen);
  });
});
