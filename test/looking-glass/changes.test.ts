import { describe, expect, it } from "vitest";
import { sortManifests } from "../../src/api/manifests.ts";
import { parseConfig } from "../../src/api/parse-config.ts";
import { surveyAllocation } from "../../src/looking-glass/allocation-survey.ts";
import { Board } from "../../src/looking-glass/board.ts";
import { Changes } from "../../src/looking-glass/changes.ts";
import { held, layer2, pool } from "../inspection/explain-scene.ts";

function setUp() {
  const board = new Board(() => new Date(0));
  const changes = new Changes(board);
  changes.take();
  const told = (): readonly string[] => changes.take().map(({ type }) => type);
  return { board, changes, told };
}

const facts = (fields: Partial<Parameters<Board["setConfig"]>[0]> = {}): Parameters<Board["setConfig"]>[0] => ({
  config: { pools: new Map(), peers: new Map() },
  invalid: [],
  ...fields,
});

const INVALID = { kind: "BGPPeer", namespace: "herald-system", name: "tor", message: "no ASN", problems: [] };

describe("what changed is told when nothing else does", () => {
  it("an object that became invalid, and that it was mended", () => {
    const { board, told } = setUp();
    board.setConfig(facts({ invalid: [INVALID] }));
    expect(told()).toEqual(["overview"]);
    expect(told()).toEqual([]);
    board.setConfig(facts());
    expect(told()).toEqual(["overview"]);
  });

  it("a Node that came", () => {
    const { board, told } = setUp();
    board.setNodes([{ metadata: { name: "a" } }]);
    expect(told()).toEqual(["overview"]);
    board.setNodes([{ metadata: { name: "a" } }]);
    expect(told()).toEqual([]);
  });

  it("who is asked no more", () => {
    const { board, changes } = setUp();
    board.setSource({ name: "speakers", kind: "api", state: "silent", message: "forbidden" });
    changes.take();
    board.removeSource("speakers");
    const [overview, sources] = changes.take();
    expect(overview?.type).toBe("overview");
    expect(sources).toEqual({ type: "sources", data: { sources: [], gone: ["speakers"] } });
  });

  it("a pool that was deleted", () => {
    const { board, changes } = setUp();
    const survey = (documents: readonly object[]): void => {
      board.setConfig(parseConfig(sortManifests([...documents]), { nodes: [] }));
      const input = board.takeSurvey();
      if (input === undefined) throw new Error("no survey is due");
      const steps = surveyAllocation(input);
      let step = steps.next();
      while (step.done !== true) step = steps.next();
      board.takeSurveyed(step.value);
    };
    survey([pool({ addresses: ["192.0.2.0/30"] })]);
    changes.take();
    survey([]);
    const told = changes.take();
    expect(told).toContainEqual({ type: "pools", data: { pools: [], gone: [expect.any(String)] } });
    expect(changes.take()).toEqual([]);
  });
});

describe("a Service on the LAN", () => {
  it("is unknown while who answers for it is silent, and good again when it is back", () => {
    const { board } = setUp();
    const health = (): string | undefined => {
      board.services.settle();
      return board.services.find("shop/web")?.health;
    };
    board.observeLayer2(layer2("a", held("a")));
    board.setAnnouncement("l2/web", { service: "shop/web", node: "a", peers: [], layer2: true, addresses: [] });
    expect(health()).toBe("good");
    board.setSource({ name: "a", kind: "speaker", state: "silent", message: "gone" });
    expect(health()).toBe("unknown");
    board.observeLayer2(layer2("a", held("a")));
    expect(health()).toBe("good");
  });
});
