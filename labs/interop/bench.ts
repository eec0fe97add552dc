import type { Look } from "../runner/poll.ts";
import type { LabProcess } from "../runner/processes.ts";
import { HERALD, HERALD_ASN, PORT, ROUTER, ROUTER_ASN } from "./addresses.ts";
import { InteropError } from "./errors.ts";
import { Herald } from "./herald.ts";
import type { RouteSpec, SessionSpec, Transport } from "./protocol.ts";
import type { Router, RouterKind, RouterRoute, RouterSession, RouterSetup } from "./router.ts";
import type { Stage } from "./stage.ts";

/** Both sides of a session, as a case wants them to differ from what is usual. */
export interface Wish {
  readonly transport?: Transport;
  readonly router?: Partial<RouterSetup>;
  readonly herald?: Partial<SessionSpec>;
  /** Our engine takes connections. */
  readonly listen?: boolean;
  /** Both find each other on the link. */
  readonly unnumbered?: boolean;
}

const FAMILIES = [4, 6] as const;

/** What a case works with: the router, our engine, and what both have to say. */
export class Bench {
  readonly stage: Stage;
  readonly kind: RouterKind;
  #router: Router | undefined;
  #herald: Herald | undefined;
  #peer: string = HERALD[4][0];

  constructor(stage: Stage, kind: RouterKind) {
    this.stage = stage;
    this.kind = kind;
  }

  get router(): Router {
    if (this.#router === undefined) throw new InteropError("no router yet");
    return this.#router;
  }

  get herald(): Herald {
    if (this.#herald === undefined) throw new InteropError("no engine yet");
    return this.#herald;
  }

  /** Our address, as the router calls us. */
  get peer(): string {
    return this.#peer;
  }

  /** Starts router and engine and opens the session. */
  async open(wish: Wish = {}): Promise<SessionSpec> {
    const family = wish.transport ?? 4;
    const unnumbered = wish.unnumbered === true;
    this.#peer = unnumbered ? PORT : HERALD[family][0];
    this.#router = this.kind.make(this.stage, {
      asn: ROUTER_ASN,
      heraldAsn: HERALD_ASN,
      peers: unnumbered ? [] : [this.#peer],
      families: FAMILIES,
      passive: true,
      holdTime: 9,
      ...wish.router,
    });
    this.#herald = new Herald(this.stage);
    const session: SessionSpec = {
      name: "router",
      localAsn: HERALD_ASN,
      peerAsn: ROUTER_ASN,
      ...(unnumbered ? { interface: PORT } : { peerAddress: ROUTER[family], localAddress: HERALD[family][0] }),
      families: FAMILIES,
      holdTime: 9,
      passive: false,
      ...wish.herald,
    };
    // A router that finds nobody waits for long before it dials again.
    if (wish.listen !== true) await this.#router.start();
    else await this.#herald.listen();
    await this.#herald.open(session);
    if (wish.listen === true) await this.#router.start();
    return session;
  }

  /** As `open`, and waits until both sides say Established. */
  async up(wish: Wish = {}): Promise<SessionSpec> {
    const session = await this.open(wish);
    await this.established();
    return session;
  }

  /** A new engine process in place of one that is gone. */
  async heraldAgain(session: SessionSpec, routes: readonly RouteSpec[]): Promise<void> {
    this.#herald = new Herald(this.stage);
    await this.#herald.open(session, routes);
  }

  /** Both sides up again after a loss; does what an operator would for a router that holds the session back. */
  async revived(): Promise<void> {
    const revive = this.router.revive?.bind(this.router);
    await this.routerSession(
      "Established again",
      ({ up, state }) => (up ? undefined : state),
      async () => {
        await revive?.(this.#peer);
      },
    );
    await this.established();
  }

  /** BFD is up for both. */
  async bfdUp(): Promise<void> {
    await this.herald.until("BFD up", ({ bfd }) => (bfd === "up" ? undefined : bfd));
    await this.stage.until("router: BFD up", async () => {
      const state = (await this.router.bfd?.(this.#peer)) ?? "no BFD";
      return state === "up" ? { value: state } : { seen: state };
    });
  }

  /** The router's BFD session with us is not up. */
  async bfdLost(): Promise<void> {
    await this.stage.until("router: BFD not up", async () => {
      const state = (await this.router.bfd?.(this.#peer)) ?? "no BFD";
      return state === "up" ? { seen: state } : { value: state };
    });
  }

  /** Ends all programs of the router, as its operator would, or at once. */
  async stopRouter(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    await Promise.all(this.#routerProcesses().map((process) => process.stop(signal)));
  }

  /** Signals all programs of the router; those they started too. */
  signalRouter(signal: "SIGSTOP" | "SIGCONT"): void {
    for (const process of this.#routerProcesses()) process.signalGroup(signal);
  }

  #routerProcesses(): readonly LabProcess[] {
    return this.stage.processes.all.filter((process) => process.running && process.spec.node === "router");
  }

  /** Both sides say so. Ours is asked first: a router's word costs a program that asks it. */
  async established(): Promise<void> {
    await this.herald.until("Established", ({ state, lastError }) =>
      state === "established" ? undefined : `${state}, ${lastError}`,
    );
    await this.routerSession("Established", ({ up, state }) => (up ? undefined : state));
  }

  /** Waits until the router's word on the session is as wanted; `wrong` answers with what is not, or nothing. */
  async routerSession(
    what: string,
    wrong: (session: RouterSession) => string | undefined,
    meanwhile: () => Promise<void> = async () => {},
  ): Promise<RouterSession> {
    const look = async (): Promise<Look<RouterSession>> => {
      const session = await this.router.session(this.#peer);
      const problem = wrong(session);
      if (problem === undefined) return { value: session };
      await meanwhile();
      return { seen: `${problem} (${session.state}; ${session.why})` };
    };
    return await this.stage.until(`router: ${what}`, look);
  }

  /** Waits until the router has exactly these of our routes; `check` looks closer at each. */
  async routes(
    wanted: readonly string[],
    check: (route: RouterRoute) => string | undefined = () => undefined,
  ): Promise<void> {
    const families = FAMILIES.filter(
      (family) => wanted.length === 0 || wanted.some((p) => p.includes(":") === (family === 6)),
    );
    for (const family of families) {
      const prefixes = wanted.filter((prefix) => prefix.includes(":") === (family === 6));
      await this.stage.until(`router: IPv${family} ${brief(prefixes)}`, async () => {
        const problem = routesWrong(prefixes, await this.router.routes(family), check);
        return problem === undefined ? { value: true } : { seen: problem };
      });
    }
  }
}

function routesWrong(
  wanted: readonly string[],
  routes: readonly RouterRoute[],
  check: (route: RouterRoute) => string | undefined,
): string | undefined {
  const there = new Set(routes.map(({ prefix }) => prefix));
  const missing = wanted.filter((prefix) => !there.has(prefix));
  const extra = [...there].filter((prefix) => !wanted.includes(prefix));
  if (missing.length > 0) return `missing ${brief(missing)}`;
  if (extra.length > 0) return `too many: ${brief(extra)}`;
  for (const route of routes) {
    const problem = check(route);
    if (problem !== undefined) return `${route.prefix}: ${problem}`;
  }
  return undefined;
}

function brief(prefixes: readonly string[]): string {
  if (prefixes.length <= 4) return prefixes.join(", ") || "no routes";
  return `${prefixes.length} routes, ${prefixes.slice(0, 3).join(", ")} and so on`;
}
