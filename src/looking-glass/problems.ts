import { type Cause, formatObject, type ObjectName } from "../inspection/explain/finding.ts";
import { sessionCause } from "../inspection/explain/session-cause.ts";
import type { Layer2Item } from "../inspection/state-view.ts";
import type { Board } from "./board.ts";
import type { Health, Place, Problem, SessionRow } from "./model.ts";
import type { TroubleGroup } from "./service-board.ts";

/** More of the same kind than this are told as one. */
const MANY = 5;

type Told = Omit<Problem, "count">;

/** Everything that is wrong, the worst first: within one degree, what others hang on comes before them. */
export function problemsOf(board: Board): readonly Problem[] {
  const all = [
    ...sourceProblems(board),
    ...invalidProblems(board),
    ...nodeProblems(board),
    ...sessionProblems(board),
    ...layer2Problems(board),
    ...board.services.troubles().flatMap((group) => serviceProblems(board, group)),
    ...poolProblems(board),
  ];
  return all.sort((a, b) => DEGREE[a.health] - DEGREE[b.health]);
}

const DEGREE: Readonly<Record<Problem["health"], number>> = { bad: 0, doubtful: 1, unknown: 2 };

/** The worst of everything; unknown is worse than good, and better than a doubt. */
export function worstOf(problems: readonly Problem[]): Health {
  const [first] = problems;
  return first?.health ?? "good";
}

function sourceProblems(board: Board): readonly Problem[] {
  const silent = board.sources.filter(({ state }) => state === "silent");
  const told = silent.map(({ name, kind, message = "", since }): Told => {
    const api = kind === "api";
    return {
      id: `source/${name}`,
      health: api ? "bad" : "unknown",
      reason: api ? "api-silent" : "speaker-silent",
      object: api ? { kind: "API", name } : { kind: "Node", name },
      message: api
        ? `not everything can be read from the API: ${message}`
        : `the speaker of Node ${name} does not answer: ${message}`,
      remedy: api
        ? "see that the kubeconfig is right, and that you may list these objects"
        : "look at the speaker's pod and its log",
      since,
      place: api ? undefined : { page: "topology", node: name },
    };
  });
  return gathered(told);
}

function invalidProblems({ invalid }: Board): readonly Problem[] {
  return invalid.map(({ kind, name, message }) => ({
    id: `invalid/${kind}/${name}`,
    health: "bad" as const,
    reason: "invalid-object",
    object: { kind, name },
    field: /^(?<field>(?:spec|metadata)\S*?):/.exec(message)?.groups?.["field"],
    message,
    remedy: "mend the object: until then it counts for nothing, or as it was before",
    count: 1,
  }));
}

function nodeProblems(board: Board): readonly Problem[] {
  const fenced = board.layer2.nodes().filter((node) => node.fenced);
  const told = fenced.map(({ node }): Told => {
    return {
      id: `fenced/${node}`,
      health: "bad",
      reason: "fenced",
      object: { kind: "Node", name: node },
      message: `Node ${node} is fenced: it answers for no address at layer 2`,
      remedy: "see that it reaches the other nodes and the API",
      place: { page: "topology", node },
    };
  });
  const drained = [...board.nodes.values()].flatMap(({ name, drained: why }): readonly Told[] => {
    if (why === undefined) return [];
    const message = `Node ${name} is drained${why === "" ? "" : `: ${why}`}`;
    const remedy = `herald drain --undo ${name} brings it back`;
    const place = { page: "topology", node: name } as const;
    return [
      {
        id: `drained/${name}`,
        health: "doubtful",
        reason: "node-drained",
        object: { kind: "Node", name },
        message,
        remedy,
        place,
      },
    ];
  });
  return [...gathered(told), ...gathered(drained)];
}

function sessionProblems(board: Board): readonly Problem[] {
  const rows = board.sessions.rows().filter(({ health }) => health === "bad" || health === "doubtful");
  return gathered(rows.map((row) => sessionProblem(board, row)));
}

function sessionProblem(board: Board, { health, session, timeline }: SessionRow): Told {
  const { node, peer, state } = session;
  const place = { page: "session", node, peer } as const;
  const id = `session/${node}/${peer}`;
  const since = timeline.at(-1)?.start;
  if (state === "established") {
    const { bfd, prefixesNotSent } = session;
    const object = { kind: "BGPPeer", name: peer };
    const guarded = bfd === undefined || bfd.state === "up";
    const reason = guarded ? "prefixes-not-sent" : "bfd-down";
    const message = guarded
      ? `the session of Node ${node} with BGPPeer ${peer} cannot carry ${prefixesNotSent} prefixes`
      : `BFD of Node ${node} with BGPPeer ${peer} is ${bfd.state}`;
    return { id, health: "doubtful", reason, object, message, since, place };
  }
  const cause = sessionCause(session, board.peer(peer));
  return {
    ...causeTold(cause, { kind: "BGPPeer", name: peer }),
    id,
    health: health === "bad" ? "bad" : "doubtful",
    since,
    place,
  };
}

function causeTold(
  { name, object, field, words, change }: Cause,
  otherwise: ObjectName,
): Pick<Told, "reason" | "object" | "field" | "message" | "remedy"> {
  return { reason: name, object: object ?? otherwise, field, message: words, remedy: change };
}

function layer2Problems(board: Board): readonly Problem[] {
  const bad = board.layer2.inConflict().filter(({ holders }) => !isTold(board, holders));
  const told = bad.map(({ address, message = "", holders }): Told => {
    const service = holders.flatMap(({ services }) => services)[0];
    const object = service === undefined ? { kind: "Address", name: address } : serviceObject(service);
    const remedy = "take the address off the machine that uses it, or out of the pool";
    const place = { page: "layer2", address } as const;
    return {
      id: `conflict/${address}`,
      health: "bad",
      reason: "conflict",
      object,
      message: `${address}: ${message}`,
      remedy,
      place,
    };
  });
  return gathered(told);
}

/** A Service says so itself. */
function isTold(board: Board, holders: readonly Layer2Item[]): boolean {
  const services = holders.flatMap((one) => one.services);
  return services.some((key) => board.services.trouble(key)?.trouble.reason === "address-conflict");
}

function serviceProblems(board: Board, { reason, health, services }: TroubleGroup): readonly Problem[] {
  // Of thousands in one trouble one is enough to tell it by.
  const names = services.size > MANY ? first(services) : [...services].sort();
  const told = names.flatMap((key): readonly Told[] => {
    const known = board.services.trouble(key);
    if (known === undefined) return [];
    const { trouble, since } = known;
    const { namespace = "", name } = serviceObject(key);
    const place: Place = { page: "service", namespace, name };
    const { message, field, remedy } = trouble;
    return [
      {
        id: `service/${reason}/${key}`,
        health,
        reason,
        object: serviceObject(key),
        field,
        message,
        remedy,
        since,
        place,
      },
    ];
  });
  const [one] = told;
  if (services.size <= MANY || one === undefined) return told.map((problem) => ({ ...problem, count: 1 }));
  const message = `${services.size} Services, ${formatObject(one.object)} for one: ${one.message}`;
  return [{ ...one, id: `services/${health}/${reason}`, message, count: services.size }];
}

function first<T>(all: Iterable<T>): readonly T[] {
  for (const one of all) return [one];
  return [];
}

function poolProblems({ pools }: Board): readonly Problem[] {
  return pools.rows.flatMap(({ name, use, health, fullInDays }): readonly Problem[] => {
    if (health !== "bad" && health !== "doubtful") return [];
    const days = fullInDays === undefined ? "" : `, and full in ${fullInDays} days at the rate of the last week`;
    const reason = use >= 100 ? "pool-full" : "pool-nearly-full";
    const object = { kind: "IPAddressPool", name };
    const message = `IPAddressPool ${name} is ${use}% used${days}`;
    const place = { page: "pool", name } as const;
    return [
      {
        id: `pool/${name}`,
        health,
        reason,
        object,
        field: "spec.addresses",
        message,
        remedy: "add addresses to it",
        count: 1,
        place,
      },
    ];
  });
}

/** Those of one reason as one, where they are many. */
function gathered(told: readonly Told[]): readonly Problem[] {
  const groups = new Map<string, Told[]>();
  for (const one of told) {
    const group = groups.get(`${one.health} ${one.reason}`);
    if (group === undefined) groups.set(`${one.health} ${one.reason}`, [one]);
    else group.push(one);
  }
  return [...groups.values()].flatMap((group): readonly Problem[] => {
    const [one] = group;
    if (one === undefined || group.length <= MANY) return group.map((problem) => ({ ...problem, count: 1 }));
    return [
      { ...one, id: `${one.reason}/many`, message: `${group.length} times: ${one.message}`, count: group.length },
    ];
  });
}

function serviceObject(key: string): ObjectName & { readonly namespace: string } {
  const slash = key.indexOf("/");
  return { kind: "Service", namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}
