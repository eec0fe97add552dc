import { backoffDelay, pause } from "../kubernetes/backoff.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import { Informer, type WatchReading } from "../kubernetes/informer.ts";
import { SECRETS } from "../kubernetes/resource.ts";
import { millis, seconds } from "../net/micros.ts";
import { issueServerCertificate, makeAuthority } from "../system/certificates.ts";
import type { Clock, WallClock } from "../system/clock.ts";
import type { Random } from "../system/random.ts";
import { errorFields, type Log } from "../telemetry/log.ts";
import { BundleKeeper } from "./bundle-keeper.ts";
import { followCertificateFiles } from "./certificate-files.ts";
import { CertificateKeeper, type ToldBundles } from "./certificate-keeper.ts";
import { type CertificateTexts, readStoredSecret } from "./certificate-secret.ts";
import type { ObserveReview } from "./review-metrics.ts";
import { type ClusterView, CONVERT_PATH, reviewsByPath } from "./reviews.ts";
import { checkSelf } from "./self-check.ts";
import { WebhookServer, type WebhookServerOptions } from "./webhook-server.ts";

export interface WebhookPorts {
  readonly client: KubernetesClient;
  readonly clock: Clock;
  readonly wallClock: WallClock;
  readonly random: Random;
  readonly log: Log;
  readonly cluster: ClusterView;
  /** Counts what is asked and what is answered. */
  readonly observe?: ObserveReview;
}

/** Where the certificate comes from: our own Secret, somebody else's Secret, or files. */
export type CertificateSource = "kept-secret" | "foreign-secret" | { readonly folder: string };

export interface WebhookOptions extends WebhookServerOptions {
  readonly namespace: string;
  readonly serviceName: string;
  readonly secretName: string;
  readonly configurationName: string;
  readonly certificates: CertificateSource;
}

const DEFINITION = "bgppeers.metallb.io";
const SERVICE_PORT = 443;
const RETRY = { baseDelay: millis(200), maxDelay: seconds(10) };
/** Until every node knows that the Service leads elsewhere: a call that finds nobody is not made again. */
const LEAVE_AFTER = seconds(2);
/** The API is not asked whom callers trust when somebody else tells them. */
const TOLD_BY_OTHERS: ToldBundles = { told: () => [], knows: () => true };

/** The webhooks of a controller: the server, its certificate, and what the API server is told of it. */
export class Webhook {
  readonly #ports: WebhookPorts;
  readonly #options: WebhookOptions;
  readonly #server: WebhookServer;
  readonly #certificates: CertificateKeeper;
  readonly #bundles: BundleKeeper | undefined;
  readonly #secret: Informer<NonNullable<ReturnType<typeof readStoredSecret>>>;
  #served: CertificateTexts | undefined;
  #answersItself = false;

  constructor(ports: WebhookPorts, options: WebhookOptions) {
    const log = ports.log.child({ component: "webhook" });
    this.#ports = { ...ports, log };
    this.#options = options;
    const { namespace, serviceName: name, secretName } = options;
    this.#server = new WebhookServer({ log, reviews: reviewsByPath(ports.cluster, log, ports.observe) }, options);
    const service = { namespace, name, port: SERVICE_PORT, convertPath: CONVERT_PATH };
    this.#bundles =
      options.certificates === "kept-secret"
        ? new BundleKeeper(
            { ...this.#ports, readAuthorities: (signal) => this.#certificates.readAuthorities(signal) },
            { service, webhooks: options.configurationName, definition: DEFINITION },
          )
        : undefined;
    this.#certificates = new CertificateKeeper(
      { ...this.#ports, makeAuthority, issueServerCertificate, callers: this.#bundles ?? TOLD_BY_OTHERS },
      {
        namespace,
        secretName,
        authorityName: `${name}-ca`,
        dnsNames: [`${name}.${namespace}.svc`, `${name}.${namespace}.svc.cluster.local`],
        readOnly: options.certificates !== "kept-secret",
      },
    );
    const fieldSelector = `metadata.name=${secretName}`;
    this.#secret = new Informer(this.#ports, { resource: SECRETS, namespace, fieldSelector, strip: readStoredSecret });
  }

  /** Serves until a moment after the signal is aborted, and resolves when the last answer is given. */
  async run(signal: AbortSignal): Promise<void> {
    const { certificates } = this.#options;
    const use = (texts: CertificateTexts): void => void this.#use(texts, signal);
    if (typeof certificates === "object") {
      await followCertificateFiles(this.#ports, certificates.folder, use, signal);
    } else {
      this.#certificates.onChange(use);
      this.#secret.onChange(() => this.#certificates.look());
      this.#secret.start(signal);
      this.#bundles?.onChange(() => this.#certificates.look());
      await Promise.all([this.#certificates.run(signal), this.#bundles?.run(signal)]);
    }
    if (this.#answersItself) await pause(this.#ports.clock, LEAVE_AFTER, undefined);
    await this.#server.close();
  }

  /** What is missing until the API server's calls are answered; empty when they are. */
  waiting(): readonly string[] {
    if (this.#served === undefined) return ["webhook certificate"];
    return [...(this.#bundles?.waiting() ?? []), ...(this.#answersItself ? [] : ["webhook to answer itself"])];
  }

  /** How each watch fares. */
  watches(): readonly WatchReading[] {
    return this.#bundles === undefined ? [] : [this.#secret.reading, ...this.#bundles.watches()];
  }

  /** Where it listens; undefined before it does. */
  get port(): number | undefined {
    return this.#server.port;
  }

  async #use(texts: CertificateTexts, signal: AbortSignal): Promise<void> {
    this.#served = texts;
    this.#bundles?.want(texts.authorities);
    for (let failures = 1; !signal.aborted && this.#served === texts; failures++) {
      try {
        await this.#server.use(texts);
        await this.#checkSelf(texts);
        this.#answersItself = true;
        return;
      } catch (error) {
        this.#answersItself = false;
        this.#ports.log.error("webhook does not answer", errorFields(error));
      }
      await pause(this.#ports.clock, backoffDelay(failures, RETRY, this.#ports.random), signal);
    }
  }

  async #checkSelf({ authorities }: CertificateTexts): Promise<void> {
    const { serviceName, namespace, address } = this.#options;
    const port = this.#server.port;
    if (port === undefined) return;
    await checkSelf({
      port,
      address,
      dnsName: `${serviceName}.${namespace}.svc`,
      authorities: authorities === "" ? undefined : authorities,
      path: CONVERT_PATH,
    });
  }
}
