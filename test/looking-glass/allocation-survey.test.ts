import { describe, expect, it } from "vitest";
import { planAllocation } from "../../src/allocation/plan.ts";
import { isUnmet } from "../../src/allocation/reason.ts";
import { sortManifests } from "../../src/api/manifests.ts";
import { parseConfig } from "../../src/api/parse-config.ts";
import { surveyAllocation } from "../../src/looking-glass/allocation-survey.ts";
import { pool, service } from "../inspection/explain-scene.ts";

const at = (ip: string) => ({ loadBalancer: { ingress: [{ ip }] } });
const named = (name: string, status = {}, spec = {}) => service(spec, { name }, status);

function survey(documents: readonly object[]) {
  const manifests = sortManifests([...documents]);
  const { config } = parseConfig(manifests, { nodes: [] });
  const input = {
    services: manifests.services,
    pools: config.pools,
    namespaces: new Map(),
    loadBalancerClass: undefined,
  };
  const steps = surveyAllocation(input);
  let count = 0;
  for (let step = steps.next(); ; step = steps.next()) {
    count += 1;
    if (step.done === true)
      return { ...step.value, steps: count, planned: planAllocation({ ...input, loadBalancerClass: "" }) };
  }
}

describe("a survey of the pools", () => {
  it("says of each Service what the controller would, and of a pool who holds what", () => {
    const documents = [
      pool({ addresses: ["192.0.2.0/30"] }),
      ...[0, 1, 2, 3].map((i) => named(`s${i}`, at(`192.0.2.${i}`))),
      named("late"),
      named("lost", {}, { loadBalancerIP: "198.51.100.1" }),
    ];
    const { outcomes, pools, planned } = survey(documents);
    const unmet = planned.filter(({ outcome }) => isUnmet(outcome)).map(({ key, outcome }) => [key, outcome]);
    const said = [...outcomes].flatMap(([key, outcome]) =>
      outcome.unmet === undefined ? [] : [[key, outcome.unmet.reason]],
    );
    expect(said.toSorted()).toEqual(unmet.toSorted());
    expect(said).toHaveLength(2);
    const [main] = pools;
    expect(main?.holders).toBe(4);
    expect(main?.counters[4]).toMatchObject({ capacity: 4n, assigned: 4n });
    expect(main?.holdings().map(({ ip, services }) => `${ip} ${services.join()}`)).toEqual([
      "192.0.2.0 default/s0",
      "192.0.2.1 default/s1",
      "192.0.2.2 default/s2",
      "192.0.2.3 default/s3",
    ]);
  });

  it("takes a step for a few Services each", () => {
    const documents = Array.from({ length: 1000 }, (_, i) => named(`s${i}`, at(`192.0.${2 + (i >> 8)}.${i & 255}`)));
    const { steps, pools } = survey([pool({ addresses: ["192.0.2.0-192.0.9.255"] }), ...documents]);
    expect(pools[0]?.holders).toBe(1000);
    expect(steps).toBeGreaterThan(40);
  });
});
