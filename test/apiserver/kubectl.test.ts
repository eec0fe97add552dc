import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findKubectl, Kubectl } from "../support/kubectl.ts";
import { Fixture, WIDGETS } from "./fixture.ts";

const binary = await findKubectl();
const required = process.env["CI"] === "true";
const SKIPPED = "no kubectl: set $KUBECTL, put one on PATH, or run test/tooling/fetch-tools.sh";

test.runIf(binary === undefined)("kubectl is there", (context) => {
  if (required) throw new Error(SKIPPED);
  context.skip(SKIPPED);
});

const SERVICE = `apiVersion: v1
kind: Service
metadata:
  name: web
  labels: {app: web}
spec:
  type: LoadBalancer
  selector: {app: web}
  ports:
  - {name: http, port: 80, targetPort: 8080}
`;

const WIDGET = `apiVersion: test.io/v1
kind: Widget
metadata:
  name: one
spec:
  size: 1
`;

describe.skipIf(binary === undefined)("kubectl", () => {
  let fixture: Fixture;
  let kubectl: Kubectl;
  let minor = 0;

  beforeAll(async () => {
    fixture = await Fixture.start();
    kubectl = await Kubectl.create(binary ?? "", fixture.server.kubeconfig());
    const version: { clientVersion: { minor: string } } = JSON.parse(
      await kubectl.ok("version", "--client", "-o", "json"),
    );
    minor = Number.parseInt(version.clientVersion.minor, 10);
  });
  afterAll(async () => {
    await kubectl[Symbol.asyncDispose]();
    await fixture[Symbol.asyncDispose]();
  });

  /** A manifest in a namespace of the test's own, so that the tests do not depend on each other. */
  async function inNamespace(
    name: string,
    ...manifests: readonly string[]
  ): Promise<{ file: string; k: (...args: readonly string[]) => Promise<string> }> {
    await kubectl.ok("create", "namespace", name);
    const file = await kubectl.file(`${name}.yaml`, manifests.join("---\n"));
    return { file, k: (...args) => kubectl.ok("-n", name, ...args) };
  }

  test("api-resources, api-versions and version", async () => {
    expect(await kubectl.ok("api-resources", "--api-group=test.io")).toMatch(
      /widgets\s+wd\s+test.io\/v1\s+true\s+Widget/,
    );
    expect(await kubectl.ok("api-versions")).toContain("test.io/v1beta1\n");
    expect(await kubectl.ok("version")).toContain("herald");
  });

  test("create namespace, configmap, secret, service", async () => {
    const { k } = await inNamespace("create");
    await k("create", "configmap", "settings", "--from-literal=a=b");
    await k("create", "secret", "generic", "password", "--from-literal=password=hunter2");
    await k("create", "service", "loadbalancer", "lb", "--tcp=80:8080");
    expect(await k("get", "configmap", "settings", "-o", "jsonpath={.data.a}")).toBe("b");
    expect(await k("get", "secret", "password", "-o", "jsonpath={.data.password}")).toBe("aHVudGVyMg==");
    expect(await k("get", "service", "lb", "-o", "jsonpath={.spec.ports[0].targetPort}")).toBe("8080");
  });

  test("apply: created, unchanged, configured", async () => {
    const { k, file } = await inNamespace("apply", SERVICE, WIDGET);
    expect(await k("apply", "-f", file)).toBe("service/web created\nwidget.test.io/one created\n");
    expect(await k("apply", "-f", file)).toBe("service/web unchanged\nwidget.test.io/one unchanged\n");
    const changed = await kubectl.file("changed.yaml", SERVICE.replace("8080", "9090"));
    expect(await k("apply", "-f", changed)).toBe("service/web configured\n");
    expect(await k("get", "service", "web", "-o", "jsonpath={.spec.ports[*].targetPort}")).toBe("9090");
  });

  test("apply refuses a field that nobody knows, and bad values with the server's words", async () => {
    await inNamespace("strict");
    const unknown = await kubectl.file("unknown.yaml", WIDGET.replace("size: 1", "size: 1\n  sise: 2"));
    const refused = await kubectl.run(["-n", "strict", "apply", "-f", unknown]);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(/unknown field "(spec\.)?sise"/)]);
    const invalid = await kubectl.file("invalid.yaml", WIDGET.replace("size: 1", "size: 11"));
    expect((await kubectl.run(["-n", "strict", "apply", "-f", invalid])).stderr).toContain(
      "size must not exceed limit",
    );
  });

  test("server-side apply: twice, a conflict, --force-conflicts", async () => {
    const { k, file } = await inNamespace("ssa", SERVICE, WIDGET);
    const apply = (path: string, manager: string): readonly string[] => [
      "apply",
      "--server-side",
      "-f",
      path,
      `--field-manager=${manager}`,
    ];
    await k(...apply(file, "a"));
    const before = await k("get", "service", "web", "-o", "jsonpath={.metadata.resourceVersion}");
    await k(...apply(file, "a"));
    expect(await k("get", "service", "web", "-o", "jsonpath={.metadata.resourceVersion}")).toBe(before);
    const changed = await kubectl.file("changed.yaml", SERVICE.replace("8080", "9090"));
    const refused = await kubectl.run(["-n", "ssa", ...apply(changed, "b")]);
    expect(refused.stderr).toContain('conflict with "a"');
    await k(...apply(changed, "b"), "--force-conflicts");
    expect(await k("get", "service", "web", "-o", "jsonpath={.spec.ports[*].targetPort}")).toBe("9090");
  });

  test("get: table, wide, yaml, json, custom columns", async () => {
    const { k, file } = await inNamespace("get", SERVICE, WIDGET);
    await k("apply", "-f", file);
    fixture.server.store.patchStatus(
      { apiVersion: "v1", kind: "Service", namespace: "get", name: "web" },
      { loadBalancer: { ingress: [{ ip: "192.0.2.1" }, { ip: "2001:db8::1" }] } },
    );
    expect(await k("get", "services")).toMatch(
      /web\s+LoadBalancer\s+10\.96\.\S+\s+192\.0\.2\.1,2001:db8::1\s+80:3\d+\/TCP/,
    );
    expect(await k("get", "services", "-o", "wide")).toMatch(/SELECTOR\n.*app=web/);
    expect(await k("get", "wd", "-o", "wide")).toMatch(/NAME\s+SIZE\s+PARTS\s+AGE/);
    expect(await k("get", "service", "web", "-o", "yaml")).toContain("ipMode: VIP");
    expect(JSON.parse(await k("get", "wd", "-o", "json"))).toMatchObject({
      items: [{ kind: "Widget", spec: { size: 1, limit: 10 } }],
    });
    expect(await k("get", "wd", "-o", "custom-columns=N:.metadata.name,S:.spec.size", "--no-headers")).toMatch(
      /^one\s+1\n$/,
    );
    expect(await k("get", "services", "-l", "app in (web),!none", "-o", "name")).toBe("service/web\n");
    expect(await k("get", "all", "-o", "name")).toBe("service/web\n");
  });

  test("patch: merge, JSON and strategic; label and annotate", async () => {
    const { k, file } = await inNamespace("patch", SERVICE, WIDGET);
    await k("apply", "-f", file);
    await k("patch", "wd", "one", "--type=merge", "-p", '{"spec":{"size":2}}');
    await k("patch", "wd", "one", "--type=json", "-p", '[{"op":"add","path":"/spec/note","value":"x"}]');
    await k("patch", "service", "web", "-p", '{"spec":{"ports":[{"port":443,"name":"tls"}]}}');
    await k("label", "service", "web", "tier=front");
    await k("annotate", "service", "web", "a=b");
    expect(await k("get", "wd", "one", "-o", "jsonpath={.spec.size} {.spec.note}")).toBe("2 x");
    expect(
      await k(
        "get",
        "service",
        "web",
        "-o",
        "jsonpath={.spec.ports[*].port} {.metadata.labels.tier} {.metadata.annotations.a}",
      ),
    ).toMatch(/^(443 80|80 443) front b$/);
  });

  test("replace and edit", async () => {
    const { k, file } = await inNamespace("edit", WIDGET);
    await k("apply", "-f", file);
    const read = await k("get", "wd", "one", "-o", "yaml");
    await k("replace", "-f", await kubectl.file("replacement.yaml", read.replace("size: 1", "size: 5")));
    await kubectl.run(["-n", "edit", "edit", "wd", "one"], { env: { KUBE_EDITOR: "sed -i s/size:.5/size:\\ 6/" } });
    expect(await k("get", "wd", "one", "-o", "jsonpath={.spec.size}")).toBe("6");
  });

  test("get --watch shows what changes while it runs", async () => {
    const { k, file } = await inNamespace("watch", WIDGET);
    await k("apply", "-f", file);
    const watching = kubectl.run(["-n", "watch", "get", "wd", "--watch", "--request-timeout=4s"]);
    while (fixture.server.watches === 0) await new Promise((turn) => setImmediate(turn));
    await k("patch", "wd", "one", "--type=merge", "-p", '{"spec":{"size":7}}');
    expect((await watching).stdout).toMatch(/NAME\s+SIZE\s+AGE\none\s+1.*\none\s+7/);
  });

  test("describe and events", async () => {
    const { k, file } = await inNamespace("describe", SERVICE, WIDGET);
    await k("apply", "-f", file);
    const uid = await k("get", "service", "web", "-o", "jsonpath={.metadata.uid}");
    fixture.server.store.apply({
      apiVersion: "v1",
      kind: "Event",
      metadata: { name: "web.1", namespace: "describe" },
      involvedObject: { kind: "Service", name: "web", namespace: "describe", uid },
      type: "Normal",
      reason: "IPAllocated",
      message: 'Assigned IP ["192.0.2.1"]',
      source: { component: "herald-controller" },
      lastTimestamp: "2026-11-22T10:00:00Z",
    });
    expect(await k("describe", "service", "web")).toMatch(
      /Normal\s+IPAllocated\s+\S+\s+herald-controller\s+Assigned IP/,
    );
    expect(await k("describe", "wd", "one")).toMatch(/Spec:\n\s+Limit:\s+10\n\s+Size:\s+1/);
    expect(await k("get", "events")).toMatch(/Normal\s+IPAllocated\s+service\/web\s+Assigned IP/);
  });

  test("explain a custom kind and a built-in one", async () => {
    expect(await kubectl.ok("explain", "widgets.spec")).toMatch(/size\s+<integer> -required-/);
    expect(await kubectl.ok("explain", "service.spec.ports")).toMatch(/nodePort\s+<integer>/);
  });

  test("wait", async (context) => {
    const { k, file } = await inNamespace("wait", WIDGET);
    await k("apply", "-f", file);
    if (minor < 23) context.skip("this kubectl cannot wait for a JSONPath");
    const waiting = k("wait", "--for=jsonpath={.status.phase}=Ready", "wd/one", "--timeout=10s");
    fixture.server.store.patchStatus(
      { apiVersion: "test.io/v1", kind: "Widget", namespace: "wait", name: "one" },
      { phase: "Ready" },
    );
    expect(await waiting).toContain("condition met");
  });

  test("apply of a CRD adds its kind", async () => {
    const names = { plural: "gadgets", kind: "Gadget" };
    const crd = { ...WIDGETS, metadata: { name: "gadgets.test.io" }, spec: { ...WIDGETS.spec, names } };
    await kubectl.ok("apply", "-f", await kubectl.file("crd.json", JSON.stringify(crd)));
    await kubectl.ok("wait", "--for=condition=Established", "crd/gadgets.test.io", "--timeout=5s");
    const { k, file } = await inNamespace("crd", WIDGET.replace("Widget", "Gadget"));
    expect(await k("apply", "-f", file)).toBe("gadget.test.io/one created\n");
  });

  test("delete by name, file, label and namespace", async () => {
    const { k, file } = await inNamespace("delete", SERVICE, WIDGET);
    await k("apply", "-f", file);
    await k("delete", "service", "web");
    await k("delete", "-f", file, "--ignore-not-found");
    await k("apply", "-f", file);
    await k("delete", "services", "-l", "app=web");
    expect(await k("get", "services", "-o", "name")).toBe("");
    await kubectl.ok("delete", "namespace", "delete");
    const gone = await kubectl.run(["-n", "delete", "get", "wd", "one"]);
    expect([gone.code, gone.stderr]).toEqual([1, expect.stringContaining("(NotFound)")]);
  });
});
