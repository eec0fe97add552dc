import { describe, expect, test } from "vitest";
import { applyActions, revertActions } from "../../src/adoption/actions.ts";
import { adoptionScene } from "../../src/adoption/report.ts";
import { type Dumped, dump, find, findingsOf, look } from "./dumps.ts";

const MEANT = { namespace: undefined, loadBalancerClass: undefined };

/** What a dump says besides, and the finding that has to name it. */
type Row = readonly [name: string, change: (objects: Dumped[]) => void, finding: string];

const meta = (name: string, namespace = "metallb-system"): Dumped["metadata"] => ({ name, namespace });
const add =
  (object: Dumped) =>
  (objects: Dumped[]): void => {
    objects.push(object);
  };
const args =
  (kind: string, name: string, ...more: readonly string[]) =>
  (objects: Dumped[]): void => {
    find(objects, kind, name)["spec"].template.spec.containers[0].args.push(...more);
  };
const service =
  (change: (service: Dumped) => void) =>
  (objects: Dumped[]): void =>
    change(find(objects, "Service", "web"));

describe("what stands in the way is an error", () => {
  test.each<Row>([
    [
      "an address that no pool has would be taken away for another",
      service((web) => {
        web["status"].loadBalancer.ingress[0].ip = "203.0.113.9";
      }),
      "error address-moves Service shop/web",
    ],
    [
      "no pool is left for a Service",
      (objects) => {
        find(objects, "IPAddressPool", "public")["spec"].autoAssign = false;
        find(objects, "Service", "web")["status"].loadBalancer.ingress[0].ip = "203.0.113.9";
      },
      "error address-lost Service shop/web",
    ],
    [
      "two Services have one address that they may not share",
      (objects) => {
        const other = structuredClone(find(objects, "Service", "web"));
        other.metadata.name = "web2";
        objects.push(other);
      },
      "error address-moves Service shop/web2",
    ],
    [
      "an IPAddressPool that Herald refuses",
      (objects) => {
        find(objects, "IPAddressPool", "lan")["spec"].addresses = ["192.0.2.100-192.0.2.1"];
      },
      "error invalid-object IPAddressPool metallb-system/lan",
    ],
    [
      "an AddressPool of MetalLB before 0.15",
      add({ apiVersion: "metallb.io/v1beta1", kind: "AddressPool", metadata: meta("old"), spec: { protocol: "bgp" } }),
      "error address-pool-kind AddressPool metallb-system/old",
    ],
    [
      "the ConfigMap of MetalLB before 0.13, as configInline made it",
      add({
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: meta("config"),
        data: { config: "address-pools:\n- name: x\n" },
      }),
      "error config-map-configuration ConfigMap metallb-system/config",
    ],
    [
      "an FRRConfiguration that somebody else wrote",
      add({ apiVersion: "frrk8s.metallb.io/v1beta1", kind: "FRRConfiguration", metadata: meta("learn-routes") }),
      "error frr-configuration FRRConfiguration metallb-system/learn-routes",
    ],
    [
      "k3s ServiceLB made a DaemonSet for the Service",
      add({
        apiVersion: "apps/v1",
        kind: "DaemonSet",
        metadata: {
          ...meta("svclb-web-5b2c", "kube-system"),
          labels: { "svccontroller.k3s.cattle.io/svcname": "web", "svccontroller.k3s.cattle.io/svcnamespace": "shop" },
        },
      }),
      "error service-claimed Service shop/web",
    ],
    [
      "kube-vip says where the Service is",
      service((web) => {
        web.metadata.annotations = { "kube-vip.io/vipHost": "n1" };
      }),
      "error service-claimed Service shop/web",
    ],
    [
      "PureLB allocated the address",
      service((web) => {
        web.metadata.annotations = { "purelb.io/allocated-by": "PureLB" };
      }),
      "error service-claimed Service shop/web",
    ],
    [
      "Cilium's LB IPAM satisfied the request",
      service((web) => {
        web["status"].conditions = [{ type: "cilium.io/IPAMRequestSatisfied", status: "True" }];
      }),
      "error service-claimed Service shop/web",
    ],
    [
      "OpenELB is asked for",
      service((web) => {
        web.metadata.annotations = { "lb.kubesphere.io/v1alpha1": "openelb" };
      }),
      "error service-claimed Service shop/web",
    ],
    [
      "Herald runs already, for the same Services",
      (objects) => {
        const controller = structuredClone(find(objects, "Deployment", "controller"));
        controller.metadata = {
          ...meta("herald-controller"),
          labels: { "app.kubernetes.io/name": "herald", "app.kubernetes.io/component": "controller" },
        };
        controller["spec"].template.spec.containers[0].image = "registry.example/herald:0.1.0";
        objects.push(controller);
      },
      "error two-owners Deployment metallb-system/herald-controller",
    ],
    [
      "speakers of both run, and no controller of Herald's",
      (objects) => {
        const speaker = structuredClone(find(objects, "DaemonSet", "speaker"));
        speaker.metadata = {
          ...meta("herald-speaker"),
          labels: { "app.kubernetes.io/name": "herald", "app.kubernetes.io/component": "speaker" },
        };
        speaker["spec"].template.spec.containers[0].image = "registry.example/herald:0.1.0";
        objects.push(speaker);
      },
      "error two-owners DaemonSet metallb-system/herald-speaker",
    ],
    [
      "MetalLB's Operator would start it again",
      (objects) => {
        const { metadata } = find(objects, "Deployment", "controller");
        Object.assign(metadata, { ownerReferences: [{ kind: "MetalLB", name: "metallb", controller: true }] });
      },
      "error put-back Deployment metallb-system/controller",
    ],
    [
      "MetalLB is there twice",
      (objects) => {
        const controller = structuredClone(find(objects, "Deployment", "controller"));
        controller.metadata.namespace = "metallb-old";
        objects.push(controller);
      },
      "error several-metallbs",
    ],
  ])("%s", (_name, change, finding) => {
    const objects = dump("native");
    change(objects);
    expect(findingsOf(look(objects))).toContain(finding);
  });
});

describe("what has no meaning in Herald, or another one, is named", () => {
  test.each<Row>([
    [
      "--lb-class",
      args("Deployment", "controller", "--lb-class=x.io/y"),
      "info lb-class Deployment metallb-system/controller",
    ],
    [
      "a flag with its value behind a blank",
      args("Deployment", "controller", "--lb-class", "x.io/y"),
      "info lb-class Deployment metallb-system/controller",
    ],
    [
      "--ml-wan-config",
      args("DaemonSet", "speaker", "--ml-wan-config"),
      "info flag-without-meaning DaemonSet metallb-system/speaker",
    ],
    [
      "--metrics-cert-dir",
      args("DaemonSet", "speaker", "--metrics-cert-dir=/x"),
      "warning metrics-tls DaemonSet metallb-system/speaker",
    ],
    [
      "0.16, which serves metrics over HTTPS alone",
      (objects) => {
        find(objects, "Deployment", "controller")["spec"].template.spec.containers[0].image =
          "quay.io/metallb/controller:v0.16.1";
      },
      "warning metrics-tls Deployment metallb-system/controller",
    ],
    [
      "a peer that was written as v1beta1",
      (objects) => {
        find(objects, "BGPPeer", "tor").metadata.annotations = {
          "kubectl.kubernetes.io/last-applied-configuration": '{"apiVersion":"metallb.io/v1beta1","kind":"BGPPeer"}',
        };
      },
      "warning peer-v1beta1 BGPPeer metallb-system/tor",
    ],
    [
      "Calico announces the addresses of Services",
      add({
        apiVersion: "crd.projectcalico.org/v1",
        kind: "BGPConfiguration",
        metadata: { name: "default" },
        spec: { serviceLoadBalancerIPs: [{ cidr: "198.51.100.0/28" }] },
      }),
      "warning rival-present BGPConfiguration default",
    ],
    [
      "Cilium announces them on the LAN",
      add({
        apiVersion: "cilium.io/v2alpha1",
        kind: "CiliumL2AnnouncementPolicy",
        metadata: { name: "all" },
        spec: { loadBalancerIPs: true },
      }),
      "warning rival-present CiliumL2AnnouncementPolicy all",
    ],
    [
      "Argo CD keeps the speaker",
      (objects) => {
        find(objects, "DaemonSet", "speaker").metadata.annotations = { "argocd.argoproj.io/tracking-id": "lb:apps/x" };
      },
      "warning put-back DaemonSet metallb-system/speaker",
    ],
    [
      "Flux keeps the controller",
      (objects) => {
        find(objects, "Deployment", "controller").metadata.labels = { "helm.toolkit.fluxcd.io/name": "metallb" };
      },
      "warning put-back Deployment metallb-system/controller",
    ],
    [
      "kube-vip runs for Services",
      add({
        apiVersion: "v1",
        kind: "Pod",
        metadata: meta("kube-vip-n1", "kube-system"),
        spec: {
          containers: [{ image: "ghcr.io/kube-vip/kube-vip:v0.8.9", env: [{ name: "svc_enable", value: "true" }] }],
        },
      }),
      "warning rival-present Pod kube-system/kube-vip-n1",
    ],
  ])("%s", (_name, change, finding) => {
    const objects = dump("native");
    change(objects);
    expect(findingsOf(look(objects))).toContain(finding);
  });

  test("kube-vip for the control plane alone is nobody's rival", () => {
    const image = "ghcr.io/kube-vip/kube-vip:v0.8.9";
    const pod = { containers: [{ image, env: [{ name: "cp_enable", value: "true" }] }] };
    const objects = [
      ...dump("native"),
      { apiVersion: "v1", kind: "Pod", metadata: meta("kube-vip", "kube-system"), spec: pod },
    ];
    expect(findingsOf(look(objects)).filter((text) => text.includes("rival"))).toEqual([]);
  });

  test("a rival that claims Services of another class is none of ours", () => {
    const objects = dump("native");
    const web = find(objects, "Service", "web");
    web["spec"].loadBalancerClass = "purelb.io/purelb";
    web.metadata.annotations = { "purelb.io/allocated-by": "PureLB" };
    expect(findingsOf(look(objects)).filter((text) => text.includes("service-claimed"))).toEqual([]);
  });
});

describe("dumps of real-looking installations", () => {
  test("plain manifests: version, mode and namespace are found; every address stays; nothing stands in the way", () => {
    const scene = look(dump("native"));
    expect(scene.report.installations).toEqual([
      {
        product: "metallb",
        namespace: "metallb-system",
        version: "v0.14.9",
        mode: "native",
        controller: "running",
        speakers: "running",
        helmRelease: null,
        loadBalancerClass: "",
      },
    ]);
    expect(scene.report.addresses.map(({ service: key, after, result }) => [key, after, result])).toEqual([
      ["shop/printer", ["192.0.2.100"], "stays"],
      ["shop/web", ["198.51.100.3"], "stays"],
    ]);
    expect(findingsOf(scene).filter((text) => text.startsWith("error"))).toEqual([]);
  });

  test("who announces is compared only where MetalLB says who does", () => {
    const rows = look(dump("native")).report.announcers;
    expect(rows.map(({ service: key, protocol, result }) => [key, protocol, result])).toEqual([
      ["shop/printer", "layer2", "moves"],
      ["shop/web", "bgp", "unknown"],
    ]);
    expect(look(dump("helm-frr-k8s")).report.announcers).toEqual([
      { service: "shop/web", protocol: "bgp", before: ["n1 tor"], after: ["n1 tor"], result: "stays" },
    ]);
  });

  test("Helm with FRR-K8s under a class: all that differs is named, Services of other classes are not looked at", () => {
    const scene = look(dump("helm-frr-k8s"));
    expect(scene.metallb).toMatchObject({ mode: "frr-k8s", helmRelease: "metallb", ignoreExcludeLb: true });
    expect(scene.report.addresses.map(({ service: key }) => key)).toEqual(["shop/web"]);
    expect(findingsOf(scene)).toEqual([
      "warning speaker-node-selector DaemonSet metallb/metallb-speaker",
      "warning speaker-tolerations DaemonSet metallb/metallb-speaker",
      "warning speaker-affinity DaemonSet metallb/metallb-speaker",
      "warning ignore-exclude-lb DaemonSet metallb/metallb-speaker",
      "warning metrics-tls DaemonSet metallb/metallb-speaker",
      "warning frr-raw-config ConfigMap metallb/bgpextras",
      "warning webhook-left-behind ValidatingWebhookConfiguration metallb-webhook-configuration",
      "warning helm-owns-definitions CustomResourceDefinition ipaddresspools.metallb.io",
      "warning zero-hold-time BGPPeer metallb/tor",
      "info lb-class Deployment metallb/metallb-controller",
      "info memberlist-disabled DaemonSet metallb/metallb-speaker",
      "info frr-metrics DaemonSet metallb/metallb-speaker",
      "info disable-mp BGPPeer metallb/tor",
      "info bfd-echo BFDProfile metallb/fast",
    ]);
  });

  test("only nodes that MetalLB's speakers are meant for stand for election: Herald's are to have the same selector", () => {
    const objects = dump("native");
    find(objects, "DaemonSet", "speaker")["spec"].template.spec.nodeSelector = { lan: "here" };
    find(objects, "Node", "n1").metadata.labels = { lan: "here" };
    const printer = look(objects).report.announcers.find(({ protocol }) => protocol === "layer2");
    expect(printer).toMatchObject({ service: "shop/printer", after: ["n1"], result: "stays" });
    const web = look(objects).report.announcers.find(({ protocol }) => protocol === "bgp");
    expect(web).toMatchObject({ service: "shop/web", after: ["n1 tor"] });
  });

  test("beside MetalLB, under a class of its own: nothing of MetalLB's is stopped, taken over or shared", () => {
    const { report } = look(dump("native"), "herald.io/lb");
    expect(report.addresses).toEqual([]);
    expect(report.findings).toEqual([]);
    expect(report.back).toEqual([]);
    const commands = report.steps.flatMap((step) => step.commands).join("\n");
    expect(commands).not.toMatch(/adopt --apply|--take-ownership|metallb-system|delete/);
    for (const set of ["loadBalancerClass=herald.io/lb", "crds.enabled=false", "controller.webhookMode=disabled"])
      expect(commands).toContain(`--set ${set}`);
  });

  test("what may not be read stands in the way: it is not the same as what is not there", () => {
    const { report } = adoptionScene(dump("native"), { ...MEANT, unread: ['services is forbidden: User "x" cannot'] });
    expect(report.findings[0]).toMatchObject({ severity: "error", name: "not-readable" });
    expect(report.steps[0]?.title).toBe("Clear the 1 error(s) above");
  });

  test("an empty cluster: no MetalLB, and the steps of a first installation", () => {
    const { report } = look([]);
    expect(report.findings.map(({ name }) => name)).toEqual(["metallb-not-found"]);
    expect(report.steps.map(({ title }) => title)).toEqual(["Install Herald", "See that it is as it was"]);
    expect(report.back).toEqual([]);
  });

  test("no step that can still be undone runs helm uninstall metallb: its release lists the definitions", () => {
    const { steps, back } = look(dump("helm-frr-k8s")).report;
    const commands = [...steps, ...back].flatMap((step) => step.commands);
    expect(commands.filter((command) => command.startsWith("helm uninstall"))).toEqual([
      "helm uninstall herald --namespace metallb",
    ]);
  });
});

describe("what --apply does", () => {
  const names = (objects: readonly Dumped[], of: typeof applyActions = applyActions): readonly string[] => {
    const scene = look(objects);
    if (scene.metallb === undefined) throw new Error("no MetalLB in the dump");
    return of(scene.metallb, scene.objects).map(({ name, object }) => `${name} ${object}`);
  };

  test("in this order: first what keeps pools alive, then the controller, then who announces", () => {
    expect(names(dump("helm-frr-k8s"))).toEqual([
      "keep-definition ipaddresspools.metallb.io",
      "hide-release sh.helm.release.v1.metallb.v3",
      "open-webhook metallb-webhook-configuration",
      "stop-controller metallb-controller",
      "stop-speaker metallb-speaker",
      "stop-frr-k8s metallb-frr-k8s",
    ]);
  });

  test.each([
    [
      "a ConfigMap (HELM_DRIVER=configmap) is hidden like a Secret",
      "ConfigMap",
      "hide-release sh.helm.release.v1.metallb.v3",
    ],
    ["a kind that is not read cannot be hidden, and nobody says that it is", "Database", "never run helm on it"],
  ])("a release that Helm keeps in %s", (_name, kind, said) => {
    const objects = dump("helm-frr-k8s");
    find(objects, "Secret", "sh.helm.release.v1.metallb.v3").kind = kind;
    const messages = look(objects).report.findings.filter(({ name }) => name === "helm-owns-definitions");
    expect([...names(objects), ...messages.map(({ message }) => message)].join("\n")).toContain(said);
    expect(messages.some(({ message }) => message.includes("--apply hides"))).toBe(kind === "ConfigMap");
  });

  test("a running MetalLB has nothing to revert", () => {
    expect(names(dump("helm-frr-k8s"), revertActions)).toEqual([]);
  });

  test("a pod that is still there is waited for, without changing anything again", () => {
    const objects = dump("native");
    const controller = find(objects, "Deployment", "controller");
    controller["spec"].replicas = 0;
    const scene = look(objects);
    const [action] = scene.metallb === undefined ? [] : applyActions(scene.metallb, scene.objects);
    expect(action).toMatchObject({ name: "stop-controller", patch: undefined });
  });
});
