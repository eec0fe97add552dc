import { expect, test } from "vitest";
import { renderExplanation } from "../../src/cli/explain-render.ts";
import type { Explanation, RankedCause } from "../../src/inspection/explain/explain.ts";

const WORDS = "the router cannot be seen from here";

function cause(peer: string, words = WORDS, change = "ask the router"): RankedCause {
  const object = { kind: "BGPPeer", name: peer } as const;
  return { name: "unseen", rank: 1, verdict: "unknown", at: [], object, words, change };
}

function explanation(causes: readonly RankedCause[]): Explanation {
  return { service: "default/web", answers: "no", observed: true, findings: [], causes, change: causes[0]?.change };
}

test("what is true of several objects is said once, of all of them", () => {
  const text = renderExplanation(
    explanation([cause("tor1"), cause("tor2"), cause("tor3", "no session", "mend it")]),
    false,
  );
  expect(text).toBe(
    `Service default/web is not announced.\n\n\nChange: ask the router\n  BGPPeer tor1, BGPPeer tor2: ${WORDS}\n\nThen:\n  no session\n    mend it\n`,
  );
});

test("the same words with another remedy are another cause", () => {
  const text = renderExplanation(explanation([cause("tor1"), cause("tor2", WORDS, "restart it")]), false);
  expect(text).toContain(`Then:\n  ${WORDS}\n    restart it\n`);
});

test("what a peer sent cannot paint the terminal", () => {
  expect(renderExplanation(explanation([cause("tor1", "says \u001b[2J")]), false)).not.toContain("\u001b");
});
