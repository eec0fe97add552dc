import { expect, test } from "vitest";
import { describeSession } from "../../src/cli/session-describe.ts";
import type { SessionItem, SessionView } from "../../src/inspection/session-view.ts";
import { down, session } from "../inspection/explain-scene.ts";

const view = (item: SessionItem): SessionView => ({
  view: "session",
  version: 1,
  node: item.node,
  at: "2026-01-01T00:00:10Z",
  session: item,
  lacks: { ours: [], peers: [] },
  timeline: [],
  notSent: [],
});

test.each<[string, SessionItem, string]>([
  [
    "the router is in another AS",
    down("a", "the peer says AS 64513, want 64999", { direction: "out", subcode: 2 }),
    "BGPPeer tor spec.peerASN: set spec.peerASN to the AS that the router says it is in",
  ],
  [
    "nobody answers a session with a password",
    down("a", "no answer: not reachable (a peer with another password, or none, never answers)"),
    "BGPPeer tor spec.passwordSecret: compare the password with the router's first",
  ],
])("herald sessions describe ends in the one thing to change: %s", (_, item, expected) => {
  expect(describeSession(view(item))).toMatch(new RegExp(`^To change: +${expected}`, "m"));
});

test("a session that is up has nothing to change", () => {
  expect(describeSession(view(session("a")))).not.toContain("To change");
});
