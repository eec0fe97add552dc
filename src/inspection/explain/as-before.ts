import type { Protocol, Refusal, RefusalCause } from "../../announcement/refusal.ts";
import { ingressTexts } from "../../api/service-addresses.ts";
import type { PlanItem } from "../state-view.ts";
import { formatObject, type ObjectName } from "./finding.ts";
import type { Scene } from "./scene.ts";

/** Controller and speakers go on with the last good version of an object that was edited to something they cannot use. */
export interface AsBefore {
  readonly plan: PlanItem;
  readonly words: string;
}

/** Which kinds decide over a protocol. */
const KINDS: Record<Protocol, readonly string[]> = {
  bgp: ["BGPAdvertisement", "BGPPeer", "IPAddressPool"],
  layer2: ["L2Advertisement", "IPAddressPool"],
};

/** What the last good version of an object would lift. */
const LIFTED: ReadonlySet<string> = new Set<RefusalCause["reason"]>([
  "no-address",
  "address-not-in-pool",
  "no-matching-advertisement",
  "node-not-selected",
  "no-matching-peer",
]);

/** What a node does all the same although the objects, as they are now, come to a refusal. */
export function asBefore(
  scene: Scene,
  node: string,
  refusal: Pick<Refusal, "protocol" | "cause">,
): AsBefore | undefined {
  const { protocol, cause } = refusal;
  const culprit = leftOut(scene, KINDS[protocol]);
  const plan = plans(scene).find((one) => one.node === node);
  if (culprit === undefined || !LIFTED.has(cause.reason) || (plan?.[protocol].length ?? 0) === 0) return undefined;
  return plan && { plan, words: `as it was before ${formatObject(culprit)} became what cannot be used` };
}

/** The address that a Service keeps because its pool goes on as it was. */
export function keptAddress(scene: Scene): { readonly address: string; readonly pool: ObjectName } | undefined {
  const pool = leftOut(scene, ["IPAddressPool"]);
  const has = ingressTexts(scene.service);
  if (pool === undefined || has.length === 0 || !plans(scene).some(announces)) return undefined;
  return { address: has.join(" and "), pool };
}

/** Whether some node announces although an object that decides over it is left out now. */
export function goesOn(scene: Scene): boolean {
  return leftOut(scene, [...KINDS.bgp, ...KINDS.layer2]) !== undefined && plans(scene).some(announces);
}

/** Why a node does not what others go on with: by its own word, because ours is about objects that nobody goes by. */
export function refusalAsBefore(scene: Scene, node: string, refusal: Refusal): Refusal {
  const { service, protocol } = refusal;
  if (!LIFTED.has(refusal.cause.reason) || !goesOn(scene)) return refusal;
  const own = plans(scene)
    .find((plan) => plan.node === node)
    ?.refusals.find((one) => one.protocol === protocol);
  return own === undefined ? refusal : { service, protocol, ip: own.ip, cause: own.cause };
}

function plans({ facts, question }: Scene): readonly PlanItem[] {
  return facts.observed?.plans.filter(({ service }) => service === question.service) ?? [];
}

function announces({ bgp, layer2 }: PlanItem): boolean {
  return bgp.length + layer2.length > 0;
}

/** Whether some node does it. */
export function isDone(scene: Scene, protocol: Protocol): boolean {
  return plans(scene).some((plan) => plan[protocol].length > 0);
}

function leftOut({ facts }: Scene, kinds: readonly string[]): ObjectName | undefined {
  const found = facts.parsed.invalid.find(({ kind }) => kinds.includes(kind));
  return found === undefined ? undefined : { kind: found.kind, name: found.name };
}
