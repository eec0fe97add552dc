/** The kernel's IFNAMSIZ without its terminating zero. */
const MAX_INTERFACE_NAME = 15;

/** A lab or node name as containerlab's schema has it, short enough to read in `ip netns`. */
export function isName(text: string): boolean {
  return /^[a-zA-Z0-9][a-zA-Z0-9._-]{0,39}$/.test(text);
}

/** A name the kernel takes for an interface that a lab may make: `lo` is always there already. */
export function isInterfaceName(text: string): boolean {
  return text.length <= MAX_INTERFACE_NAME && /^[a-zA-Z0-9][a-zA-Z0-9._-]*$/.test(text) && text !== "lo";
}

/** One run of one lab: `hl` and four hex digits, so that two runs side by side share no name. */
export function runName(random: Uint8Array): string {
  const [a = 0, b = 0] = random;
  return `hl${((a << 8) | b).toString(16).padStart(4, "0")}`;
}

/** The network namespace of a node in a run. */
export function namespaceOf(run: string, node: string): string {
  return `${run}-${node}`;
}

/** The namespace that holds the management bridge; no node can be called so, because node names have no `+`. */
export function managementNamespaceOf(run: string): string {
  return `${run}-+mgmt`;
}
