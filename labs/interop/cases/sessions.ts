import type { InteropCase } from "../case.ts";

/** Who dials whom, over what, from which AS. */
export const SESSIONS: readonly InteropCase[] = [
  {
    name: "session-ipv4",
    title: "Session over IPv4",
    async run(bench) {
      await bench.up();
      await bench.herald.until("both families", ({ families }) => (families.length === 2 ? undefined : `${families}`));
      return undefined;
    },
  },
];
