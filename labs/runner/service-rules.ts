import { parseIpAddress } from "../../src/net/ip-address.ts";
import { at, type JsonObject, listOf, objectOf, textOf } from "./json.ts";

/** The mark of packets whose sender is hidden behind the node's address on the way out; kube-proxy uses the same. */
const MASQUERADE_MARK = "0x4000";

/** One place a connection can go. */
interface Backend {
  readonly address: string;
  readonly port: number;
}

/** One address and port of a Service, and where this node sends its connections. */
interface Frontend {
  readonly name: string;
  readonly address: string;
  readonly protocol: "tcp" | "udp";
  readonly port: number;
  readonly local: boolean;
  readonly backends: readonly Backend[];
}

/**
 * The nftables rules of one node for all load-balancer addresses: what kube-proxy would do. Connections go to a ready endpoint
 * chosen at random; with externalTrafficPolicy Cluster the sender is replaced by the node, with Local it is kept and only
 * endpoints on this node count. A packet to a service address that no rule took is dropped: it would go back to the router.
 */
export function renderServiceRules(node: string, services: readonly unknown[], slices: readonly unknown[]): string {
  const frontends = services.flatMap((service, i) => frontendsOf({ service, slices, node, number: i }));
  const addresses = services.flatMap(loadBalancerAddresses);
  const chains = frontends.flatMap((frontend) => endpointChains(frontend));
  return [
    "table inet services",
    "delete table inet services",
    "table inet services {",
    ...chains,
    "  chain prerouting {",
    "    type nat hook prerouting priority dstnat; policy accept;",
    ...frontends.flatMap((frontend) => dispatch(frontend)),
    "  }",
    "  chain postrouting {",
    "    type nat hook postrouting priority srcnat; policy accept;",
    `    meta mark & ${MASQUERADE_MARK} == ${MASQUERADE_MARK} masquerade`,
    "  }",
    "  chain forward {",
    "    type filter hook forward priority filter; policy accept;",
    ...addresses.map((address) => `    ${family(address)} daddr ${address} drop`),
    "  }",
    "}",
    "",
  ].join("\n");
}

interface FrontendScope {
  readonly service: unknown;
  readonly slices: readonly unknown[];
  readonly node: string;
  readonly number: number;
}

function frontendsOf({ service, slices, node, number: index }: FrontendScope): readonly Frontend[] {
  const namespace = textOf(at(service, "metadata", "namespace"));
  const name = textOf(at(service, "metadata", "name"));
  const local = at(service, "spec", "externalTrafficPolicy") === "Local";
  const own = slices.filter(
    (slice) =>
      at(slice, "metadata", "namespace") === namespace &&
      at(slice, "metadata", "labels", "kubernetes.io/service-name") === name,
  );
  return loadBalancerAddresses(service).flatMap((address, i) =>
    listOf(at(service, "spec", "ports")).flatMap((port, j): readonly Frontend[] => {
      const number = at(port, "port");
      const protocol = (textOf(at(port, "protocol")) || "TCP").toLowerCase();
      if (typeof number !== "number" || (protocol !== "tcp" && protocol !== "udp")) return [];
      const backends = backendsOf(own, family(address), textOf(at(port, "name"))).filter(
        (b) => !local || b.node === node,
      );
      return [
        { name: chainName(index, `${namespace}_${name}`, i, j), address, protocol, port: number, local, backends },
      ];
    }),
  );
}

function loadBalancerAddresses(service: unknown): readonly string[] {
  if (at(service, "spec", "type") !== "LoadBalancer") return [];
  const ingress = listOf(at(service, "status", "loadBalancer", "ingress"));
  return ingress.map((entry) => textOf(at(entry, "ip"))).filter((ip) => parseIpAddress(ip) !== undefined);
}

function family(address: string): "ip" | "ip6" {
  return address.includes(":") ? "ip6" : "ip";
}

/** Names of Kubernetes objects hold dots and can be long, a chain's cannot: the number makes it unique, the rest is for people. */
function chainName(index: number, label: string, address: number, port: number): string {
  return `svc${index}_${label.replace(/[^a-zA-Z0-9_]/g, "_").slice(0, 90)}_${address}_${port}`;
}

interface PlacedBackend extends Backend {
  readonly node: string;
}

function backendsOf(slices: readonly unknown[], wanted: "ip" | "ip6", portName: string): readonly PlacedBackend[] {
  const type = wanted === "ip" ? "IPv4" : "IPv6";
  const all = slices.filter((slice) => at(slice, "addressType") === type).flatMap((slice) => placed(slice, portName));
  const ready = all.filter(({ conditions }) => conditions["ready"] !== false);
  // As kube-proxy since 1.26: endpoints that are going away but still serve are better than none.
  const leaving = all.filter(({ conditions }) => conditions["serving"] === true && conditions["terminating"] === true);
  return (ready.length > 0 ? ready : leaving).map(({ backend }) => backend);
}

function placed(
  slice: unknown,
  portName: string,
): readonly { readonly backend: PlacedBackend; readonly conditions: JsonObject }[] {
  const port = at(
    listOf(at(slice, "ports")).find((p) => textOf(at(p, "name")) === portName),
    "port",
  );
  if (typeof port !== "number") return [];
  return listOf(at(slice, "endpoints")).flatMap((endpoint) => {
    const address = textOf(listOf(at(endpoint, "addresses"))[0]);
    if (parseIpAddress(address) === undefined) return [];
    const backend = { address, port, node: textOf(at(endpoint, "nodeName")) };
    return [{ backend, conditions: objectOf(at(endpoint, "conditions")) }];
  });
}

function endpointChains(frontend: Frontend): readonly string[] {
  const nat = family(frontend.address);
  return frontend.backends.flatMap(({ address, port }, i) => {
    const target = nat === "ip" ? `${address}:${port}` : `[${address}]:${port}`;
    const mark = frontend.local ? [] : [`    meta mark set meta mark or ${MASQUERADE_MARK}`];
    const rule = `    meta l4proto ${frontend.protocol} dnat ${nat} to ${target}`;
    return [`  chain ${frontend.name}_${i} {`, ...mark, rule, "  }"];
  });
}

function dispatch(frontend: Frontend): readonly string[] {
  if (frontend.backends.length === 0) return [];
  const { name, address, protocol, port, backends } = frontend;
  const choices = backends.map((_, i) => `${i} : goto ${name}_${i}`).join(", ");
  return [
    `    ${family(address)} daddr ${address} ${protocol} dport ${port} numgen random mod ${backends.length} vmap { ${choices} }`,
  ];
}
