import type { Service, ServiceCondition } from "./core.ts";

/** Condition of a Service: a stranger on the LAN uses an address of it. Written by the speaker that met the stranger. */
const ADDRESS_CONFLICT = "herald.io/AddressConflict";

/** Who was found on an address of a Service, and where. */
export interface AddressConflict {
  readonly address: string;
  readonly mac: string;
  readonly interface: string;
  readonly node: string;
}

/** The conflicts in words: the message of the condition, and of events. */
export function formatAddressConflicts(conflicts: readonly AddressConflict[]): string {
  return conflicts
    .map((found) => `${found.address} is in use by ${found.mac} on interface ${found.interface} of Node ${found.node}`)
    .join("; ");
}

const SENTENCE = /^(?<address>\S+) is in use by (?<mac>\S+) on interface (?<interface>\S+) of Node (?<node>\S+)$/;

/** What the Service's condition says; nothing where there is none, where it is not True, and of words that are not ours. */
export function addressConflicts({ status }: Service): readonly AddressConflict[] {
  const said = status?.conditions?.find(({ type }) => type === ADDRESS_CONFLICT);
  if (said?.status !== "True") return [];
  return (said.message ?? "").split("; ").flatMap((sentence) => {
    const { address, mac, interface: name, node } = SENTENCE.exec(sentence)?.groups ?? {};
    if (address === undefined || mac === undefined || name === undefined || node === undefined) return [];
    return [{ address, mac, interface: name, node }];
  });
}

/**
 * The Service's conditions with these conflicts, or without the condition where there are none; everybody else's stay. The same
 * list when it says so already, so that nothing has to be written. `at`, in RFC 3339, is when there are any for the first time.
 */
export function conditionsWithConflicts(
  service: Service,
  conflicts: readonly AddressConflict[],
  at: string,
): readonly ServiceCondition[] {
  const before = service.status?.conditions ?? [];
  const was = before.find(({ type }) => type === ADDRESS_CONFLICT);
  const others = before.filter(({ type }) => type !== ADDRESS_CONFLICT);
  if (conflicts.length === 0) return was === undefined ? before : others;
  const message = formatAddressConflicts(conflicts);
  if (was?.status === "True" && was.message === message) return before;
  const lastTransitionTime = (was?.status === "True" ? was.lastTransitionTime : undefined) ?? at;
  return [...others, { type: ADDRESS_CONFLICT, status: "True", reason: "AddressInUse", message, lastTransitionTime }];
}
