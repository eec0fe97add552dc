import type { ResourceType, ResourceVersion } from "./resource.ts";
import { typeKey } from "./resource.ts";

/** A kind in the version a request speaks. */
export interface Spoken {
  readonly type: ResourceType;
  readonly version: ResourceVersion;
}

/** The kinds this server serves; CRDs come and go at run time. */
export class Registry {
  readonly #types = new Map<string, ResourceType>();
  #generation = 0;

  /** Adds a kind or replaces it. */
  set(type: ResourceType): void {
    this.#types.set(typeKey(type), type);
    this.#generation += 1;
  }

  delete(key: string): void {
    this.#types.delete(key);
    this.#generation += 1;
  }

  get(key: string): ResourceType | undefined {
    return this.#types.get(key);
  }

  /** Grows with every change, so that what is derived from the kinds can be cached. */
  get generation(): number {
    return this.#generation;
  }

  types(): readonly ResourceType[] {
    return [...this.#types.values()];
  }

  find(apiVersion: string, plural: string): Spoken | undefined {
    for (const type of this.#types.values()) {
      if (type.plural !== plural) continue;
      const version = type.versions.find((candidate) => candidate.apiVersion === apiVersion);
      if (version !== undefined) return { type, version };
    }
    return undefined;
  }

  /** By kind instead of resource, as manifests name it. */
  findKind(apiVersion: string, kind: string): Spoken | undefined {
    for (const type of this.#types.values()) {
      if (type.kind !== kind) continue;
      const version = type.versions.find((candidate) => candidate.apiVersion === apiVersion);
      if (version !== undefined) return { type, version };
    }
    return undefined;
  }

  /** group -> its version names, in the order the kinds were added. */
  groups(): ReadonlyMap<string, readonly string[]> {
    const groups = new Map<string, string[]>();
    for (const type of this.#types.values()) {
      for (const { group, name } of type.versions) {
        const names = groups.get(group) ?? [];
        if (!names.includes(name)) names.push(name);
        groups.set(group, names.sort(compareVersions));
      }
    }
    return groups;
  }
}

const VERSION = /^v(\d+)(?:(alpha|beta)(\d+))?$/;
const STAGE: Readonly<Record<string, number>> = { alpha: 0, beta: 1 };

function rank(name: string): readonly number[] {
  const [, major, stage, minor] = VERSION.exec(name) ?? [];
  if (major === undefined) return [-1, 0, 0];
  return [stage === undefined ? 2 : (STAGE[stage] ?? 0), Number(major), Number(minor ?? 0)];
}

/** Kubernetes' version priority: v2, v1, v2beta1, v1beta2, v1beta1, v1alpha1, then anything else by name. */
export function compareVersions(a: string, b: string): number {
  const left = rank(a);
  const right = rank(b);
  for (const [i, value] of left.entries()) if (value !== right[i]) return (right[i] ?? 0) - value;
  return a < b ? -1 : a > b ? 1 : 0;
}
