import type { Secret } from "../api/core.ts";
import type { RawObject } from "../api/object.ts";
import type { ConfigObjects } from "../api/parse-config.ts";
import { stripRawObject, stripSecret } from "../api/strip.ts";
import { Informer, type InformerPorts, type WatchReading } from "./informer.ts";
import {
  BFD_PROFILES,
  BGP_ADVERTISEMENTS,
  BGP_PEERS,
  COMMUNITIES,
  IP_ADDRESS_POOLS,
  L2_ADVERTISEMENTS,
  type Resource,
  SECRETS,
} from "./resource.ts";

type Kind = Exclude<keyof ConfigObjects, "secrets">;

const RESOURCES: Readonly<Record<Kind, Resource>> = {
  pools: IP_ADDRESS_POOLS,
  peers: BGP_PEERS,
  bgpAdvertisements: BGP_ADVERTISEMENTS,
  l2Advertisements: L2_ADVERTISEMENTS,
  communities: COMMUNITIES,
  bfdProfiles: BFD_PROFILES,
};

/** The configuration objects of one namespace, kept current. */
export class ConfigWatch {
  readonly #informers: ReadonlyMap<Kind, Informer<RawObject>>;
  readonly #secrets: Informer<Secret>;

  constructor(ports: InformerPorts, namespace: string) {
    const kinds = Object.keys(RESOURCES) as Kind[];
    this.#informers = new Map(
      kinds.map((kind) => [kind, new Informer(ports, { resource: RESOURCES[kind], namespace, strip: stripRawObject })]),
    );
    this.#secrets = new Informer(ports, { resource: SECRETS, namespace, strip: stripSecret });
  }

  start(signal: AbortSignal): void {
    for (const informer of this.#all()) informer.start(signal);
  }

  /** Resolves when every kind was listed once. */
  async synced(): Promise<void> {
    await Promise.all(this.#all().map((informer) => informer.synced));
  }

  /** Resolves when a list of the pools that was asked for after this call is there. */
  async refreshPools(): Promise<void> {
    await this.#informers.get("pools")?.refresh();
  }

  /** The kinds that were never listed yet, for readiness. */
  unsynced(): readonly string[] {
    const kinds = [...this.#informers]
      .filter(([, informer]) => !informer.isSynced)
      .map(([kind]) => RESOURCES[kind].plural);
    return this.#secrets.isSynced ? kinds : [...kinds, SECRETS.plural];
  }

  /** Told whenever an object came, went, or has another spec or other labels: a status alone changes nothing. */
  onChange(listener: () => void): void {
    for (const informer of this.#informers.values()) {
      informer.onChange(({ type, object, previous }) => {
        // A deletion shows the object as it was last seen, twice: it looks unchanged.
        if (type === "deleted" || previous === undefined || configText(object) !== configText(previous)) listener();
      });
    }
    this.#secrets.onChange(() => listener());
  }

  /** Told of every change to an IPAddressPool, its status included. */
  onPoolChange(listener: (pool: RawObject) => void): void {
    this.#informers.get("pools")?.onChange(({ object }) => listener(object));
  }

  objects(): ConfigObjects {
    const of = (kind: Kind): readonly RawObject[] => [...(this.#informers.get(kind)?.values() ?? [])];
    return {
      pools: of("pools"),
      peers: of("peers"),
      bgpAdvertisements: of("bgpAdvertisements"),
      l2Advertisements: of("l2Advertisements"),
      communities: of("communities"),
      bfdProfiles: of("bfdProfiles"),
      secrets: [...this.#secrets.values()],
    };
  }

  /** How each watch fares. */
  watches(): readonly WatchReading[] {
    return this.#all().map(({ reading }) => reading);
  }

  #all(): readonly Pick<Informer<RawObject>, "start" | "synced" | "reading">[] {
    return [...this.#informers.values(), this.#secrets];
  }
}

function configText(object: RawObject): string {
  return JSON.stringify([object.metadata.labels, object.spec, object.metadata.deletionTimestamp]);
}
