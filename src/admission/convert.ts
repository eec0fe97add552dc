import { specOfV1beta1 } from "../api/bgp-peer.ts";
import { isFields } from "../api/read-object.ts";
import { UnconvertibleError } from "./error.ts";

/** An object as JSON, whole: what nobody here reads is kept as well. */
type JsonObject = Readonly<Record<string, unknown>>;

export type PeerVersion = "metallb.io/v1beta1" | "metallb.io/v1beta2";

/** On a v1beta1 object: what it says in v1beta2 and cannot say itself. Null is a field that v1beta2 leaves out. */
const V1BETA2_FIELDS = "herald.io/v1beta2-fields";
/** On a v1beta2 object: what the v1beta1 object that it was wrote out, although it need not. */
const V1BETA1_FIELDS = "herald.io/v1beta1-fields";

const TIMERS = ["holdTime", "keepaliveTime"] as const;
const ZERO = "0s";
const DEFAULT_PORT = 179;
/** v1beta1 must have these: where v1beta2 has another field in their place they are empty. */
const REQUIRED = { peerASN: { empty: 0, instead: "dynamicASN" }, peerAddress: { empty: "", instead: "interface" } };
const IN_BOTH = new Set<string>([
  ...["myASN", "peerASN", "peerAddress", "sourceAddress", "peerPort", "holdTime", "keepaliveTime", "routerID"],
  ...["nodeSelectors", "password", "bfdProfile", "ebgpMultiHop"],
]);
/** The API server writes these into every v1beta2 object, so they say nothing. */
const DEFAULTS: JsonObject = { disableMP: false, dualStackAddressFamily: false };

/**
 * A BGPPeer in the other version, and back without loss. MetalLB drops what v1beta1 has no field for, so that an edit of
 * the old version undoes it; here it waits in an annotation. @throws UnconvertibleError
 */
export function convertBgpPeer(object: JsonObject, to: PeerVersion): JsonObject {
  const { kind, apiVersion, metadata, spec } = object;
  if (kind !== "BGPPeer") throw new UnconvertibleError("kind", "must be BGPPeer");
  if (apiVersion !== "metallb.io/v1beta1" && apiVersion !== "metallb.io/v1beta2") {
    throw new UnconvertibleError("apiVersion", "must be metallb.io/v1beta1 or metallb.io/v1beta2");
  }
  if (!isFields(metadata)) throw new UnconvertibleError("metadata", "must be an object");
  if (spec !== undefined && !isFields(spec)) throw new UnconvertibleError("spec", "must be an object");
  if (apiVersion === to) return object;
  if (spec === undefined) return { ...object, apiVersion: to };
  const converted = to === "metallb.io/v1beta2" ? upgrade(spec, metadata) : downgrade(spec, metadata);
  return { ...object, apiVersion: to, ...converted };
}

interface Converted {
  readonly spec: JsonObject;
  readonly metadata: JsonObject;
}

function upgrade(old: JsonObject, metadata: JsonObject): Converted {
  const hidden = readNote(metadata, V1BETA2_FIELDS);
  const spec = new Map(Object.entries(specOfV1beta1(old)));
  for (const [key, value] of Object.entries(hidden)) if (!IN_BOTH.has(key)) spec.set(key, value);
  for (const key of TIMERS) if (hidden[key] === null && !has(old, key)) spec.delete(key);
  for (const [key, { empty, instead }] of Object.entries(REQUIRED)) {
    if (hidden[key] !== null) continue;
    // Whoever fills in the one has seen nothing of the other.
    if (old[key] === empty) spec.delete(key);
    else spec.delete(instead);
  }
  const explicit = TIMERS.filter((key) => old[key] === ZERO).map((key) => [key, ZERO]);
  const note = { ...Object.fromEntries(explicit), ...(old["peerPort"] === 0 ? { peerPort: 0 } : {}) };
  return { spec: Object.fromEntries(spec), metadata: withNotes(metadata, { [V1BETA1_FIELDS]: note }) };
}

function downgrade(old: JsonObject, metadata: JsonObject): Converted {
  const explicit = readNote(metadata, V1BETA1_FIELDS);
  const spec = new Map(Object.entries(old).filter(([key]) => IN_BOTH.has(key)));
  const note = new Map(Object.entries(old).filter(([key, value]) => !IN_BOTH.has(key) && DEFAULTS[key] !== value));
  for (const key of TIMERS) {
    if (!has(old, key)) note.set(key, null);
    else if (old[key] === ZERO && explicit[key] !== ZERO) spec.delete(key);
  }
  for (const [key, { empty }] of Object.entries(REQUIRED)) {
    if (has(old, key)) continue;
    note.set(key, null);
    spec.set(key, empty);
  }
  if (explicit["peerPort"] === 0 && (old["peerPort"] ?? DEFAULT_PORT) === DEFAULT_PORT) spec.set("peerPort", 0);
  return {
    spec: Object.fromEntries(spec),
    metadata: withNotes(metadata, { [V1BETA2_FIELDS]: Object.fromEntries(note) }),
  };
}

function has(fields: JsonObject, key: string): boolean {
  return Object.hasOwn(fields, key);
}

/** What nobody but us writes: anything unreadable there says nothing. */
function readNote(metadata: JsonObject, key: string): JsonObject {
  const annotations = isFields(metadata["annotations"]) ? metadata["annotations"] : {};
  const text = annotations[key];
  if (typeof text !== "string") return {};
  try {
    const note: unknown = JSON.parse(text);
    return isFields(note) ? note : {};
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}

/** Takes away the notes for the version that the object is now, and writes those for the other one. */
function withNotes(metadata: JsonObject, notes: Readonly<Record<string, JsonObject>>): JsonObject {
  const { annotations, ...rest } = metadata;
  const kept = isFields(annotations) ? annotations : {};
  const { [V1BETA1_FIELDS]: first, [V1BETA2_FIELDS]: second, ...others } = kept;
  const written = Object.entries(notes).filter(([, note]) => Object.keys(note).length > 0);
  if (first === undefined && second === undefined && written.length === 0) return metadata;
  const all = { ...others, ...Object.fromEntries(written.map(([key, note]) => [key, JSON.stringify(note)])) };
  return Object.keys(all).length === 0 ? rest : { ...rest, annotations: all };
}
