import { beforeAll, describe, expect, it } from "vitest";
import { Board } from "../../src/looking-glass/board.ts";
import { Changes } from "../../src/looking-glass/changes.ts";
import { Query } from "../../src/looking-glass/query.ts";
import { searchServices } from "../../src/looking-glass/service-search.ts";
import { topologyOf } from "../../src/looking-glass/topology.ts";
import { overviewOf } from "../../src/looking-glass/views.ts";
import { down, session } from "../inspection/explain-scene.ts";
import { busyMillis } from "../support/busy-time.ts";
import { addressAfter } from "./made-up-cluster.ts";

const SERVICES = 10_000;
const NODES = Array.from({ length: 100 }, (_, i) => `node${i}`);
const FIRST = 0x0a800000n;

let board: Board;
let changes: Changes;

beforeAll(() => {
  board = new Board(() => new Date());
  changes = new Changes(board);
  board.setScope({ api: true, endpoints: true, announcements: true }, undefined);
  for (const node of NODES) board.observeSession(session(node));
  for (let i = 0; i < SERVICES; i++) put(i, true);
  board.services.settle();
  changes.take();
});

function put(index: number, hasEndpoints: boolean): void {
  const name = `service${index}`;
  const key = `team${index % 50}/${name}`;
  const status = { loadBalancer: { ingress: [{ ip: addressAfter(FIRST, index) }] } };
  const metadata = { namespace: `team${index % 50}`, name };
  board.setService(key, { metadata, spec: { type: "LoadBalancer" }, status });
  board.setEndpoints(key, { any: hasEndpoints, count: hasEndpoints ? 3 : 0 });
  for (let i = 0; i < 3; i++) {
    const node = NODES[(index + i) % NODES.length] ?? "";
    board.setAnnouncement(`bgp/${name}-${node}`, { service: key, node, peers: ["tor"], layer2: false, addresses: [] });
  }
}

/** The best of three: what a busy machine adds is no work of ours. */
function work(call: () => void): number {
  return Math.min(...[1, 2, 3].map(() => busyMillis(call)));
}

describe("ten thousand Services", () => {
  it("cost little for a change each", () => {
    let turn = 0;
    const each = work(() => {
      for (let i = 0; i < 100; i++) {
        turn += 1;
        put((turn * 7919) % SERVICES, turn % 2 === 0);
        board.services.settle();
        changes.take();
      }
    });
    // Ten a second are a thirtieth of the time even where each costs this.
    expect(each / 100).toBeLessThan(3);
  });

  it("are judged in short turns when a session with hundreds of them is lost", () => {
    let longest = 0;
    board.observeSession({ ...down("node7", "hold time"), node: "node7" });
    for (let done = false; !done; ) {
      longest = Math.max(
        longest,
        work(() => {
          done = board.services.settle(32);
        }),
      );
    }
    expect(longest).toBeLessThan(20);
    expect(board.services.counts.doubtful).toBeGreaterThan(100);
    board.observeSession(session("node7"));
    board.services.settle();
  });

  it.each<[string, number, () => unknown]>([
    ["the overview", 30, () => overviewOf(board)],
    ["a page of them", 150, () => searchServices(board, new Query("limit=100"))],
    ["a search", 150, () => searchServices(board, new Query("q=service99&sort=address&order=desc"))],
    ["the picture of all", 150, () => topologyOf(board, undefined)],
  ])("%s takes less than %i ms of work", (_, limit, view) => {
    expect(work(() => void view())).toBeLessThan(limit);
  });

  it("are drawn in groups, and a page has no more than may be asked for", () => {
    const { services, links } = topologyOf(board, undefined);
    expect(services).toHaveLength(50);
    expect(links.length).toBeLessThanOrEqual(50 * 100 + 100);
    expect(searchServices(board, new Query("limit=100000")).items).toHaveLength(500);
  });
});
