import type { PrefixAnnouncement } from "../../announcement/route.ts";
import { peerName } from "../../api/brands.ts";
import type { Family } from "../../net/ip-address.ts";
import type { SessionItem } from "../session-view.ts";
import { asBefore, refusalAsBefore } from "./as-before.ts";
import {
  asRefusal,
  hearsay,
  isWanted,
  planOf,
  refusedFinding,
  rolledUp,
  speakerFinding,
  speakerRefusals,
  unwanted,
  verdictOf,
} from "./decision-findings.ts";
import type { SessionStateFact } from "./facts.ts";
import { broken, type Cause, type Finding, intended, observed, RANK } from "./finding.ts";
import { peerCause } from "./peer-filter.ts";
import type { Place, Scene } from "./scene.ts";
import { sessionCause, unsteadyCause } from "./session-cause.ts";
import { saidOfRoute } from "./status-findings.ts";

/** Which node tells which router, and what became of it. */
export function bgpFinding(scene: Scene): Finding {
  if (!isWanted(scene, "bgp")) return unwanted("bgp", scene.convergence?.pool);
  const nodes = scene.places.map((place) => nodeFinding(scene, place));
  const peers = new Set(scene.places.flatMap(({ decision }) => decision.bgp.map(({ peer }) => peer)));
  return rolledUp(scene, "bgp", nodes, `announced to BGPPeer ${[...peers].sort().join(", ")}`);
}

const AT_NODE = { step: "node", basis: "intent" } as const;

function nodeFinding(scene: Scene, place: Place): Finding {
  const { node, decision } = place;
  const { peer } = scene.question;
  const object = { kind: "Node", name: node };
  const refusals = decision.refusals.filter(({ protocol }) => protocol === "bgp");
  const refused = refusals.map((refusal) => refusedFinding(scene, refusalAsBefore(scene, node, refusal), AT_NODE));
  const routes = decision.bgp.filter((route) => peer === undefined || route.peer === peer);
  const [first] = refused;
  if (decision.bgp.length === 0 && first !== undefined) return goingOn(scene, place) ?? { ...first, object };
  if (routes.length === 0 && peer !== undefined) {
    return { ...broken(AT_NODE, peerCause(scene, place, peer)), object };
  }
  const below = [...refused, ...routeFindings(scene, place, routes.map(routeToTell))];
  return intended("node", verdictOf(below), `announces by ${[...new Set(routes.map((one) => one.peer))].join(", ")}`, {
    object,
    below,
  });
}

/** A route that a router should have. */
interface RouteToTell {
  readonly ip: string;
  readonly family: Family;
  readonly peer: string;
  readonly prefix: string;
  readonly advertisements: readonly string[];
}

function routeToTell({ ip, peer, prefix, attributes: { advertisements } }: PrefixAnnouncement): RouteToTell {
  return { ip: `${ip}`, family: ip.family, peer, prefix: `${prefix}`, advertisements };
}

/** The speaker announces by what an object was before somebody broke it. */
function goingOn(scene: Scene, place: Place): Finding | undefined {
  const { node, decision } = place;
  const refusal = decision.refusals.find(({ protocol }) => protocol === "bgp");
  const before = refusal && asBefore(scene, node, refusal);
  if (before === undefined) return undefined;
  const wanted = before.plan.bgp.filter(
    ({ peer }) => scene.question.peer === undefined || peer === scene.question.peer,
  );
  if (wanted.length === 0) return undefined;
  const routes = wanted.map((one) => ({ ...one, family: one.ip.includes(":") ? (6 as const) : (4 as const) }));
  const below = routeFindings(scene, place, routes);
  const peers = [...new Set(routes.map(({ peer }) => peer))].join(", ");
  const object = { kind: "Node", name: node };
  return observed("node", verdictOf(below), `announces by ${peers}, ${before.words}`, { object, below });
}

function routeFindings(scene: Scene, place: Place, routes: readonly RouteToTell[]): readonly Finding[] {
  const silent = speakerFinding(scene, place);
  return routes.map((route) => {
    const words = `${route.prefix} to BGPPeer ${route.peer}, by BGPAdvertisement ${route.advertisements.join(", ")}`;
    const below =
      silent === undefined ? seen(scene, place, route) : [silent, ...hearsay(silent, told(scene, place, route))];
    const counted = below.filter(({ step }) => step !== "router");
    const verdict = counted.length === 0 ? "yes" : verdictOf(counted.some(isCross) ? counted.filter(isCross) : counted);
    return intended("route", verdict, words, { object: { kind: "BGPPeer", name: route.peer }, below });
  });
}

/** Each link on the way has to hold. */
function isCross({ verdict }: Finding): boolean {
  return verdict === "no";
}

/** What the speaker of the node says of it. */
function seen(scene: Scene, place: Place, route: RouteToTell): readonly Finding[] {
  const { observed: facts } = scene.facts;
  if (facts === undefined) return [];
  const refusal = speakerRefusals(scene, place.node, "bgp").find(({ ip }) => ip === undefined || ip === route.ip);
  if (refusal !== undefined) {
    return [refusedFinding(scene, asRefusal(scene, refusal), { step: "speaker", basis: "observed" })];
  }
  const session = facts.sessions.find(({ node, peer }) => node === place.node && peer === route.peer);
  if (session === undefined) return [behind(scene, place, `has no session with BGPPeer ${route.peer}`)];
  return [...sessionFindings(scene, session), ...sentFindings(scene, place, { route, session })];
}

/** The speaker does not do what the objects come to. */
function behind(scene: Scene, { node }: Place, words: string): Finding {
  const knows = planOf(scene, node) !== undefined;
  const cause: Cause = {
    name: "speaker-behind",
    rank: RANK.speaker,
    object: { kind: "Node", name: node },
    words: `the speaker of Node ${node} ${words}${knows ? "" : ", and does not know the Service"}`,
    change: `look at the log of the speaker on Node ${node}: it has not taken over what the API has`,
  };
  return broken({ step: "speaker", basis: "observed" }, cause);
}

function sessionFindings({ config, facts }: Scene, session: SessionItem): readonly Finding[] {
  const object = { kind: "BGPPeer", name: session.peer };
  if (session.state !== "established") {
    return [
      broken({ step: "session", basis: "observed" }, sessionCause(session, config.peers.get(peerName(session.peer)))),
    ];
  }
  const unsteady = unsteadyCause(session, facts.observed?.at?.get(session.node));
  if (unsteady !== undefined) return [broken({ step: "session", basis: "observed" }, unsteady, "doubt")];
  const { negotiated, lastDown, flaps } = session;
  const families = negotiated?.families.join(", ") ?? "";
  const words = `established since ${session.since} with AS ${negotiated?.peerAsn ?? "?"}, hold time ${negotiated?.holdTime ?? "?"} s, ${families}`;
  const lost =
    flaps === 0 ? "" : `; lost ${flaps} time${flaps === 1 ? "" : "s"}, the last because of ${lastDown?.reason ?? "?"}`;
  return [observed("session", "yes", words + lost, { object }), ...bfdFinding(session)];
}

function bfdFinding({ bfd, peer, node }: SessionItem): readonly Finding[] {
  if (bfd === undefined) return [];
  const object = { kind: "BGPPeer", name: peer };
  if (bfd.state === "up") return [observed("bfd", "yes", "BFD is up", { object, field: "spec.bfdProfile" })];
  const cause: Cause = {
    name: "bfd-down",
    rank: RANK.session + 1,
    object,
    field: "spec.bfdProfile",
    words: `BFD of Node ${node} with BGPPeer ${peer} is ${bfd.state}${bfd.lastError === undefined ? "" : `: ${bfd.lastError}`}`,
    change: "switch BFD on at the router for this node, and let UDP 3784 (4784 over several hops) through",
  };
  return [broken({ step: "bfd", basis: "observed" }, cause, "doubt")];
}

function sentFindings(
  scene: Scene,
  place: Place,
  { route, session }: { readonly route: RouteToTell; readonly session: SessionItem },
): readonly Finding[] {
  if (session.state !== "established") return [];
  const { prefix } = route;
  const routes = scene.facts.observed?.routes ?? [];
  const item = routes.find((one) => one.node === place.node && one.peer === route.peer && one.prefix === prefix);
  if (item === undefined) return [behind(scene, place, `has no route ${prefix} for BGPPeer ${route.peer}`)];
  const object = { kind: "BGPPeer", name: route.peer };
  const at = { step: "route", basis: "observed" } as const;
  switch (item.state) {
    case "sent":
      return [
        observed("route", "yes", `sent, next hop ${item.nextHop ?? "?"}`, { object }),
        routerFinding(prefix, session),
      ];
    case "pending":
    case "no-session":
      return [observed("route", "doubt", "not sent yet", { object })];
    case "family-not-carried":
      return [broken(at, familyCause(route, session))];
    case "no-next-hop":
      return [broken(at, nextHopCause(route, session))];
    case "attributes-too-large":
      return [broken(at, tooLargeCause(route))];
  }
}

/** RFC 4271 has no acknowledgement of routes: TCP says that the octets arrived, and no more. */
function routerFinding(prefix: string, session: SessionItem): Finding {
  const router = session.address ?? session.interface ?? session.peer;
  const cause: Cause = {
    name: "router-not-seen",
    rank: RANK.beyond,
    object: { kind: "BGPPeer", name: session.peer },
    words: `whether the router uses ${prefix} cannot be seen from here: BGP acknowledges no routes`,
    change: `ask router ${router} for ${prefix}: if it has not got it, its import policy refuses it (RFC 8212: without one FRR and others refuse every route of another AS); if it has, look at its forwarding`,
  };
  return broken({ step: "router", basis: "observed" }, cause, "unknown");
}

function familyCause({ family, peer }: RouteToTell, { negotiated }: SessionItem): Cause {
  const agreed = negotiated?.families.join(", ") ?? "";
  return {
    name: "family-not-negotiated",
    rank: RANK.route,
    object: { kind: "BGPPeer", name: peer },
    field: "spec.dualStackAddressFamily",
    words: `the session with BGPPeer ${peer} is up and carries ${agreed === "" ? "nothing" : agreed} alone: no IPv${family} unicast`,
    change: `activate IPv${family} unicast for this neighbour on the router (herald sessions describe shows which side lacks it)`,
  };
}

function nextHopCause({ family, peer }: RouteToTell, { localAddress }: SessionItem): Cause {
  return {
    name: "no-next-hop",
    rank: RANK.route,
    object: { kind: "BGPPeer", name: peer },
    field: "spec.sourceAddress",
    words: `there is no IPv${family} next hop for BGPPeer ${peer}: the session runs from ${localAddress ?? "an address"}, and its interface has none of that family`,
    change: `give the node an IPv${family} address on the interface of the session, or negotiate extended next hops`,
  };
}

function tooLargeCause({ peer, advertisements }: RouteToTell): Cause {
  return {
    name: "attributes-too-large",
    rank: RANK.route,
    object: { kind: "BGPAdvertisement", name: advertisements[0] ?? "" },
    field: "spec.communities",
    words: `the attributes of the route are larger than a message to BGPPeer ${peer} may be`,
    change: "name fewer communities",
  };
}

/** What objects in the API say of a node that does not answer itself. */
function told(scene: Scene, { node }: Place, { peer }: RouteToTell): readonly Finding[] {
  const { facts } = scene;
  const said = saidOfRoute(scene, node, peer);
  const states = facts.observed?.sessionStates.filter((one) => one.node === node && one.peer === peer) ?? [];
  return [...states.map((state) => stateFinding(state)), ...said];
}

function stateFinding({ name, node, peer, state, lastError }: SessionStateFact): Finding {
  const object = { kind: "BGPSessionState", name };
  if (state === "Established")
    return observed("session", "yes", `established, says BGPSessionState ${name}`, { object });
  const cause: Cause = {
    name: "session-down",
    rank: RANK.session,
    object: { kind: "BGPPeer", name: peer },
    words: `session of Node ${node} with BGPPeer ${peer} is ${state}, says BGPSessionState ${name}${lastError === undefined ? "" : `: ${lastError}`}`,
    change: `make the session come up: herald sessions describe ${node} ${peer}`,
  };
  return broken({ step: "session", basis: "observed" }, cause);
}
