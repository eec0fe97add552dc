import type { Decision } from "../announcement/decision.ts";
import { formatRefusal, type Protocol, type Refusal } from "../announcement/refusal.ts";
import type { NodeName, ServiceKey } from "../api/config.ts";
import type { Service } from "../api/core.ts";
import { keyOfService } from "../api/service-addresses.ts";
import type { BgpState } from "../bgp/fsm-values.ts";
import type { MoveContent, MoveRing } from "../inspection/move.ts";

/** What was last told of a Service. */
interface Told {
  readonly addresses: Readonly<Record<Protocol, readonly string[]>>;
  readonly winner: string | undefined;
  readonly refusal: string;
}

const PROTOCOLS: readonly Protocol[] = ["bgp", "layer2"];
const NOTHING: Told = { addresses: { bgp: [], layer2: [] }, winner: undefined, refusal: "" };

/** Makes moves of what a speaker decides and sees: one for each change of mind, none for a pass that changes nothing. */
export class MoveRecorder {
  readonly #ring: Pick<MoveRing, "record">;
  readonly #told = new Map<ServiceKey, Told>();
  readonly #up = new Set<string>();
  #members: ReadonlySet<NodeName> | undefined;

  constructor(ring: Pick<MoveRing, "record">) {
    this.#ring = ring;
  }

  record(move: MoveContent): void {
    this.#ring.record(move);
  }

  /** A Service was decided again, or is gone. */
  decided(service: ServiceKey, decision: Decision | undefined): void {
    const before = this.#told.get(service) ?? NOTHING;
    const now = toldOf(decision);
    if (decision === undefined) this.#told.delete(service);
    else this.#told.set(service, now);
    const refusals = decision?.refusals ?? [];
    for (const protocol of PROTOCOLS) this.#announced(service, protocol, { before, now, refusals });
    const silent = PROTOCOLS.every((one) => now.addresses[one].length === 0);
    const [elected] = refusals.flatMap((one) => (one.cause.reason === "lost-election" ? [one] : []));
    if (elected !== undefined && now.winner === undefined) {
      // Which node won is said when it is known.
      this.#told.set(service, { ...now, winner: before.winner, refusal: before.refusal });
      return;
    }
    if (now.winner !== before.winner && elected !== undefined) {
      this.#ring.record({ type: "elected", protocol: "layer2", service, other: now.winner, ...why(elected) });
      return;
    }
    const telling = tellingRefusal(refusals);
    const wasSilent = PROTOCOLS.every((one) => before.addresses[one].length === 0);
    if (silent && wasSilent && telling !== undefined && now.refusal !== before.refusal)
      this.#ring.record({ type: "refused", protocol: telling.protocol, service, ...why(telling) });
  }

  /** The Service as the API has it: addresses that it was given or has lost. */
  allocated(now: Service | undefined, before: Service | undefined): void {
    const service = now ?? before;
    if (service === undefined) return;
    const key = keyOfService(service);
    const [had, has] = [ingressOf(before), ingressOf(now)];
    const fresh = has.filter((ip) => !had.includes(ip));
    const gone = had.filter((ip) => !has.includes(ip));
    if (gone.length > 0) this.#ring.record({ type: "released", service: key, addresses: gone });
    if (fresh.length > 0) this.#ring.record({ type: "allocated", service: key, addresses: fresh });
  }

  /** A session's state changed. Between up and up, attempts are no moves. */
  session(peer: string, state: BgpState, reason: string | undefined): void {
    const isUp = state === "established";
    if (isUp === this.#up.has(peer)) return;
    if (isUp) this.#up.add(peer);
    else this.#up.delete(peer);
    this.#ring.record({
      type: isUp ? "session-up" : "session-down",
      protocol: "bgp",
      peer,
      message: isUp ? undefined : reason,
    });
  }

  /** Who is alive among the speakers; nothing is said of those that are there at first. */
  members(now: ReadonlySet<NodeName> | undefined): void {
    const before = this.#members;
    this.#members = now;
    if (before === undefined || now === undefined) return;
    for (const other of now) if (!before.has(other)) this.#ring.record({ type: "member-joined", other });
    for (const other of before) if (!now.has(other)) this.#ring.record({ type: "member-gone", other });
  }

  #announced(
    service: ServiceKey,
    protocol: Protocol,
    { before, now, refusals }: { readonly before: Told; readonly now: Told; readonly refusals: readonly Refusal[] },
  ): void {
    const [had, has] = [before.addresses[protocol], now.addresses[protocol]];
    const fresh = has.filter((ip) => !had.includes(ip));
    const gone = had.filter((ip) => !has.includes(ip));
    if (gone.length > 0) {
      const cause = refusals.find(
        (one) => one.protocol === protocol && (one.ip === undefined || gone.includes(one.ip)),
      );
      const because = cause === undefined ? { reason: "service-gone" } : why(cause);
      this.#ring.record({ type: "withdrawn", protocol, service, addresses: gone, ...because });
    }
    if (fresh.length > 0) this.#ring.record({ type: "announced", protocol, service, addresses: fresh });
  }
}

function toldOf(decision: Decision | undefined): Told {
  if (decision === undefined) return NOTHING;
  const { bgp, layer2, refusals } = decision;
  const texts = (all: readonly { readonly ip: { toString(): string } }[]): readonly string[] => [
    ...new Set(all.map(({ ip }) => ip.toString())),
  ];
  const lost = refusals.flatMap(({ cause }) => (cause.reason === "lost-election" ? [cause.winner] : []));
  const telling = tellingRefusal(refusals);
  return {
    addresses: { bgp: texts(bgp), layer2: texts(layer2) },
    winner: lost[0],
    refusal: telling === undefined ? "" : formatRefusal(telling),
  };
}

/** That there is no advertisement of the other protocol is how most clusters are: it says something only where it is all there is. */
function tellingRefusal(refusals: readonly Refusal[]): Refusal | undefined {
  const others = refusals.filter(({ cause }) => cause.reason !== "no-matching-advertisement");
  return others.find(({ cause }) => cause.reason !== "lost-election") ?? others[0] ?? refusals[0];
}

function why(refusal: Refusal): { readonly reason: string; readonly message: string } {
  return { reason: refusal.cause.reason, message: formatRefusal(refusal) };
}

function ingressOf(service: Service | undefined): readonly string[] {
  return (service?.status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => ip ?? []);
}
