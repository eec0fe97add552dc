import type { ServiceKey } from "../api/config.ts";
import type { ClusterContext } from "./cluster-context.ts";
import { type ServiceState, type Survey, surveyService } from "./service-survey.ts";

/**
 * The surveys of all Services with who won them: who answers for one may depend on the others. Told of every Service that comes,
 * changes or goes, it says which are to be decided again.
 */
export class Elections {
  #cluster: ClusterContext;
  readonly #surveys = new Map<ServiceKey, Survey>();

  constructor(cluster: ClusterContext) {
    this.#cluster = cluster;
  }

  /** Takes another view of the cluster and all Services there are; all of them are to be decided again. */
  reconfigure(cluster: ClusterContext, services: Iterable<ServiceState>): void {
    this.#cluster = cluster;
    this.#surveys.clear();
    for (const state of services) this.put(state);
  }

  /** Takes a Service that is new or changed, and returns those to decide again, itself among them. */
  put({ service, endpoints }: ServiceState): readonly ServiceKey[] {
    const survey = surveyService(this.#cluster, service, endpoints);
    this.#surveys.set(survey.key, survey);
    return [survey.key];
  }

  /** Forgets a Service, and returns the others to decide again. */
  remove(key: ServiceKey): readonly ServiceKey[] {
    this.#surveys.delete(key);
    return [];
  }

  /** What `decideSurvey` decides on; undefined for a Service it was not told of. */
  survey(key: ServiceKey): Survey | undefined {
    return this.#surveys.get(key);
  }
}
