import type { Admission, PendingWrite } from "../admission/admission.ts";
import type { WebhookConversion } from "../admission/conversion.ts";
import type { Api } from "../api.ts";
import type { User } from "../auth/user.ts";
import { type Entry, objectKey } from "../collection.ts";
import { ApiError, conflict } from "../status.ts";
import type { Target, WriteOptions } from "../write.ts";

export interface WritePorts {
  readonly api: Api;
  readonly admission: Admission;
  readonly conversion: WebhookConversion;
}

/** A write as a verb that can be tried: with `dryRun` it says what would be stored. */
export interface ProposedWrite<T> {
  readonly target: Target;
  readonly user: User;
  readonly options: WriteOptions;
  /** `name` is the one that was generated when the write was tried. */
  readonly act: (options: WriteOptions, name?: string) => T;
}

/** How often a write is asked about anew because somebody changed the object meanwhile. */
const MOST_REVIEWS = 5;

/** Tries a write, asks the webhooks about what it would come to, and does it if nothing changed meanwhile. @throws ApiError */
export async function admittedWrite<T extends { readonly entry: Entry }>(
  ports: WritePorts,
  write: ProposedWrite<T>,
): Promise<T> {
  const { api, conversion } = ports;
  const { target, options } = write;
  for (let review = 0; review < MOST_REVIEWS; review++) {
    const before = storedAt(api, target);
    const operation = before === undefined ? "CREATE" : "UPDATE";
    const isAsked = ports.admission.concerns(target, operation);
    if (!isAsked && !conversion.applies(target.type)) return write.act(options);
    const tried = await conversion.settle(() => write.act({ ...options, dryRun: true, warnings: [] }));
    const { name } = tried.entry.object.metadata;
    if (isAsked) await ports.admission.review(pending(write, { operation, name, object: tried.entry, before }));
    await convertForWatches(conversion, target, tried.entry);
    const done = await conversion.settle(() =>
      storedAt(api, target) === before ? write.act(options, name) : undefined,
    );
    if (done !== undefined) return done;
  }
  throw conflict(target.type, target.name);
}

/** Asks the webhooks about a deletion, and deletes if nothing changed meanwhile. @throws ApiError */
export async function admittedDelete<T>(
  ports: WritePorts,
  write: Omit<ProposedWrite<T>, "act"> & { readonly act: () => T },
): Promise<T> {
  const { target } = write;
  const before = storedAt(ports.api, target);
  if (before !== undefined && ports.admission.concerns(target, "DELETE")) {
    const { name } = target;
    await ports.admission.review(pending(write, { operation: "DELETE", name, object: undefined, before }));
    if (storedAt(ports.api, target) !== before) throw conflict(target.type, name);
  }
  return await ports.conversion.settle(write.act);
}

interface Proposal {
  readonly operation: PendingWrite["operation"];
  readonly name: string;
  readonly object: Entry | undefined;
  readonly before: Entry | undefined;
}

function pending(
  { target, user, options }: Omit<ProposedWrite<unknown>, "act">,
  { operation, name, object, before }: Proposal,
): PendingWrite {
  return {
    operation,
    target,
    name,
    object: object === undefined ? undefined : (apiVersion) => object.in(apiVersion),
    oldObject: before === undefined ? undefined : (apiVersion) => before.in(apiVersion),
    user,
    dryRun: options.dryRun,
    warnings: options.warnings,
  };
}

/** Watches in other versions see the change at once, so its conversions must be known by then; a watch that misses one ends. */
async function convertForWatches(conversion: WebhookConversion, { type }: Target, entry: Entry): Promise<void> {
  if (!conversion.applies(type)) return;
  try {
    await conversion.settle(() => type.versions.map(({ apiVersion }) => entry.in(apiVersion)));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
  }
}

function storedAt(api: Api, { type, namespace, name }: Target): Entry | undefined {
  return name === "" ? undefined : api.collection(type).get(objectKey(namespace, name));
}
