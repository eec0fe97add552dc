import type { Given, GivenObjects } from "./objects.ts";
import { containersOf, imagePath, workloadsOf } from "./workload.ts";

/** Somebody else who gives addresses to Services or announces them. */
export interface Rival {
  readonly name: RivalName;
  /** How to make it leave Services alone. */
  readonly remedy: string;
  /** An object that shows it is there. */
  readonly present: (objects: GivenObjects) => Given | undefined;
  /** Whether it has written on this Service, or made something for it. */
  readonly claims: (service: Given, objects: GivenObjects) => boolean;
}

type RivalName =
  | "k3s ServiceLB"
  | "kube-vip"
  | "PureLB"
  | "Cilium LB IPAM"
  | "Cilium announcements"
  | "Calico"
  | "OpenELB";

const SVCLB_NAME = "svccontroller.k3s.cattle.io/svcname";
const SVCLB_NAMESPACE = "svccontroller.k3s.cattle.io/svcnamespace";
const KUBE_VIP: readonly string[] = ["kube-vip.io/vipHost", "kube-vip.io/loadbalancerIPs"];

/** Who may own Services beside us, and by what each is known. */
export const RIVALS: readonly Rival[] = [
  {
    name: "k3s ServiceLB",
    remedy: "start every k3s server with --disable=servicelb",
    present: (objects) => serviceLbs(objects)[0],
    claims: (service, objects) => serviceLbs(objects).some((made) => isFor(made, service)),
  },
  {
    name: "kube-vip",
    remedy: "start kube-vip with svc_enable=false, and remove kube-vip-cloud-provider",
    present: (objects) => kubeVips(objects)[0],
    claims: ({ annotations, labels }) =>
      KUBE_VIP.some((key) => Object.hasOwn(annotations, key)) || labels["implementation"] === "kube-vip",
  },
  {
    name: "PureLB",
    remedy: "remove PureLB, or give it a loadBalancerClass of its own",
    present: (objects) => objects.of("LBNodeAgent", "purelb.io")[0] ?? objects.of("ServiceGroup", "purelb.io")[0],
    claims: ({ annotations }) => Object.hasOwn(annotations, "purelb.io/allocated-by"),
  },
  {
    name: "Cilium LB IPAM",
    remedy: "delete the CiliumLoadBalancerIPPools, or set defaultLBServiceIPAM=none",
    present: (objects) => objects.of("CiliumLoadBalancerIPPool")[0],
    claims: (service) => conditionOf(service, "cilium.io/IPAMRequestSatisfied") === "True",
  },
  {
    name: "Cilium announcements",
    remedy: "delete the policies that select LoadBalancer addresses, or select other Services",
    present: ciliumAnnouncer,
    claims: () => false,
  },
  {
    name: "Calico",
    remedy:
      "take serviceLoadBalancerIPs out of the BGPConfiguration, or let Calico announce and leave out BGPAdvertisements",
    present: (objects) => objects.of("BGPConfiguration").find(announcesServices),
    claims: () => false,
  },
  {
    name: "OpenELB",
    remedy: "remove OpenELB, or the annotation lb.kubesphere.io/v1alpha1 from the Services",
    present: (objects) => objects.of("Eip", "network.kubesphere.io")[0],
    claims: ({ annotations }) => annotations["lb.kubesphere.io/v1alpha1"] === "openelb",
  },
];

function serviceLbs(objects: GivenObjects): readonly Given[] {
  return [...objects.of("DaemonSet"), ...objects.of("Pod")].filter(({ labels }) => labels[SVCLB_NAME] !== undefined);
}

/** Before k3s 1.25 there was no namespace on it. */
function isFor({ labels }: Given, service: Given): boolean {
  const where = labels[SVCLB_NAMESPACE];
  return labels[SVCLB_NAME] === service.name && (where === undefined || where === (service.namespace || "default"));
}

function kubeVips(objects: GivenObjects): readonly Given[] {
  const workloads = workloadsOf(objects).map(({ object, containers }) => ({ object, containers }));
  const pods = objects.of("Pod").map((object) => ({ object, containers: containersOf(object.fields.object("spec")) }));
  return [...workloads, ...pods]
    .filter(({ containers }) =>
      containers.some(({ image, env }) => {
        const path = imagePath(image);
        if (/(^|\/)kube-vip-cloud-provider$/.test(path)) return true;
        return /(^|\/)kube-vip(-iptables)?$/.test(path) && env.get("svc_enable") === "true";
      }),
    )
    .map(({ object }) => object);
}

function ciliumAnnouncer(objects: GivenObjects): Given | undefined {
  const layer2 = objects
    .of("CiliumL2AnnouncementPolicy")
    .find(({ fields }) => fields.object("spec")?.boolean("loadBalancerIPs") === true);
  const bgp = objects
    .of("CiliumBGPAdvertisement")
    .find(({ fields }) =>
      (fields.object("spec")?.objects("advertisements") ?? []).some(
        (one) => one.string("advertisementType") === "Service",
      ),
    );
  return layer2 ?? bgp;
}

function announcesServices({ fields }: Given): boolean {
  return (fields.object("spec")?.objects("serviceLoadBalancerIPs") ?? []).length > 0;
}

function conditionOf({ fields }: Given, type: string): string | undefined {
  const conditions = fields.object("status")?.objects("conditions") ?? [];
  return conditions.find((condition) => condition.string("type") === type)?.string("status");
}
