/**
 * The chart on a cluster that enforces RBAC: installed with helm and with kubectl, then two controllers and two speakers as
 * processes, each with the token of its ServiceAccount, through a life in which every right is needed once. A forbidden call fails
 * it, and so does a right that nobody used: whoever adds a call adds a rule, and whoever adds a rule shows the call.
 *
 * With `HERALD_TEST_KUBECONFIG` the same runs against the cluster it names, as its admin: an API server with RBAC that nothing else
 * runs behind (etcd and kube-apiserver), for its nodes are made up. The chart is installed into `metallb-system` and removed again.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { nodeName, serviceKey } from "../../src/api/brands.ts";
import {
  BFD_PROFILES,
  BGP_ADVERTISEMENTS,
  BGP_PEERS,
  BGP_SESSION_STATES,
  COMMUNITIES,
  CONFIGURATION_STATES,
  ENDPOINT_SLICES,
  EVENTS,
  IP_ADDRESS_POOLS,
  L2_ADVERTISEMENTS,
  LEASES,
  NAMESPACES,
  NODES,
  type Resource,
  SECRETS,
  SERVICE_BGP_STATUSES,
  SERVICE_L2_STATUSES,
  SERVICES,
} from "../../src/kubernetes/resource.ts";
import { serviceStatusName, sessionStateName, speakerStateName } from "../../src/kubernetes/status-names.ts";
import { CHART } from "../support/helm.ts";
import { whyNoNamespaces } from "../support/network-namespace.ts";
import { until, untilEqual } from "../support/until.ts";
import { Lan } from "./cluster-lan.ts";
import { confinementOf, invocationOf, Pod, podSpecOf } from "./cluster-pods.ts";
import { policyOf, rightsIn, rightsUsed } from "./cluster-rules.ts";
import { ClusterScene, CONTROLLERS, nameOf, SYSTEM, scrape, whyNoTools } from "./cluster-scene.ts";

const APPS = "apps";
/** No API server of its own can reach a Service that nobody routes to: there the webhooks are off. */
const WEBHOOKS = (process.env["HERALD_TEST_KUBECONFIG"] ?? "") === "" ? "enabled" : "disabled";
const SETTINGS = [
  "controller.replicas=2",
  "networkpolicies.enabled=true",
  "prometheus.secure=true",
  `controller.webhookMode=${WEBHOOKS}`,
];
/** Rights that this life cannot use, and why. */
const EXCUSED: Readonly<Record<string, string>> = {};

const missing = whyNoTools ?? whyNoNamespaces();
if (missing !== undefined && process.env["CI"] === "true") throw new Error(`CI must run these tests: ${missing}`);

describe.skipIf(missing !== undefined)(`the chart where RBAC is enforced${missing ?? ""}`, () => {
  let scene: ClusterScene;
  let lan: Lan;

  beforeAll(async () => {
    scene = await ClusterScene.start(SETTINGS);
    lan = new Lan(2);
    const door = join(scene.api.folder, "door");
    await scene.api.open({ path: door });
    await lan.open(door);
  });
  afterAll(async () => {
    await Promise.all([...scene.pods.values()].map((pod) => pod[Symbol.asyncDispose]()));
    await lan?.[Symbol.asyncDispose]();
    if (WEBHOOKS === "disabled") await cleanUp();
    await scene?.[Symbol.asyncDispose]();
  });

  /** A cluster that was there before is left as it was, but for the definitions. */
  async function cleanUp(): Promise<void> {
    await scene.tool("kubectl", "delete", "namespace", APPS, SYSTEM, "--ignore-not-found");
    await scene.tool("kubectl", "delete", "node", "n1", "n2", "--ignore-not-found");
    const roles = ["scraper", "herald-controller", "herald-speaker"];
    await scene.tool("kubectl", "delete", "clusterrole,clusterrolebinding", ...roles, "--ignore-not-found");
  }

  async function ips(name: string): Promise<readonly string[]> {
    const ingress = (await scene.get(SERVICES, name, APPS))?.status?.loadBalancer?.ingress ?? [];
    return ingress.flatMap(({ ip }) => ip ?? []);
  }

  async function service(name: string, spec: object = {}, annotations: object = {}): Promise<void> {
    const ports = [{ name: "p", port: 80, protocol: "TCP" }];
    const body = { type: "LoadBalancer", allocateLoadBalancerNodePorts: false, selector: { app: name }, ports };
    await scene.put(SERVICES, APPS, name, { metadata: { annotations }, spec: { ...body, ...spec } });
    await scene.put(ENDPOINT_SLICES, APPS, `${name}-1`, {
      metadata: { labels: { "kubernetes.io/service-name": name } },
      addressType: "IPv4",
      ports: [{ name: "p", port: 8080, protocol: "TCP" }],
      endpoints: ["n1", "n2"].map((nodeName, i) => ({
        addresses: [`10.244.${i}.10`],
        nodeName,
        conditions: { ready: true },
      })),
    });
  }

  const inNode = (i: number): readonly string[] => ["nsenter", `--net=/run/netns/${lan.nodes[i] ?? ""}`];

  async function runSpeaker(i: number): Promise<void> {
    const name = `herald-speaker-n${i + 1}`;
    await scene.pod("speaker", name, `n${i + 1}`, lan.address(i));
    const { user, token } = await scene.tokenOf("speaker");
    const kubeconfig = scene.api.kubeconfigFor(name, user, token, 6443);
    const facts = { namespace: SYSTEM, name, node: `n${i + 1}`, ip: lan.address(i) };
    const { args, env } = invocationOf(podSpecOf(scene.chart, "DaemonSet"), facts);
    const state = join(scene.api.folder, `${name}-state`);
    mkdirSync(state, { recursive: true });
    const paths = [`--state-dir=${state}`, `--admin-socket=${join(state, "socket")}`];
    const flags = [...paths, `--kubeconfig=${kubeconfig}`, "--bgp-listen-port=1790"];
    const as = [...inNode(i), ...confinementOf(podSpecOf(scene.chart, "DaemonSet"))];
    const command = [...as, process.execPath, scene.build.file, ...args, ...flags];
    scene.pods.set(name, new Pod(command, { ...env, METALLB_ML_SECRET_KEY_PATH: join(scene.api.folder, "gossip") }));
  }

  test("helm installs it, changes it and removes it; the definitions stay", async () => {
    const chartArgs = [CHART, "--namespace", SYSTEM, "--set", SETTINGS.join(",")];
    await scene.tool("helm", "install", "herald", ...chartArgs, "--create-namespace");
    await scene.tool("helm", "upgrade", "herald", ...chartArgs, "--set", "controller.replicas=3");
    expect(
      await scene.tool("kubectl", "-n", SYSTEM, "get", "deployments", "-o", "jsonpath={.items[*].spec.replicas}"),
    ).toBe("3");
    await scene.tool("helm", "uninstall", "herald", "--namespace", SYSTEM);
    const left = await scene.tool(
      "kubectl",
      "-n",
      SYSTEM,
      "get",
      "deploy,ds,sa,role,rolebinding,netpol,pdb,cm,svc",
      "-o",
      "name",
    );
    expect(left).toBe("");
    expect(await scene.tool("kubectl", "get", "crd", "-o", "name")).toContain("ipaddresspools.metallb.io");
  });

  test("a configuration that is wrong from before there was anybody to refuse it stays", async () => {
    for (const name of ["wrong", "wrong-too"])
      await scene.put(IP_ADDRESS_POOLS, SYSTEM, name, { spec: { addresses: ["203.0.113.0/24"] } });
  });

  test("kubectl applies what helm renders, and finds nothing to change the second time", async () => {
    await scene.apply();
    const lines = await scene.apply();
    expect(lines.length).toBe(scene.chart.length);
    // Its selector's patch strategy is "replace": kubectl's patch of a budget is never empty, on any server.
    const budget = "poddisruptionbudget.policy/herald-controller configured";
    expect(lines.filter((line) => !line.endsWith(" unchanged") && line !== budget)).toEqual([]);
  });

  test("a first controller takes the lead and makes the key of the gossip", async () => {
    await scene.put(NAMESPACES, undefined, APPS, {});
    await scene.runController("herald-controller-a");
    await until(
      "the Lease",
      async () => (await scene.get(LEASES, "herald-controller"))?.spec?.holderIdentity !== undefined,
    );
    await until("the key", async () => (await scene.get(SECRETS, "herald-memberlist")) !== undefined);
    const key = (await scene.get(SECRETS, "herald-memberlist"))?.data?.["secretkey"] ?? "";
    mkdirSync(join(scene.api.folder, "gossip"));
    writeFileSync(join(scene.api.folder, "gossip", "secretkey"), Buffer.from(key, "base64"));
  });

  test("speakers start on both nodes and hear of each other", async () => {
    for (const i of [0, 1]) {
      const name = `n${i + 1}`;
      await scene.put(NODES, undefined, name, { metadata: { labels: { "kubernetes.io/hostname": name } } });
      await runSpeaker(i);
    }
    await until("their states", async () => (await scene.list(CONFIGURATION_STATES)).length >= 3);
  });

  test("pools, peers with a password, profiles, communities and advertisements are taken in", async () => {
    await scene.put(IP_ADDRESS_POOLS, SYSTEM, "routed", { spec: { addresses: ["198.51.100.0/28", "2001:db8::/120"] } });
    await scene.put(IP_ADDRESS_POOLS, SYSTEM, "lan", {
      spec: { addresses: ["10.78.0.100-10.78.0.110"], autoAssign: false },
    });
    await scene.put(SECRETS, SYSTEM, "password", {
      type: "kubernetes.io/basic-auth",
      stringData: { password: "s3cret" },
    });
    await scene.put(BFD_PROFILES, SYSTEM, "fast", { spec: { receiveInterval: 300, transmitInterval: 300 } });
    await scene.put(COMMUNITIES, SYSTEM, "names", { spec: { communities: [{ name: "blue", value: "64512:1" }] } });
    for (const i of [0, 1]) {
      await scene.put(BGP_PEERS, SYSTEM, `from-n${i + 1}`, {
        spec: {
          myASN: 64512,
          peerASN: 64512,
          peerAddress: lan.address(1 - i),
          peerPort: 1790,
          passwordSecret: { name: "password" },
          bfdProfile: "fast",
          nodeSelectors: [{ matchLabels: { "kubernetes.io/hostname": `n${i + 1}` } }],
        },
      });
    }
    await scene.put(BGP_ADVERTISEMENTS, SYSTEM, "all", { spec: { ipAddressPools: ["routed"], communities: ["blue"] } });
    await scene.put(L2_ADVERTISEMENTS, SYSTEM, "lan", { spec: { ipAddressPools: ["lan"] } });
  });

  test("Services get their addresses, and their statuses say who announces them", async () => {
    await service("web", { ipFamilyPolicy: "RequireDualStack", ipFamilies: ["IPv4", "IPv6"] });
    await service("local", {}, { "metallb.io/address-pool": "lan" });
    for (const [i, name] of ["one", "two"].entries()) {
      const annotations = { "metallb.io/allow-shared-ip": "k", "metallb.io/loadBalancerIPs": "198.51.100.9" };
      await service(name, { ports: [{ name: "p", port: 80 + i, protocol: "TCP" }] }, annotations);
    }
    await until("both families", async () => (await ips("web")).length === 2);
    for (const name of ["one", "two"]) await untilEqual(name, () => ips(name), ["198.51.100.9"]);
    await until("who answers on the LAN", async () => (await scene.list(SERVICE_L2_STATUSES)).length === 1, 20_000);
    await until("what goes to the routers", async () => (await scene.list(SERVICE_BGP_STATUSES)).length === 6);
  });

  test("what is wrong is said in events and states, once and again", async () => {
    const wrong = async (): Promise<readonly string[]> => {
      const states = await scene.list(CONFIGURATION_STATES);
      return states.filter(({ status }) => status?.conditions?.some((one) => one.status === "False")).map(nameOf);
    };
    await until("states of all three", async () => (await wrong()).length === 3);
    const counted = (name: string, times: number) => async (): Promise<boolean> =>
      (await scene.list(EVENTS, APPS)).some(
        ({ reason, message = "", count }) => reason === "AllocationFailed" && message.includes(name) && count === times,
      );
    for (const [name, times] of [
      ["nowhere", 1],
      ["elsewhere", 1],
      ["nowhere", 2],
    ] as const) {
      await service("none", {}, { "metallb.io/address-pool": name });
      await until(`the refusal of ${name}`, counted(name, times));
    }
    await scene.client.delete(IP_ADDRESS_POOLS, "wrong-too", { namespace: SYSTEM });
    await until("all is well", async () => (await wrong()).length === 0);
  });

  test("statuses that somebody edits are put right", async () => {
    for (const [resource, label] of [
      [SERVICE_L2_STATUSES, "metallb.io/service-name"],
      [SERVICE_BGP_STATUSES, "metallb.io/service-name"],
      [CONFIGURATION_STATES, "metallb.io/component-type"],
      [BGP_SESSION_STATES, "frrk8s.metallb.io/peer"],
    ] as const) {
      for (const name of (await scene.list(resource)).map(nameOf)) {
        const metadata = { labels: { [label]: "nonsense" } };
        await scene.client.patch<unknown>(resource, name, { metadata }, { namespace: SYSTEM, type: "merge" });
        await until(`the labels of ${name}`, async () => {
          return (await scene.get(resource, name))?.metadata.labels?.[label] !== "nonsense";
        });
      }
    }
  });

  test("an address that a stranger answers for is said so on the Service", async () => {
    lan.squat("10.78.0.110");
    const annotations = { "metallb.io/address-pool": "lan", "metallb.io/loadBalancerIPs": "10.78.0.110" };
    await service("squatted", {}, annotations);
    await until("the condition", async () => {
      const conditions = (await scene.get(SERVICES, "squatted", APPS))?.status?.conditions ?? [];
      return conditions.some(({ type, status }) => type === "herald.io/AddressConflict" && status === "True");
    });
  });

  test("metrics are for who may get them", async () => {
    await scene.tool("kubectl", "-n", APPS, "create", "serviceaccount", "prometheus");
    await scene.tool("kubectl", "create", "clusterrole", "scraper", "--verb=get", "--non-resource-url=/metrics");
    const binding = ["create", "clusterrolebinding", "scraper", "--clusterrole=scraper"];
    await scene.tool("kubectl", ...binding, `--serviceaccount=${APPS}:prometheus`);
    const token = (await scene.tool("kubectl", "-n", APPS, "create", "token", "prometheus")).trim();
    const others = (await scene.tokenOf("speaker")).token;
    for (const [where, host] of [
      [[], CONTROLLERS["herald-controller-a"]],
      [inNode(0), lan.address(0)],
    ] as const) {
      expect(await scrape(where, host, token)).toBe("200");
      expect(await scrape(where, host, others)).toBe("403");
    }
  });

  test("a node is drained and taken back, and says so in events", async () => {
    const annotate = async (value: string | null): Promise<void> => {
      const annotations = { "herald.io/drain": value, "herald.io/drain-wait": value === null ? null : "100ms" };
      await scene.client.patch<unknown>(NODES, "n1", { metadata: { annotations } }, { type: "merge" });
    };
    const said = async (reason: string): Promise<boolean> =>
      (await scene.list(EVENTS, "default")).some((event) => event.reason === reason);
    await annotate("a test");
    await until("n1 to be out", () => said("Drained"));
    await annotate(null);
    await until("n1 to be back", () => said("DrainEnded"));
  });

  test("the second controller takes over when the first is killed", async () => {
    const holder = async (): Promise<string> =>
      (await scene.get(LEASES, "herald-controller"))?.spec?.holderIdentity ?? "";
    await scene.runController("herald-controller-b");
    await until("the second to be ready", () => scene.askedFor("herald-controller-b", "leases"));
    await scene.pods.get("herald-controller-a")?.end("SIGKILL");
    await service("later");
    await until("the second to lead", async () => (await holder()).startsWith("herald-controller-b"), 20_000);
    await until("an address from it", async () => (await ips("later")).length === 1);
  });

  test("what the speaker of a node that is gone has left behind is removed", async () => {
    const [node, service] = [nodeName("n9"), serviceKey(APPS, "old")];
    const status = { node, serviceName: "old", serviceNamespace: APPS };
    const words: readonly (readonly [Resource, string, object])[] = [
      [SERVICE_L2_STATUSES, serviceStatusName("l2", service, node), status],
      [SERVICE_BGP_STATUSES, serviceStatusName("bgp", service, node), status],
      [BGP_SESSION_STATES, sessionStateName(node, "tor"), { node }],
      [CONFIGURATION_STATES, speakerStateName(node), { result: "Valid" }],
    ];
    for (const [resource, name, said] of words) {
      await scene.put(resource, SYSTEM, name, {});
      const options = { namespace: SYSTEM, type: "merge", subresource: "status" } as const;
      await scene.client.patch<unknown>(resource, name, { status: said }, options);
    }
    for (const [resource, name] of words)
      await until(`${name} to be gone`, async () => (await scene.get(resource, name)) === undefined, 20_000);
  });

  test("with the Services and the peers their statuses go", async () => {
    for (const name of ["from-n1", "from-n2"]) await scene.client.delete(BGP_PEERS, name, { namespace: SYSTEM });
    for (const name of ["web", "local", "one", "two", "none", "squatted", "later"])
      await scene.client.delete(SERVICES, name, { namespace: APPS });
    await until("no status to be left", async () => {
      const left = await Promise.all(
        [SERVICE_L2_STATUSES, SERVICE_BGP_STATUSES, BGP_SESSION_STATES].map((one) => scene.list(one)),
      );
      return left.flat().length === 0;
    });
  });

  test("nothing was forbidden", () => {
    const refused = scene.api.calls.filter(({ status }) => status === 401 || status === 403);
    expect(new Set(refused.map(({ message }) => message))).toEqual(new Set());
    const accounts = scene.api.audit.filter(({ attributes }) =>
      attributes.user.name.startsWith("system:serviceaccount:"),
    );
    expect(accounts.filter(({ decision }) => !decision.allowed)).toEqual([]);
  });

  test("every verb of every rule was used", () => {
    const policy = policyOf(scene.chart);
    const used = rightsUsed(policy, scene.api.calls);
    const rights = rightsIn(policy);
    expect(rights.filter((right, i) => rights.indexOf(right) !== i)).toEqual([]);
    expect(rights.length).toBeGreaterThan(60);
    expect(rights.filter((right) => !used.has(right) && EXCUSED[right] === undefined)).toEqual([]);
    expect(Object.keys(EXCUSED).filter((right) => used.has(right) || !rights.includes(right))).toEqual([]);
  });
});
