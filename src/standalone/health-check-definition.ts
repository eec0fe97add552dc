import { HEALTH_CHECK_API_VERSION } from "./health-check.ts";

const [GROUP = "", VERSION = ""] = HEALTH_CHECK_API_VERSION.split("/");

/**
 * The CustomResourceDefinition by which kubectl sees HealthChecks. What is valid is decided by `parseHealthCheck` alone, which
 * knows the file and says all problems at once: the schema says what the fields are. In a cluster there is no such kind: there
 * readiness is the kubelet's business.
 */
export const HEALTH_CHECK_DEFINITION = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: `healthchecks.${GROUP}` },
  spec: {
    group: GROUP,
    scope: "Namespaced",
    names: { kind: "HealthCheck", listKind: "HealthCheckList", plural: "healthchecks", singular: "healthcheck" },
    versions: [
      {
        name: VERSION,
        served: true,
        storage: true,
        subresources: { status: {} },
        additionalPrinterColumns: [
          { name: "Service", type: "string", jsonPath: ".status.service" },
          { name: "Health", type: "string", jsonPath: ".status.health" },
          { name: "Since", type: "date", jsonPath: ".status.since" },
          { name: "Reason", type: "string", jsonPath: ".status.reason" },
        ],
        schema: { openAPIV3Schema: schema() },
      },
    ],
  },
};

function schema(): object {
  const [text, integer, flag] = [{ type: "string" }, { type: "integer" }, { type: "boolean" }];
  const fields = (properties: object): object => ({ type: "object", properties });
  const http = { port: integer, scheme: text, path: text, host: text, insecureSkipVerify: flag };
  return {
    description: "Whether a Service of a host without Kubernetes works, and so is announced from there.",
    ...fields({
      apiVersion: text,
      kind: text,
      metadata: { type: "object" },
      spec: fields({
        service: { ...text, description: "Service of the same namespace; the name of the check when absent." },
        address: { ...text, description: "Where the service is asked; 127.0.0.1 when absent." },
        tcp: { description: "A connection can be opened.", ...fields({ port: integer }) },
        http: {
          description: "A GET is answered with one of the statuses, or with 200 to 399.",
          ...fields({ ...http, statuses: { type: "array", items: integer } }),
        },
        exec: {
          description: "A program, run without a shell, ends with 0.",
          ...fields({ command: { type: "array", items: text } }),
        },
        interval: { ...text, description: "From one run to the next; 2s when absent." },
        timeout: { ...text, description: "After this a run has failed; 1s when absent, and never above the interval." },
        rise: { ...integer, description: "Runs in a row until it is healthy again; 2 when absent." },
        fall: { ...integer, description: "Failures in a row until it is unhealthy; 3 when absent." },
      }),
      status: fields({ service: text, health: text, since: { ...text, format: "date-time" }, reason: text }),
    }),
  };
}
