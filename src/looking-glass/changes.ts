import type { Board } from "./board.ts";
import type { GlassEvent } from "./model.ts";
import { problemsOf, worstOf } from "./problems.ts";
import { countsOf } from "./views.ts";

/** Rows of Services in one event: who shows more loads them anew. */
const MOST_SERVICES = 50;
const MOST_ADDRESSES = 200;

/** Turns what changed on the board into events; what stayed the same is not told again. */
export class Changes {
  readonly #board: Board;
  #glance = "";
  #problems = "";

  constructor(board: Board) {
    this.#board = board;
  }

  /** What changed since this was asked last. */
  take(): readonly GlassEvent[] {
    const events = this.#topics();
    const isDue = this.#board.takeFactsChanged() || events.length > 0 || this.#glance === "";
    return isDue ? [...this.#overview(), ...events] : [];
  }

  #topics(): readonly GlassEvent[] {
    const board = this.#board;
    const events: GlassEvent[] = [];
    const sources = board.takeSourceChanges();
    if (sources.sources.length + sources.gone.length > 0) events.push({ type: "sources", data: sources });
    const sessions = board.sessions.takeChanges();
    if (sessions.rows.length + sessions.gone.length > 0) events.push({ type: "sessions", data: sessions });
    const services = board.services.takeChanges(MOST_SERVICES);
    if (services.rows.length + services.gone.length > 0) events.push({ type: "services", data: services });
    const pools = board.pools.takeChanges();
    if (pools.pools.length + pools.gone.length > 0) events.push({ type: "pools", data: pools });
    const addresses = board.layer2.takeChanges();
    if (addresses.length > 0) events.push({ type: "layer2", data: { addresses: addresses.slice(0, MOST_ADDRESSES) } });
    const journal = board.journal.takeChanges();
    if (journal.entries.length > 0) events.push({ type: "journal", data: journal });
    return events;
  }

  #overview(): readonly GlassEvent[] {
    const [counts, all] = [countsOf(this.#board), problemsOf(this.#board)];
    const health = worstOf(all);
    const glance = JSON.stringify([health, counts]);
    const problems = JSON.stringify(all.map(({ id, message, count }) => [id, message, count]));
    const differs = problems !== this.#problems;
    if (glance === this.#glance && !differs) return [];
    this.#glance = glance;
    this.#problems = problems;
    return [{ type: "overview", data: { health, counts, problems: differs } }];
  }
}
