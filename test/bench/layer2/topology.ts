import { parseClab, type Topology } from "../../../labs/runner/clab.ts";

/** The LAN's bridge, the client, and the host that asks who answers. */
export const LAN = "lan";
export const CLIENT = "client";
export const WATCH = "watch";
export const PODS = ["pa", "pb"];

/** Nodes, a client and two pods on one LAN; the pods are hosts of their own, so that a node's death takes none with it. */
export function topologyOf(nodes: readonly string[]): Topology {
  const hosts = [
    host(CLIENT, "client", 50),
    host(WATCH, "client", 60),
    ...PODS.map((pod, i) => host(pod, "pod", 70 + i)),
    ...nodes.map((node, i) => speaker(node, 11 + i)),
  ];
  const attached = [CLIENT, WATCH, ...PODS, ...nodes];
  const links = attached.map((name) => `    - endpoints: ["${LAN}:${name}", "${name}:eth1"]`);
  const text = `name: layer2-failover
mgmt: { network: layer2-failover, ipv4-subnet: 10.254.9.0/24 }
topology:
  defaults: { kind: linux }
  nodes:
    ${LAN}: { kind: bridge }
    cp: { mgmt-ipv4: 10.254.9.10, labels: { herald.lab/role: control-plane } }
${hosts.join("\n")}
  links:
${links.join("\n")}
`;
  return parseClab(text, "layer2-failover");
}

function host(name: string, role: string, last: number): string {
  return `    ${name}:
      network-mode: none
      labels: { herald.lab/role: ${role}, herald.lab/node: elsewhere }
      exec:
        - ip addr add 10.98.0.${last}/24 dev eth1
        - ip -6 addr add fd98::${last}/64 dev eth1 nodad`;
}

function speaker(name: string, last: number): string {
  return `    ${name}:
      mgmt-ipv4: 10.254.9.${last}
      labels: { herald.lab/role: speaker }
      env:
        METALLB_ML_BIND_ADDR: 10.98.0.${last}
        METALLB_ML_LABELS: app=metallb,component=speaker
        METALLB_ML_SECRET_KEY_PATH: /etc/ml_secret_key
      binds: ["ml_secret_key:/etc/ml_secret_key:ro"]
      sysctls: { net.ipv4.ip_forward: 1, net.ipv6.conf.all.forwarding: 1 }
      exec:
        - ip addr add 10.98.0.${last}/24 dev eth1
        - ip -6 addr add fd98::${last}/64 dev eth1 nodad`;
}
