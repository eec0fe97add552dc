import type { Observed } from "../inspection/explain/facts.ts";
import type { RouteOutItem } from "../inspection/route-view.ts";
import type { SessionItem } from "../inspection/session-view.ts";
import type { Layer2View, MembersView, PlanItem } from "../inspection/state-view.ts";
import type { ListView, ViewHead } from "../inspection/view.ts";
import { ApiError } from "../kubernetes/errors.ts";
import { sessionStatesOf } from "./explain-facts.ts";
import { withQuery } from "./inspect.ts";
import type { CliPorts } from "./ports.ts";
import { askOptions, type Reached, type ReachFlags, reachSpeakers } from "./reach.ts";
import { askAll } from "./transport.ts";

/** Asks every speaker that the flags name what it does with the Services; all of them where none is named. */
export async function observe(
  flags: ReachFlags,
  ports: Pick<CliPorts, "signal" | "stderr">,
  { services, around }: { readonly services: readonly string[]; readonly around: readonly unknown[] },
): Promise<Observed> {
  const reached = await reach(flags, ports);
  const silent = new Map(reached.silent.map(({ node, reason }) => [node, reason]));
  const ask = async <View extends ViewHead>(path: string): Promise<readonly View[]> => {
    const answers = await askAll<View>(reached.lines, path, askOptions(flags, ports));
    for (const { node, reason } of answers.silent) silent.set(node, reason);
    return answers.views;
  };
  const [plans, sessions, routes, layer2, members] = await Promise.all([
    ask<ListView<PlanItem>>(withQuery("/v1/plan", { service: services })),
    ask<ListView<SessionItem>>("/v1/sessions"),
    ask<ListView<RouteOutItem>>(withQuery("/v1/routes/out", { service: services })),
    ask<Layer2View>("/v1/layer2"),
    ask<MembersView>("/v1/members"),
  ]);
  return {
    answered: new Set(plans.map(({ node }) => node).filter((node) => !silent.has(node))),
    silent,
    complete: reached.complete && flags.socket.length === 0 && flags.selector === undefined,
    plans: plans.flatMap(({ items }) => items),
    sessions: sessions.flatMap(({ items }) => items),
    routes: routes.flatMap(({ items }) => items),
    layer2,
    members,
    sessionStates: sessionStatesOf(around),
  };
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
    ports.stderr(`note: no speaker is asked: ${error.message}\n`);
    return { lines: [], silent: [], complete: false };
  }
}
