import type { Observed } from "../inspection/explain/facts.ts";
import type { RouteOutItem } from "../inspection/route-view.ts";
import type { SessionItem } from "../inspection/session-view.ts";
import type { Layer2View, MembersView, PlanItem } from "../inspection/state-view.ts";
import type { ListView } from "../inspection/view.ts";
import { ApiError } from "../kubernetes/errors.ts";
import { sessionStatesOf } from "./explain-facts.ts";
import { withQuery } from "./inspect.ts";
import type { CliPorts } from "./ports.ts";
import { askOptions, type Reached, type ReachFlags, reachSpeakers } from "./reach.ts";
import { statusesOf } from "./service-statuses.ts";
import { askEach, askSeveral } from "./transport.ts";

/** Asks every speaker that the flags name what it does with the Services; all of them where none is named. */
export async function observe(
  flags: ReachFlags,
  ports: Pick<CliPorts, "signal" | "stderr">,
  { services, around }: { readonly services: readonly string[]; readonly around: readonly unknown[] },
): Promise<Observed> {
  const reached = await reach(flags, ports);
  const options = askOptions(flags, ports);
  const answers = await askEach(reached.lines, options, async (line) => {
    const [plan, sessions, routes, layer2, members] = await askSeveral<Documents>(line, pathsOf(services), options);
    return { node: plan.node, plan, sessions, routes, layer2, members };
  });
  const { views } = answers;
  const [refused] = answers.silent.filter(({ forbidden }) => forbidden);
  if (refused !== undefined) noteUnasked(ports, refused.reason);
  const silent = [...reached.silent, ...answers.silent.filter(({ forbidden }) => !forbidden)];
  const { bgp, layer2: answering } = statusesOf(around);
  return {
    answered: new Set(views.map(({ node }) => node)),
    silent: new Map(silent.map(({ node, reason }) => [node, reason])),
    complete: reached.complete && refused === undefined && flags.socket.length === 0 && flags.selector === undefined,
    plans: views.flatMap(({ plan }) => plan.items),
    sessions: views.flatMap(({ sessions }) => sessions.items),
    at: new Map(views.map(({ node, plan }) => [node, plan.at])),
    routes: views.flatMap(({ routes }) => routes.items),
    layer2: views.map(({ layer2 }) => layer2),
    members: views.map(({ members }) => members),
    sessionStates: sessionStatesOf(around),
    statuses: { bgp, layer2: answering },
  };
}

type Documents = readonly [ListView<PlanItem>, ListView<SessionItem>, ListView<RouteOutItem>, Layer2View, MembersView];

/** In the order of the documents. */
function pathsOf(services: readonly string[]): readonly [string, string, string, string, string] {
  const of = (path: string): string => withQuery(path, { service: services });
  return [of("/v1/plan"), "/v1/sessions", of("/v1/routes/out"), "/v1/layer2", "/v1/members"];
}

function noteUnasked({ stderr }: Pick<CliPorts, "stderr">, why: string): void {
  stderr(`note: no speaker is asked: ${why}\n`);
  stderr("note: what is seen of nodes is what their speakers wrote to the API: statuses are intent, and may be old\n");
}

/** Who may not list pods still learns what the API says. */
async function reach(
  flags: ReachFlags,
  ports: Pick<CliPorts, "signal" | "stderr">,
): Promise<Reached & { readonly complete: boolean }> {
  try {
    return { ...(await reachSpeakers(flags, ports)), complete: true };
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 403) throw error;
    noteUnasked(ports, error.message);
    return { lines: [], silent: [], complete: false };
  }
}
