import type { Endpoint, EndpointSlice, Service } from "../api/core.ts";
import { defined } from "../api/defined.ts";
import { isUsableEndpoint, SERVICE_NAME_LABEL } from "../api/endpoints.ts";
import { stripEndpointSlice, stripService } from "../api/strip.ts";

/** Names of nodes that are gone must not pile up. */
const MOST_NAMES = 20_000;
/** Beyond those that are ready, these are the ones that count. */
const ON_THE_WAY_OUT = { ready: false, serving: true } as const;

/** What a speaker keeps of the objects that there are most of: what it announces by, and nothing that only others read. */
export class LeanObjects {
  readonly #names = new Map<string, string>();

  /** Neither ports nor selectors nor cluster addresses. */
  readonly service = (raw: unknown): Service | undefined => {
    const whole = stripService(raw);
    if (whole === undefined) return undefined;
    const { name, namespace, uid, resourceVersion, labels, annotations } = whole.metadata;
    const { type, loadBalancerClass, loadBalancerIP, externalTrafficPolicy } = whole.spec;
    return {
      metadata: { name, ...defined({ namespace, uid, resourceVersion, labels, annotations }) },
      spec: defined({ type, loadBalancerClass, loadBalancerIP, externalTrafficPolicy }),
      ...defined({ status: whole.status }),
    };
  };

  /** The endpoints that can be used. A hundred thousand of them have a handful of conditions and a thousand names of nodes. */
  readonly slice = (raw: unknown): EndpointSlice | undefined => {
    const whole = stripEndpointSlice(raw);
    if (whole === undefined) return undefined;
    const { name, namespace, uid, resourceVersion, labels } = whole.metadata;
    const service = labels?.[SERVICE_NAME_LABEL];
    return {
      metadata: {
        name,
        ...defined({
          namespace,
          uid,
          resourceVersion,
          labels: service === undefined ? undefined : { [SERVICE_NAME_LABEL]: service },
        }),
      },
      ...defined({ addressType: whole.addressType }),
      endpoints: (whole.endpoints ?? []).filter(isUsableEndpoint).map((endpoint) => this.#lean(endpoint)),
    };
  };

  #lean({ addresses = [], nodeName, conditions }: Endpoint): Endpoint {
    return {
      addresses: addresses.slice(0, 1),
      ...(nodeName === undefined ? {} : { nodeName: this.#shared(nodeName) }),
      ...(conditions?.ready === false ? { conditions: ON_THE_WAY_OUT } : {}),
    };
  }

  /** The same text for the same name: each object that is parsed brings its own. */
  #shared(name: string): string {
    const known = this.#names.get(name);
    if (known !== undefined) return known;
    if (this.#names.size >= MOST_NAMES) this.#names.clear();
    this.#names.set(name, name);
    return name;
  }
}
