import { isFields } from "../../src/api/read-object.ts";

/** The Pod Security Standards of Kubernetes 1.35 for Linux pods: https://kubernetes.io/docs/concepts/security/pod-security-standards */
type Profile = "baseline" | "restricted";

/** What a pod asks that a profile forbids: the control's published name and the field. */
export interface Violation {
  readonly profile: Profile;
  readonly control: string;
  readonly field: string;
}

type Fields = Readonly<Record<string, unknown>>;

interface Named {
  readonly path: string;
  readonly fields: Fields;
}

const BASELINE_CAPABILITIES = new Set([
  "AUDIT_WRITE",
  "CHOWN",
  "DAC_OVERRIDE",
  "FOWNER",
  "FSETID",
  "KILL",
  "MKNOD",
  "NET_BIND_SERVICE",
  "SETFCAP",
  "SETGID",
  "SETPCAP",
  "SETUID",
  "SYS_CHROOT",
]);
const SAFE_SYSCTLS = new Set([
  "kernel.shm_rmid_forced",
  "net.ipv4.ip_local_port_range",
  "net.ipv4.ip_unprivileged_port_start",
  "net.ipv4.tcp_syncookies",
  "net.ipv4.ping_group_range",
  "net.ipv4.ip_local_reserved_ports",
  "net.ipv4.tcp_keepalive_time",
  "net.ipv4.tcp_fin_timeout",
  "net.ipv4.tcp_keepalive_intvl",
  "net.ipv4.tcp_keepalive_probes",
  "net.ipv4.tcp_rmem",
  "net.ipv4.tcp_wmem",
]);
const SELINUX_TYPES = new Set(["", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"]);
const RESTRICTED_VOLUMES = [
  "configMap",
  "csi",
  "downwardAPI",
  "emptyDir",
  "ephemeral",
  "persistentVolumeClaim",
  "projected",
  "secret",
];
const HOOKS = ["livenessProbe", "readinessProbe", "startupProbe", "lifecycle.postStart", "lifecycle.preStop"];

function at(value: unknown, path: string): unknown {
  return path.split(".").reduce<unknown>((here, name) => (isFields(here) ? here[name] : undefined), value);
}

function list(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value.filter(isFields) : [];
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function containersOf(pod: Fields): readonly Named[] {
  return ["initContainers", "containers", "ephemeralContainers"].flatMap((kind) =>
    list(pod[kind]).map((fields, i) => ({ path: `${kind}[${i}]`, fields })),
  );
}

/** What the pod spec asks for beyond the baseline profile, and beyond the restricted one. */
export function podSecurityViolations(pod: Fields): readonly Violation[] {
  const whole = { path: "", fields: pod };
  const containers = containersOf(pod);
  const contexts = [whole, ...containers].map(contextOf);
  return [
    ...hostOf(pod),
    ...contexts.flatMap(baselineOfContext),
    ...containers.flatMap((container) => baselineOfContainer(container, pod["hostNetwork"] === true)),
    ...list(pod["volumes"]).flatMap(volume),
    ...containers.flatMap((container) => restrictedOf(container, at(pod, "securityContext"))),
  ];
}

function violation(profile: Profile, control: string, field: string): Violation {
  return { profile, control, field };
}

function hostOf(pod: Fields): readonly Violation[] {
  const namespaces = ["hostNetwork", "hostPID", "hostIPC"].filter((name) => pod[name] === true);
  const sysctls = list(at(pod, "securityContext.sysctls")).filter(({ name }) => !SAFE_SYSCTLS.has(String(name)));
  return [
    ...namespaces.map((name) => violation("baseline", "Host Namespaces", name)),
    ...sysctls.map(({ name }) => violation("baseline", "Sysctls", `securityContext.sysctls ${String(name)}`)),
  ];
}

function contextOf({ path, fields }: Named): Named {
  const context = fields["securityContext"];
  return { path: `${path === "" ? "" : `${path}.`}securityContext`, fields: isFields(context) ? context : {} };
}

function baselineOfContext({ path, fields }: Named): readonly Violation[] {
  const armour = at(fields, "appArmorProfile.type") ?? "RuntimeDefault";
  const bad: readonly (readonly [string, string, boolean])[] = [
    ["HostProcess", "windowsOptions.hostProcess", at(fields, "windowsOptions.hostProcess") === true],
    ["AppArmor", "appArmorProfile.type", !["RuntimeDefault", "Localhost"].includes(String(armour))],
    ["SELinux", "seLinuxOptions.type", !SELINUX_TYPES.has(String(at(fields, "seLinuxOptions.type") ?? ""))],
    ["SELinux", "seLinuxOptions.user", (at(fields, "seLinuxOptions.user") ?? "") !== ""],
    ["SELinux", "seLinuxOptions.role", (at(fields, "seLinuxOptions.role") ?? "") !== ""],
    ["Seccomp", "seccompProfile.type", at(fields, "seccompProfile.type") === "Unconfined"],
    ["Privileged Containers", "privileged", fields["privileged"] === true],
    ["/proc Mount Type", "procMount", (fields["procMount"] ?? "Default") !== "Default"],
  ];
  return bad.flatMap(([control, field, is]) => (is ? [violation("baseline", control, `${path}.${field}`)] : []));
}

/** On the host's network the API server makes every port of a container one of the host's. */
function baselineOfContainer({ path, fields }: Named, hostNetwork: boolean): readonly Violation[] {
  const added = texts(at(fields, "securityContext.capabilities.add")).filter(
    (name) => !BASELINE_CAPABILITIES.has(name),
  );
  const hostPorts = list(fields["ports"]).map((port) => port["hostPort"] ?? (hostNetwork ? port["containerPort"] : 0));
  const ports = hostPorts.filter((port) => port !== 0 && port !== undefined);
  const hosts = HOOKS.filter((hook) =>
    ["httpGet", "tcpSocket"].some((how) => (at(fields, `${hook}.${how}.host`) ?? "") !== ""),
  );
  return [
    ...added.map((name) => violation("baseline", "Capabilities", `${path}.securityContext.capabilities.add ${name}`)),
    ...ports.map((port) => violation("baseline", "Host Ports", `${path}.ports ${String(port)}`)),
    ...hosts.map((hook) => violation("baseline", "Host Probes / Lifecycle Hooks", `${path}.${hook}`)),
  ];
}

function volume(fields: Fields, i: number): readonly Violation[] {
  const field = `volumes[${i}]`;
  const allowed = RESTRICTED_VOLUMES.some((kind) => fields[kind] !== undefined);
  return [
    ...(fields["hostPath"] === undefined ? [] : [violation("baseline", "HostPath Volumes", `${field}.hostPath`)]),
    ...(allowed ? [] : [violation("restricted", "Volume Types", field)]),
  ];
}

/** What a container does not say for itself, its pod says for it. */
function restrictedOf(container: Named, pod: unknown): readonly Violation[] {
  const { path, fields: own } = contextOf(container);
  const said = (name: string): unknown => at(own, name) ?? at(pod, name);
  const user = at(own, "runAsUser") ?? at(pod, "runAsUser");
  const added = texts(at(own, "capabilities.add")).filter((name) => name !== "NET_BIND_SERVICE");
  const bad: readonly (readonly [string, string, boolean])[] = [
    ["Privilege Escalation", "allowPrivilegeEscalation", own["allowPrivilegeEscalation"] !== false],
    ["Running as Non-root", "runAsNonRoot", said("runAsNonRoot") !== true],
    ["Running as Non-root user", "runAsUser", user === 0],
    ["Seccomp", "seccompProfile.type", !["RuntimeDefault", "Localhost"].includes(String(said("seccompProfile.type")))],
    ["Capabilities", "capabilities.drop", !texts(at(own, "capabilities.drop")).includes("ALL")],
  ];
  return [
    ...bad.flatMap(([control, field, is]) => (is ? [violation("restricted", control, `${path}.${field}`)] : [])),
    ...added.map((name) => violation("restricted", "Capabilities", `${path}.capabilities.add ${name}`)),
  ];
}
