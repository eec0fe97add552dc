import { type Attributes, formatAttributes, type ResourceQuestion } from "./attributes.ts";
import type { Grant, Policy, PolicyRule, Subject } from "./policy.ts";
import { accountUser, MASTERS, type User } from "./user.ts";

/** Which rule said yes. */
export interface Permission {
  readonly grant: Grant;
  readonly subject: Subject;
  /** Its place in the role. */
  readonly index: number;
  readonly rule: PolicyRule;
}

/** Whether somebody may; `rule` is undefined for those who may do anything. */
export type Decision =
  | { readonly allowed: true; readonly rule: Permission | undefined }
  | { readonly allowed: false; readonly message: string };

/** Asks the grants in order: the first rule that says yes decides, and there is none that says no. */
export function authorize(attributes: Attributes, policy: Policy): Decision {
  if (attributes.user.groups.includes(MASTERS)) return { allowed: true, rule: undefined };
  const missing: string[] = [];
  for (const { grant, subject } of grantsFor(attributes.user, namespaceOf(attributes), policy)) {
    if (grant.rules === undefined) missing.push(`${roleResource(grant)} "${grant.role.name}" not found`);
    const index = (grant.rules ?? []).findIndex((rule) => allows(rule, attributes));
    const rule = grant.rules?.[index];
    if (rule !== undefined) return { allowed: true, rule: { grant, subject, index, rule } };
  }
  return { allowed: false, message: formatAttributes(attributes) + because(missing) };
}

function roleResource({ role }: Grant): string {
  return `${role.kind.toLowerCase()}.rbac.authorization.k8s.io`;
}

function because(missing: readonly string[]): string {
  if (missing.length === 0) return "";
  return `: RBAC: ${missing.length === 1 ? missing[0] : `[${missing.join(", ")}]`}`;
}

function namespaceOf({ question }: Attributes): string {
  return question.type === "path" ? "" : question.namespace;
}

/** What holds for somebody in a namespace; with an empty one, what holds in the whole cluster. */
export function grantsFor(
  user: User,
  namespace: string,
  policy: Policy,
): readonly { readonly grant: Grant; readonly subject: Subject }[] {
  return policy.flatMap((grant) => {
    if (grant.kind === "RoleBinding" && (namespace === "" || grant.namespace !== namespace)) return [];
    const subject = grant.subjects.find((candidate) => isMeant(candidate, user));
    return subject === undefined ? [] : [{ grant, subject }];
  });
}

function isMeant({ kind, name, namespace }: Subject, user: User): boolean {
  switch (kind) {
    case "User":
      return user.name === name;
    case "Group":
      return user.groups.includes(name);
    case "ServiceAccount":
      return namespace !== "" && user.name === accountUser(namespace, name);
    default:
      return false;
  }
}

function allows(rule: PolicyRule, { verb, question }: Attributes): boolean {
  if (!covers(rule.verbs, verb)) return false;
  if (question.type === "path") return rule.nonResourceUrls.some((url) => coversPath(url, question.path));
  const named = rule.resourceNames.length === 0 || rule.resourceNames.includes(question.name);
  return named && covers(rule.apiGroups, question.group) && coversResource(rule.resources, question);
}

function covers(list: readonly string[], value: string): boolean {
  return list.includes("*") || list.includes(value);
}

function coversResource(resources: readonly string[], { resource, subresource }: ResourceQuestion): boolean {
  if (subresource === "") return covers(resources, resource);
  return covers(resources, `${resource}/${subresource}`) || resources.includes(`*/${subresource}`);
}

function coversPath(url: string, path: string): boolean {
  return url === path || (url.endsWith("*") && path.startsWith(url.replace(/\*+$/, "")));
}

/** Why somebody may, as the real server's `reason` says it. */
export function formatPermission({ grant, subject }: Permission): string {
  const binding = grant.namespace === "" ? grant.name : `${grant.name}/${grant.namespace}`;
  const who = subject.kind === "ServiceAccount" ? `${subject.name}/${subject.namespace}` : subject.name;
  const role = `${grant.role.kind} "${grant.role.name}"`;
  return `RBAC: allowed by ${grant.kind} "${binding}" of ${role} to ${subject.kind} "${who}"`;
}
