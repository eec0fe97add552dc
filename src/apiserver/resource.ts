import type { User } from "./auth/user.ts";
import type { KubeObject } from "./object.ts";
import type { RuleBook } from "./schema/cel.ts";
import type { Schema } from "./schema/schema.ts";
import type { Validator } from "./schema/validation.ts";
import type { Cause, Subject } from "./status.ts";

/** A column of `kubectl get`. Priority 0 is always shown, higher ones with `-o wide`. */
export interface Column {
  readonly name: string;
  readonly type: string;
  readonly format: string;
  readonly description: string;
  readonly priority: number;
  readonly cell: (object: KubeObject, now: Date) => unknown;
}

/** One group/version a kind is spoken in. */
export interface ResourceVersion {
  readonly group: string;
  readonly name: string;
  /** `v1`, or `group/version`. */
  readonly apiVersion: string;
  readonly schema: Schema;
  readonly validate: Validator;
  readonly rules: RuleBook | undefined;
  readonly columns: readonly Column[];
  readonly deprecation: string | undefined;
}

/** What a kind does to an object before it is stored, beyond its schema. */
export interface Strategy {
  /** Fills in and carries over; `before` is undefined on create. */
  prepare?(next: KubeObject, before: KubeObject | undefined): KubeObject;
  /** Fills in after a write of the status subresource. */
  prepareStatus?(next: KubeObject): KubeObject;
  check?(next: KubeObject, before: KubeObject | undefined): readonly Cause[];
}

/** Translates an object between two versions of its kind. */
export type Convert = (object: KubeObject, toApiVersion: string) => KubeObject;

/** Answers a question that is put as an object. @throws ApiError for one that makes no sense */
export type Answer = (asked: KubeObject, by: User) => KubeObject;

/** A kind of object this server keeps, or answers. */
export interface ResourceType extends Subject {
  readonly singular: string;
  readonly listKind: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  readonly versions: readonly ResourceVersion[];
  /** The version objects are kept in: one of `versions`, or one that is no longer served. */
  readonly storage: ResourceVersion;
  readonly statusSubresource: boolean;
  /** Defined by a CustomResourceDefinition. */
  readonly custom: boolean;
  /** Whether `metadata.generation` counts changes of the spec. */
  readonly counted: boolean;
  /** Whether an update may come without a resourceVersion. */
  readonly unconditionalUpdate: boolean;
  /** Whether a name may be anything that fits into a path, instead of a DNS subdomain. */
  readonly pathNames: boolean;
  /** Set for a kind that is a question: it is answered when it is created, and not kept. */
  readonly answer: Answer | undefined;
  /** Paths a field selector may name besides metadata.name and metadata.namespace. */
  readonly selectable: readonly string[];
  readonly strategy: Strategy;
  readonly convert: Convert;
}

/** The identity of a resource across its versions. */
export function typeKey(type: Subject): string {
  return `${type.plural}.${type.group}`;
}
