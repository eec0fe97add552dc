import { nodeName } from "../../src/api/brands.ts";
import type { ClientConfig } from "../../src/kubernetes/kubeconfig.ts";
import { micros, seconds } from "../../src/net/micros.ts";
import type { Members, MembersHandlers } from "../../src/speaker/members.ts";
import { FakeLayer2 } from "../support/fake-layer2.ts";
import { type RunningSpeaker, startSpeaker } from "./daemons.ts";
import type { Site } from "./site.ts";

/** Who is alive, as the test has it. */
export class TestMembers implements Members {
  readonly #handlers = new Set<MembersHandlers>();
  alive: readonly string[] = [];

  current(): ReadonlySet<ReturnType<typeof nodeName>> {
    return new Set(this.alive.map(nodeName));
  }

  start(_signal: AbortSignal, handlers: MembersHandlers): void {
    this.#handlers.add(handlers);
  }

  set(alive: readonly string[]): void {
    this.alive = alive;
    for (const handlers of this.#handlers) handlers.changed();
  }

  leave(): Promise<void> {
    return Promise.resolve();
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }

  inspect(): Promise<undefined> {
    return Promise.resolve(undefined);
  }
}

/** A speaker whose LAN is made up. */
export interface Member {
  readonly name: string;
  readonly engine: FakeLayer2;
  readonly running: RunningSpeaker;
}

export interface MemberExtra {
  readonly config?: ClientConfig;
  readonly podName?: string;
  readonly fenceAfter?: number;
  readonly interfaces?: readonly string[];
  /** Whether its LAN is quiet, so that it announces at once. */
  readonly obliging?: boolean;
}

/** The speaker of one node of the site, with interfaces as its engine says. */
export async function startMember(
  site: Site,
  members: Members,
  node: string,
  { config = site.cluster.config, podName, fenceAfter = 10, interfaces = ["eth0"], obliging = true }: MemberExtra = {},
): Promise<Member> {
  const engine = new FakeLayer2();
  engine.obliging = obliging;
  const fencing = { policy: "both", after: micros(seconds(1) * fenceAfter) } as const;
  const running = await startSpeaker(site, node, config, {
    startLayer2: engine.start,
    members,
    layer2: { fencing },
    ...(podName === undefined ? {} : { podName }),
  });
  engine.report({ type: "interfaces", names: interfaces });
  return { name: site.nodeName(node), engine, running };
}
