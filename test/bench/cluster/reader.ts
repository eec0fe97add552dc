// The process under test where only the reading is measured: keeps the objects of three kinds current, and says when it has them.
import { CoreV1Api, DiscoveryV1Api, KubeConfig, makeInformer } from "@kubernetes/client-node";
import { stripEndpointSlice, stripNode, stripService } from "../../../src/api/strip.ts";
import { KubernetesClient } from "../../../src/kubernetes/client.ts";
import { Informer } from "../../../src/kubernetes/informer.ts";
import { clientConfigFromKubeconfig } from "../../../src/kubernetes/kubeconfig.ts";
import { ENDPOINT_SLICES, NODES, SERVICES } from "../../../src/kubernetes/resource.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { systemRandom } from "../../../src/system/random.ts";
import { silentLog } from "../../support/silent-log.ts";

const [kind, kubeconfig = ""] = process.argv.slice(2);

async function readAsHerald(): Promise<number> {
  const base = { clock: systemClock, random: systemRandom, log: silentLog };
  const ports = { ...base, client: new KubernetesClient(base, clientConfigFromKubeconfig(kubeconfig)) };
  const informers = [
    new Informer(ports, { resource: SERVICES, strip: stripService }),
    new Informer(ports, { resource: ENDPOINT_SLICES, strip: stripEndpointSlice }),
    new Informer(ports, { resource: NODES, strip: stripNode }),
  ];
  const { signal } = new AbortController();
  for (const informer of informers) informer.start(signal);
  await Promise.all(informers.map(({ synced }) => synced));
  return informers.reduce((sum, { size }) => sum + size, 0);
}

/** As its own documentation does it. */
async function readAsClientNode(): Promise<number> {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  const core = config.makeApiClient(CoreV1Api);
  const discovery = config.makeApiClient(DiscoveryV1Api);
  const informers = [
    makeInformer(config, "/api/v1/services", () => core.listServiceForAllNamespaces()),
    makeInformer(config, "/apis/discovery.k8s.io/v1/endpointslices", () =>
      discovery.listEndpointSliceForAllNamespaces(),
    ),
    makeInformer(config, "/api/v1/nodes", () => core.listNode()),
  ];
  await Promise.all(informers.map((informer) => informer.start()));
  return informers.reduce((sum, informer) => sum + informer.list().length, 0);
}

const objects = await (kind === "herald" ? readAsHerald() : readAsClientNode());
process.stdout.write(`${JSON.stringify({ objects })}\n`);
