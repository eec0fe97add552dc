import { type Cause, RANK } from "./finding.ts";
import { invalidCause } from "./invalid-cause.ts";
import type { Place, Scene } from "./scene.ts";

/** Why this very peer gets nothing from the node although others do. */
export function peerCause({ config, facts, cluster, convergence }: Scene, place: Place, peer: string): Cause {
  const object = { kind: "BGPPeer", name: peer };
  const invalid = facts.parsed.invalid.find((one) => one.kind === "BGPPeer" && one.name === peer);
  if (invalid !== undefined) return invalidCause(invalid);
  const known = [...config.peers.values()].find(({ name }) => name === peer);
  if (known === undefined) {
    const change = "name a BGPPeer that exists: kubectl get bgppeers -A";
    return { name: "peer-unknown", rank: RANK.peer, object, words: `there is no BGPPeer ${peer}`, change };
  }
  if (!place.context.peers.includes(known)) {
    const words = `BGPPeer ${peer} does not run on Node ${place.node}`;
    const change = `let spec.nodeSelectors of BGPPeer ${peer} select Node ${place.node}`;
    return { name: "peer-not-on-node", rank: RANK.peer, object, field: "spec.nodeSelectors", words, change };
  }
  const pool = convergence?.pool;
  const ads = pool === undefined ? [] : (cluster.pools.get(pool)?.bgp ?? []);
  const [ad] = ads.filter(({ peers }) => peers.size > 0 && !peers.has(known.name));
  const name = ad?.name ?? "";
  return {
    name: "peer-not-named",
    rank: RANK.peer,
    object: { kind: "BGPAdvertisement", name },
    field: "spec.peers",
    words: `no BGPAdvertisement of the Service sends to BGPPeer ${peer} from Node ${place.node}`,
    change: `add ${peer} to spec.peers of BGPAdvertisement ${name}, or set spec.dualStackAddressFamily where only the family is missing`,
  };
}
